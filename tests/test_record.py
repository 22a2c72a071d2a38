"""The record: what stands on it after what was said, and which routes that allows."""

import pytest

from workbench.conversation import Act
from workbench.record import Record, fits


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


def test_offers_are_left_until_each_was_made(record):
    record.list_offers = lambda given: ["a", "b"] if given else []
    assert "offers_spent" in record.states
    hear(record, "give(dates=May)")
    record.offer(["a"])
    assert (record.left, record.states) == (["b"], {"slots_missing", "offers_left"})
    record.offer(["b"])
    hear(record, "reopen")
    assert (record.left, "offers_spent" in record.states) == ([], True)
    hear(record, "revise(dates=June)")
    assert record.left == ["a", "b"]


@pytest.mark.parametrize(
    ("acts", "offered", "routes"),
    [
        (["failed"], [], ["next_one"]),
        (["failed"], ["cable", "wake", "driver", "empty"], ["out"]),
        (["done"], [], ["worked"]),
        (["done", "leave"], [], ["worked", "leave"]),
        (["chat"], [], []),
    ],
)
def test_a_route_needs_its_act_and_its_state_of_the_offers(printer, acts, offered, routes):
    record = printer.open_record()
    hear(record, "give(printer=Inkwell)", "give(problem=prints nothing)")
    record.offer(offered)
    hub = printer.flowchart.nodes["react"]
    assert record.allowed_routes(hub, [Act.parse(act) for act in acts]) == routes


@pytest.mark.parametrize(
    ("printer_is", "problem", "route"),
    [
        ("Oldjet", "prints stripes", "replace"),
        ("Laseron", "prints stripes", "ready"),
        ("Laseron", "shows error code 77", "hopeless"),
    ],
)
def test_a_route_is_for_what_is_on_record(printer, printer_is, problem, route):
    record = printer.open_record()
    hear(record, f"give(printer={printer_is})", f"give(problem={problem})")
    assert record.allowed_routes(printer.flowchart.nodes["check"], []) == [route]


@pytest.mark.parametrize(
    ("given", "is_fitting"),
    [({}, False), ({"size": "large"}, True), ({"size": "huge"}, False)],
)
def test_what_is_for_some_values_fits_those_only(given, is_fitting):
    assert fits({"size": ("small", "large")}, given) is is_fitting
    assert fits({}, given)


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
