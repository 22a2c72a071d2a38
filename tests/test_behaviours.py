"""Behaviours: what makes a customer difficult changes the walk, never the ending."""

import pytest

from workbench.conversation import Act, seeded
from workbench.design.paths import enumerate_paths
from workbench.phrases import Voice
from workbench.synthesize.behaviours import (
    ADVERSARIAL,
    DIFFICULT,
    SPOKEN,
    behave,
    list_behaviours,
    walk_plan,
)
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import hold_talk, open_talk
from workbench.synthesize.teacher import PhraseBookAgent

STRATA = ("difficult", "adversarial", "untrained")


@pytest.fixture(scope="module")
def scenarios(travel):
    return {
        stratum: [
            plan_scenario(path, "test", travel, 7, i, stratum)
            for path in enumerate_paths(travel.flowchart)
            for i in range(2)
        ]
        for stratum in ("plain", *STRATA)
    }


def play(travel, scenario):
    split = "test" if scenario.split == "test" else "train"
    talk = open_talk(travel, scenario, Voice(split), 100)
    return hold_talk(talk, PhraseBookAgent(travel, Voice(split), seeded(0, "x", scenario.seed)))


def acts_of(scenario):
    return [Act.parse(a) for visits in scenario.plan.values() for acts in visits for a in acts]


def test_the_walk_of_a_plain_plan_is_its_path(travel, scenarios):
    for scenario in scenarios["plain"]:
        walk = walk_plan(scenario.plan, travel)
        assert (walk.steps, [walk.outcome]) == (scenario.steps, scenario.endings)


@pytest.mark.parametrize("stratum", STRATA)
def test_a_planned_walk_is_the_one_that_is_talked(stratum, travel, scenarios):
    for scenario in scenarios[stratum]:
        talk = play(travel, scenario)
        said = [[s for s in label.steps if "anywhere." not in s] for label in talk.labels]
        assert [steps for steps in said if steps] == scenario.steps
        assert travel.flowchart.outcome_of(scenario.steps[-1][-1]) in scenario.endings


@pytest.mark.parametrize("stratum", STRATA)
def test_every_behaviour_of_a_stratum_occurs(stratum, travel, scenarios):
    done = {name for scenario in scenarios[stratum] for name in scenario.behaviours}
    assert done == set(list_behaviours(travel, stratum))
    assert all(scenario.behaviours for scenario in scenarios[stratum])


def test_two_kinds_at_least_are_never_trained_on(travel):
    untrained = list_behaviours(travel, "untrained")
    assert len(untrained) >= 2
    assert not {*untrained} & {*list_behaviours(travel, "adversarial")}
    for name in untrained:
        with pytest.raises(ValueError, match="kept for tests"):
            travel.customer.pick(ADVERSARIAL[name], Voice("train"), seeded(0, "x", name))


def test_all_behaviours_of_the_list_are_worded_in_travel(travel):
    named = [name for stratum in STRATA for name in list_behaviours(travel, stratum)]
    assert sorted(named) == sorted([*DIFFICULT, *ADVERSARIAL])


def test_a_domain_without_the_wordings_has_no_such_behaviours(coffee_domain):
    names = list_behaviours(coffee_domain, "difficult")
    assert {"typos", "changes_mind"} <= set(names)
    assert not {"asks_why", "impatient", "curt", "corrects_itself"} & set(names)
    assert list_behaviours(coffee_domain, "adversarial") == []


def test_a_behaviour_without_occasion_is_left_out(travel):
    plan = {"assess": [["leave"]]}
    changed, names = behave(plan, ["abandonment"], "difficult", travel, seeded(0, "x", "1"))
    assert set(names) <= SPOKEN
    assert changed == plan


def test_who_asks_before_confirming_is_answered_and_not_booked(travel, scenarios):
    asked = [s for s in scenarios["difficult"] if "asks_before_confirming" in s.behaviours]
    assert asked
    for scenario in asked:
        steps = [step for message in scenario.steps for step in message]
        assert "final_routing.answered_question" in steps


def test_a_slip_names_the_wrong_value_before_the_right_one(travel, scenarios):
    slips = 0
    for scenario in scenarios["difficult"]:
        talk = play(travel, scenario)
        for message, label in zip(talk.messages, talk.labels, strict=True):
            for act in label.parsed_acts():
                if act.kind == "misspeak":
                    slips += 1
                    assert travel.find_values(message.content)[act.target][0] == act.value
                    assert talk.record.given[act.target] != act.value or slips
    assert slips > 5


def test_a_slip_is_corrected_in_the_same_message(travel, scenarios):
    rich = [
        plan_scenario(path, "train", travel, 7, n, "difficult")
        for n in range(3)
        for path in enumerate_paths(travel.flowchart)
    ]
    slips = 0
    for scenario in [*scenarios["difficult"], *rich]:
        for acts in (acts for visits in scenario.plan.values() for acts in visits):
            for act, following in zip(acts, [*acts[1:], "nothing"], strict=True):
                if act.startswith("misspeak("):
                    slips += 1
                    slot = Act.parse(act).target
                    assert following.startswith(f"give({slot}=")
    assert slips > 50


def test_who_is_learnt_from_behaves_in_more_ways_than_who_is_met(travel):
    paths = enumerate_paths(travel.flowchart)
    counts = {
        split: [
            len(plan_scenario(path, split, travel, 7, 0, "difficult").behaviours) for path in paths
        ]
        for split in ("train", "test")
    }
    assert max(counts["test"]) == 3
    assert max(counts["train"]) == 4
    assert sum(counts["train"]) > sum(counts["test"]) + len(paths) / 2


def test_typos_spare_what_carries_a_value(travel, scenarios):
    for scenario in scenarios["difficult"]:
        if "typos" in scenario.behaviours:
            talk = play(travel, scenario)
            for message, label in zip(talk.messages, talk.labels, strict=True):
                given = {a.target: a.value for a in label.parsed_acts() if a.kind == "give"}
                found = travel.find_values(message.content) if given else {}
                assert {slot: found[slot][-1] for slot in given} == given


def test_a_silent_customer_writes_nothing_that_can_be_read(travel, scenarios):
    said = [
        message.content
        for scenario in scenarios["adversarial"]
        if "says_nothing" in scenario.behaviours
        for talk in [play(travel, scenario)]
        for message, label in zip(talk.messages, talk.labels, strict=True)
        if label.acts == ["silence"]
    ]
    assert said
    assert not [text for text in said if any(sign.isalnum() for sign in text)]


def test_what_an_adversarial_customer_demands_leads_nowhere(travel, scenarios):
    trips = {act for trip in travel.flowchart.anywhere.values() for act in trip.acts}
    for stratum in ("adversarial", "untrained"):
        for scenario in scenarios[stratum]:
            demands = {ADVERSARIAL[name].split("(")[0] for name in scenario.behaviours}
            assert demands <= trips
            assert demands <= {act.kind for act in acts_of(scenario)}
