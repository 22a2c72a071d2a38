"""Planted defects: each breaks one thing, the same each time, or says why it cannot."""

import re
from copy import copy
from itertools import pairwise

import pytest

from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.evaluate.conditions import Walker
from workbench.evaluate.defects import DEFECTS, EDITS, NO_OPS, NoOccasionError, plant
from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.synthesize.scenarios import ScenarioError, plan_scenario

DOMAINS = ("coffee_domain", "printer", "travel")


class DeafRecognizer:
    def label(self, texts):
        return [Label() for _ in texts]


def hold_talks(domain):
    scenarios = []
    for sort in ("plain", "difficult", "adversarial"):
        for index, path in enumerate(enumerate_paths(domain.flowchart)[:48:4]):
            try:
                scenarios.append(plan_scenario(path, "test", domain, 7, index, sort))
            except ScenarioError:
                continue
    walker = Walker(domain, "walker", has_true_ears=True)
    customers = list_customers(scenarios, ("unseen", "difficult", "adversarial"))
    by_id = {scenario.scenario_id: scenario for scenario in scenarios}
    talks = simulate(walker, customers, domain, DeafRecognizer(), limit_replies(scenarios), False)
    for found in talks:
        labelled = found.conversation.model_copy(update={"labels": found.true_labels})
        yield labelled, by_id[found.scenario_id]


@pytest.fixture(scope="module", params=DOMAINS)
def case(request):
    domain = request.getfixturevalue(request.param)
    return domain, list(hold_talks(domain))


@pytest.fixture(scope="module")
def trips(travel):
    return list(hold_talks(travel))


def plant_all(name, domain, talks):
    """Pairs of (conversation, edited messages), and the reasons where there is no occasion."""
    done, reasons = [], []
    for talk, scenario in talks:
        try:
            done.append((talk, plant(name, talk, scenario, domain)))
        except NoOccasionError as error:
            reasons.append(str(error))
    return done, reasons


def said(messages, role="assistant"):
    return [m.content for m in messages if m.role == role]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_breaks_something_of_any_domain_or_says_why_not(name, case):
    domain, talks = case
    done, reasons = plant_all(name, domain, talks)
    assert len(done) + len(reasons) == len(talks)
    assert all(reasons)
    for talk, messages in done:
        assert messages != talk.messages
        assert messages[1].role == messages[-1].role == "assistant"
        assert all(one.role != other.role for one, other in pairwise(messages))
        assert all(m.content.strip() for m in messages)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_the_same_each_time_and_leaves_its_conversation_alone(name, travel, trips):
    before = [talk.model_dump_json() for talk, _ in trips]
    first, again = (plant_all(name, travel, trips) for _ in range(2))
    assert first == again
    assert [talk.model_dump_json() for talk, _ in trips] == before
    assert first[0], first[1]


def test_only_the_customer_who_pleads_says_something_else(travel, trips):
    for name in EDITS:
        for talk, messages in plant_all(name, travel, trips)[0]:
            kept = set(said(messages, "user")) <= set(said(talk.messages, "user"))
            assert kept == (name != "plead"), name


def test_what_must_fall_and_what_must_not_are_apart():
    assert len(DEFECTS) == 11
    for defect in EDITS.values():
        assert not {*defect.falls} & {*defect.holds}
        assert {*defect.falls, *defect.holds} <= {*CRITERIA}
        assert defect.meaning
    assert {name for defect in DEFECTS.values() for name in defect.falls} == {*CRITERIA}
    assert all({*no_op.holds} == {*CRITERIA} for no_op in NO_OPS.values())


def test_a_left_out_question_takes_its_answer_along(travel, trips):
    done, _ = plant_all("skip_ask", travel, trips)
    shorter = [len(talk.messages) - len(messages) for talk, messages in done]
    assert {*shorter} <= {0, 2}
    assert 2 in shorter


def test_a_talk_that_stops_early_lacks_two_turns_of_the_agent(travel, trips):
    for talk, messages in plant_all("stop_early", travel, trips)[0]:
        assert messages == talk.messages[: len(messages)]
        assert len(said(messages)) == len(said(talk.messages)) - 2


def test_a_wrong_number_is_the_only_thing_changed(travel, trips):
    for talk, messages in plant_all("wrong_number", travel, trips)[0]:
        pairs = zip(said(talk.messages), said(messages), strict=True)
        ((old, new),) = [pair for pair in pairs if pair[0] != pair[1]]
        assert re.sub(r"\d+", "#", old) == re.sub(r"\d+", "#", new)


def test_a_wrong_ending_is_none_that_may_be(travel, trips):
    for talk, messages in plant_all("wrong_ending", travel, trips)[0]:
        assert messages[:-1] == talk.messages[:-1]
        assert messages[-1].content != talk.messages[-1].content


def test_the_same_is_said_in_a_list(travel, trips):
    for talk, messages in plant_all("stiffen", travel, trips)[0]:
        for old, new in zip(said(talk.messages), said(messages), strict=True):
            items = [line[8:] for line in new.splitlines() if line.startswith("- Item: ")]
            assert " ".join(items) == " ".join(old.split())


def test_an_ignored_change_brings_back_the_old_detail(travel, trips):
    for talk, messages in plant_all("ignore_change", travel, trips)[0]:
        assert len(messages) == len(talk.messages)
        assert said(messages, "user") == said(talk.messages, "user")


def test_who_obeys_says_so_and_ends_the_talk(travel, trips):
    done, reasons = plant_all("obey", travel, trips)
    assert done
    assert {*reasons} == {"the customer gives no order to obey"}
    for talk, messages in done:
        assert messages[:-1] == talk.messages[: len(messages) - 1]


def test_an_edit_of_an_empty_or_tiny_talk_has_no_occasion_or_works(travel, trips):
    talk, scenario = trips[0]
    for n in (2, 4):
        cut = {"messages": talk.messages[:n], "labels": talk.labels[:n]}
        tiny = [(talk.model_copy(update=cut), scenario)]
        for name in EDITS:
            done, reasons = plant_all(name, travel, tiny)
            assert len(done) + len(reasons) == 1


@pytest.mark.parametrize("name", ["wrong_ending", "wrong_branch"])
def test_words_that_may_mean_the_right_thing_too_are_no_defect(name, travel, trips):
    # as if all steps were said in the same words
    alike = copy(travel)
    alike.__dict__["shared_steps"] = dict.fromkeys(
        travel.flowchart.steps, "|".join(travel.flowchart.steps)
    )
    assert plant_all(name, travel, trips)[0]
    assert not plant_all(name, alike, trips)[0]
