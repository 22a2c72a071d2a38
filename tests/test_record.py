"""The record: what stands on it after what was said, and which routes that allows."""

import pytest

from workbench.conversation import Act
from workbench.record import Record


@pytest.fixture
def record():
    return Record(["destination", "dates"])


def hear(record, *acts):
    record.hear([Act.parse(act) for act in acts])
    return record


@pytest.mark.parametrize(
    ("acts", "state", "missing"),
    [
        ([], "slots_missing", ["destination", "dates"]),
        (["give(dates=May)"], "slots_missing", ["destination"]),
        (["give(dates=May)", "give(destination=Porto)"], "slots_complete", []),
        (["vague(dates)"], "slots_vague", ["destination"]),
        (["vague(dates)", "give(dates=May)"], "slots_missing", ["destination"]),
        (["give(dates=May)", "vague(dates)"], "slots_vague", ["destination"]),
        (["give(dates=May)", "drop(dates)"], "slots_missing", ["destination", "dates"]),
        (["revise(dates=May)", "give(destination=Porto)"], "slots_complete", []),
    ],
)
def test_acts_put_slots_on_record(record, acts, state, missing):
    hear(record, *acts)
    assert (record.state, record.missing) == (state, missing)


def test_a_revision_replaces_what_was_given(record):
    hear(record, "give(dates=May)", "revise(dates=June)")
    assert record.given == {"dates": "June"}


def test_offers_count_from_the_last_change_of_requirements(record):
    record.offer(["a", "b"])
    assert (record.offered, record.presentations) == (["a", "b"], 1)
    hear(record, "revise(dates=June)")
    assert (record.offered, record.presentations) == ([], 0)


def test_a_change_of_requirements_takes_the_choice_back(record):
    hear(record, "choose(lisbon_fado)", "revise(destination=Porto)")
    assert record.chosen == ""


def test_choices_and_questions_are_taken_down(record):
    hear(record, "choose(a)", "choose(b)", "ask(deposit)", "ask(visa)")
    assert (record.chosen, record.asked) == ("b", ["deposit", "visa"])


@pytest.mark.parametrize(
    ("acts", "routes"),
    [
        ([], ["missing"]),
        (["give(destination=Porto)", "give(dates=May)"], ["complete"]),
        (["leave"], ["leave"]),
        (["give(destination=Porto)", "give(dates=May)", "leave"], ["leave"]),
        (["ask(cup_price)"], ["missing"]),
    ],
)
def test_who_leaves_is_let_go_whatever_is_missing(record, coffee, acts, routes):
    hear(record, *acts)
    allowed = record.allowed_routes(coffee.nodes["take_order"], [Act.parse(act) for act in acts])
    assert allowed == routes


def test_nothing_leads_on_where_nothing_was_said(record, coffee):
    assert record.allowed_routes(coffee.nodes["settle"], [Act("chat")]) == []
