"""Metrics: each fault moves its measure and only sensible others; a mean knows its uncertainty."""

import pytest
from test_simulation import BETTER_LOW, MuteRecognizer, Parrot, plan_tests

from workbench.conformance import Aligner
from workbench.conversation import Label
from workbench.evaluate.conditions import Walker
from workbench.evaluate.metrics import (
    MEASURES,
    Score,
    average_scores,
    compare_scores,
    score_conversation,
    score_transcript,
)
from workbench.evaluate.simulation import list_customers, simulate


@pytest.fixture(scope="module")
def clean(travel):
    """A scenario that ends in success, and what the walker made of it."""
    scenario = max(
        (s for s in plan_tests(travel, 1) if s.endings == ["success"]), key=lambda s: len(s.steps)
    )
    walker = Walker(travel, has_true_ears=True)
    customers = list_customers([scenario], ["seen"])
    (talk,) = simulate(walker, customers, travel, MuteRecognizer(), 100, progress=False)
    return scenario, talk


@pytest.fixture
def score(clean, travel):
    """Scores the clean talk after a change of its labels, its words or the whole of it."""
    scenario, talk = clean

    def scored(labels=lambda labels: None, words=lambda messages: None, **changes):
        changed = talk.model_copy(deep=True, update=changes)
        labels(changed.true_labels)
        words(changed.conversation.messages)
        aligner = Aligner(travel.flowchart)
        return score_conversation(changed, scenario, travel, aligner, changed.true_labels)

    return scored


def moved(score):
    """Measures that are not what a perfect conversation has."""
    best = {m: 0 if m in BETTER_LOW else 1 for m in score.measures}
    return {m for m, v in score.measures.items() if v not in (None, best[m])}


def at(labels, step):
    """The last label that takes a step."""
    return next(label for label in reversed(labels) if step in label.steps)


def test_a_clean_talk_moves_nothing(score):
    assert moved(score()) == set()
    assert (score().faults, score().wrong) == ([], {})


def test_a_wrong_ending_is_caught(score):
    def end_otherwise(labels):
        labels[-1].steps = ["final_routing.second_thoughts"]

    assert {"ending_correct", "branch_correct"} <= moved(score(end_otherwise))
    assert not moved(score(end_otherwise)) & {"reasked", "overrun", "premature_ending", "fitness"}


class Understood:
    """Reads each text as what it is known to do."""

    def __init__(self, steps):
        self.steps = steps

    def label(self, texts):
        return [Label(steps=self.steps.get(text, [])) for text in texts]


@pytest.mark.parametrize("text", ["Goodbye.", "Hm."])
def test_who_says_the_same_whatever_happens_serves_nobody(travel, text):
    scenarios = plan_tests(travel, 1)[::3]
    reader = Understood({"Goodbye.": [travel.shared_steps["assess.user_abandoning"]]})
    customers, by_id = list_customers(scenarios, ["unseen"]), {s.scenario_id: s for s in scenarios}
    talks = simulate(Parrot(text), customers, travel, reader, 100, progress=False)
    aligner = Aligner(travel.flowchart)
    scores = [score_conversation(t, by_id[t.scenario_id], travel, aligner) for t in talks]
    assert len(scores) == len(scenarios) > 20
    # one goodbye may be the right thing to say to who leaves of his own accord; but not before
    assert not any(score.measures["ending_correct"] for score in scores)
    assert all(score.measures["left_in_anger"] for score in scores)


def test_a_jump_is_caught(score):
    def jump(labels):
        at(labels, "present_options").steps[:] = ["finalize"]

    assert {"invalid_moves", "fitness"} <= moved(score(jump))
    assert not moved(score(jump)) & {"ending_correct", "reasked", "overrun", "premature_ending"}


def test_an_omitted_step_is_caught(score):
    def omit(labels):
        at(labels, "finalize").steps.remove("finalize")

    assert {"invalid_moves", "fitness"} <= moved(score(omit))
    assert not moved(score(omit)) & {"ending_correct", "branch_correct", "reasked", "overrun"}


def test_a_wrong_branch_is_caught_though_the_flowchart_has_it(score):
    def branch(labels):
        label = at(labels, "handle_response.option_selected")
        label.steps[:] = ["handle_response.answered_question"]

    assert "branch_correct" in moved(score(branch))
    # the hub is to blame, whatever the reply goes on to say
    assert "branch: handle_response.answered_question" in score(branch).faults
    assert not moved(score(branch)) & {"ending_correct", "reasked", "overrun", "premature_ending"}


def test_an_altered_number_moves_the_facts_alone(score):
    def alter(messages):
        place = max(i for i, m in enumerate(messages) if "20 %" in m.content)
        messages[place].content = messages[place].content.replace("20 %", "30 %")

    assert moved(score(words=alter)) == {"facts_right"}
    assert {"facts: finalize"} == set(score(words=alter).faults)


def test_a_total_that_nobody_may_compute_moves_the_facts_alone(score):
    def add(messages):
        messages[-1].content += " That makes 98765 euros in all."

    assert moved(score(words=add)) == {"facts_right"}


def test_asking_again_moves_reasked_alone(score):
    def ask(labels):
        labels[-1].asks = ["destination"]

    assert moved(score(ask)) == {"reasked"}
    assert any(fault.startswith("reasked: ") for fault in score(ask).faults)


def test_an_end_before_the_customer_s_closing_act_is_premature(score):
    def stop(labels):
        at(labels, "present_options").steps.append("final_routing.confirmed")

    assert {"premature_ending", "invalid_moves"} <= moved(score(stop))
    assert "premature: final_routing.confirmed" in score(stop).faults
    assert "ends the talk before the customer does" in " ".join(score(stop).wrong.values())
    assert not moved(score(stop)) & {"ending_correct", "reasked", "overrun"}


def test_an_end_that_may_not_be_stays_wrong_though_the_talk_goes_on(score):
    def give_in(labels):
        at(labels, "present_options").steps.append("handle_response.needs_human")

    assert {"ending_correct", "premature_ending"} <= moved(score(give_in))
    assert any(fault.startswith("ending: ") for fault in score(give_in).faults)
    assert score(give_in).ending == "success"


def test_an_earlier_end_that_may_be_either_counts_as_the_better_one(score):
    def mumble(labels):
        shared = "final_routing.confirmed|final_routing.second_thoughts"
        at(labels, "present_options").steps.append(shared)

    assert "ending_correct" not in moved(score(mumble))


def test_a_talk_that_never_ends_is_an_overrun(score):
    def go_on(labels):
        labels[-1].steps = ["final_routing.answered_question"]

    assert {"overrun", "ending_correct"} <= moved(score(go_on, is_overrun=True))


def test_who_leaves_in_anger_was_not_served_whatever_is_said_last(score):
    def let_go(labels):
        labels[-1].steps = ["final_routing.second_thoughts"]

    for change in (lambda labels: None, let_go):
        assert {"ending_correct", "left_in_anger"} <= moved(score(change, has_left_in_anger=True))


def test_facts_of_a_step_that_is_left_out_are_due_all_the_same(score, travel):
    def leave_out(labels):
        own = at(labels, "finalize")
        own.steps.remove("finalize")

    def unsay(messages):
        deposit = travel.facts["deposit"].spoken()
        for message in messages:
            message.content = message.content.replace(deposit, "something")

    def break_off(labels):
        labels[-1].steps = []

    def say_nothing_last(messages):
        messages[-1].content = "Hm."

    # what is said anywhere is not withheld: the step may have been misread; and who breaks off
    # before a step has not passed it over
    assert "facts_right" not in moved(score(break_off, words=say_nothing_last))
    assert "facts_right" not in moved(score(leave_out))
    assert "facts_right" in moved(score(leave_out, words=unsay))


def test_a_score_counts_decisions_by_hub_and_names_the_ending(score):
    def branch(labels):
        at(labels, "handle_response.option_selected").steps[0] = "handle_response.needs_revision"

    clean, wrong = score(), score(branch)
    assert set(clean.hubs) == {"assess", "handle_response", "final_routing"}
    assert all(right == n for right, n in clean.hubs.values())
    right, n = wrong.hubs["handle_response"]
    assert (right, n) == (clean.hubs["handle_response"][1] - 1, clean.hubs["handle_response"][1])
    assert wrong.hubs["assess"] == clean.hubs["assess"]
    assert clean.ending == "success"


def test_a_detail_restated_wrongly_is_not_kept(score):
    def alter(messages):
        messages[-1].content += " So it is for 77 people."

    assert {"slots_kept", "facts_right"} == moved(score(words=alter))
    assert any(fault.startswith("slots: ") for fault in score(words=alter).faults)


def test_only_a_closing_that_follows_a_courtesy_may_do_nothing(clean, travel):
    scenario, talk = clean
    changed = talk.model_copy(deep=True)
    for acts, is_right in ((["chat"], 1), (["ask(deposit)"], 0)):
        messages = [*talk.conversation.messages, *talk.conversation.messages[-2:]]
        labels = [*talk.true_labels, Label(acts=acts), Label()]
        changed.conversation = talk.conversation.model_copy(
            update={"messages": messages, "labels": labels}
        )
        found = score_conversation(changed, scenario, travel, Aligner(travel.flowchart))
        assert found.measures["ending_correct"] == is_right
        assert found.measures["premature_ending"] == 1 - is_right


def test_without_endings_or_limit_those_measures_are_unscored(clean, travel):
    _, talk = clean
    conversation = talk.conversation.model_copy(update={"labels": talk.true_labels})
    found = score_transcript(conversation, travel, Aligner(travel.flowchart))
    assert found.measures["ending_correct"] is found.measures["overrun"] is None
    assert (found.ending, found.measures["fitness"]) == ("success", 1)


def test_what_follows_on_an_unclear_message_is_not_judged(score):
    def blur(labels):
        for label in labels:
            label.acts = [*label.acts, "unclear"] if label.acts else []
        at(labels, "handle_response.option_selected").steps[0] = "handle_response.needs_revision"

    assert score(blur).measures["branch_correct"] is None
    assert score(blur).off_turns == {}


def test_a_shared_label_counts_as_its_better_reading(score):
    def share(labels):
        labels[-1].steps = ["final_routing.confirmed|final_routing.second_thoughts"]

    assert moved(score(share)) == set()


def test_an_agent_that_is_not_understood_scores_nothing_it_did_not_do(score):
    def mute(labels):
        labels[:] = [Label(acts=label.acts) for label in labels]

    measures = score(mute).measures
    assert (measures["ending_correct"], measures["fitness"]) == (0, 0)
    assert measures["invalid_moves"] is measures["branch_correct"] is None


def test_scores_are_averaged_by_condition_and_stratum():
    def make(condition, stratum, value):
        measures = dict.fromkeys(MEASURES, value)
        names = dict.fromkeys(["conversation_id", "scenario_id", "path_id"], "x")
        return Score(
            **names, condition=condition, stratum=stratum, measures=measures, faults=[], wrong={}
        )

    rows = [("a", "seen", 1.0), ("a", "seen", None), ("a", "unseen", 0.0), ("b", "seen", 0.0)]
    averaged = average_scores(make(*row) for row in rows)
    assert {c: list(strata) for c, strata in averaged.items()} == {
        "a": ["seen", "unseen"],
        "b": ["seen"],
    }
    fitness = averaged["a"]["seen"]["fitness"]
    assert (fitness.mean, fitness.n, fitness.unscored) == (1, 1, 1)


def make_score(condition, scenario, measures):
    names = {"conversation_id": "x", "scenario_id": scenario, "path_id": scenario}
    return Score(
        **names, condition=condition, stratum="seen", measures=measures, faults=[], wrong={}
    )


def test_conditions_are_compared_on_the_customers_both_met():
    rows = [("compiled", "a", 1.0), ("compiled", "b", 1.0), ("compiled", "c", None)]
    rows += [("floor/base", "b", 0.0), ("floor/base", "c", 0.0), ("other", "z", 1.0)]
    differences = compare_scores(
        make_score(condition, scenario, dict.fromkeys(MEASURES, value))
        for condition, scenario, value in rows
    )
    assert list(differences) == ["floor/base"]
    found = differences["floor/base"]["seen"]["ending_correct"]
    assert (found.mean, found.n, found.unscored) == (1, 1, 1)


def test_customers_of_all_strata_are_compared_together_too():
    perfect, wrong = dict.fromkeys(MEASURES, 1.0), dict.fromkeys(MEASURES, 0.0)
    scores = [make_score("compiled", name, perfect) for name in "abcd"]
    scores += [make_score("floor/base", name, wrong) for name in "abc"]
    # the same scenario in other words is another customer
    scores += [score.model_copy(update={"stratum": "unseen"}) for score in scores]
    scores += [make_score("walker", name, perfect) for name in "abcd"]
    found = compare_scores(scores)
    assert list(found["floor/base"]) == ["seen", "unseen", "all"]
    both = found["floor/base"]["all"]["ending_correct"]
    assert (both.mean, both.n) == (1, 6)
    assert list(found["walker"]) == ["seen"]


def test_the_chances_of_headline_measures_are_adjusted_within_families():
    perfect = {"ending_correct": 1.0, "facts_right": 1.0, "overrun": 0.0}
    worse = {"ending_correct": 0.0, "facts_right": 1.0, "overrun": 1.0}
    scores = []
    for number in range(12):
        name = f"s{number}"
        scores.append(make_score("compiled", name, perfect))
        scores.append(make_score("floor/base", name, worse))
        scores.append(make_score("in_context/base", name, worse if number < 3 else perfect))
    # the same customers once more, in another stratum
    scores += [score.model_copy(update={"stratum": "unseen"}) for score in scores]
    found = compare_scores(scores)
    endings = {
        (other, stratum): by_measure["ending_correct"]
        for other, strata in found.items()
        for stratum, by_measure in strata.items()
    }
    # two others, two strata, two headline measures: eight in the family; both together: four
    smallest = [endings["floor/base", stratum] for stratum in ("seen", "unseen", "all")]
    assert [one.p_adjusted for one in smallest] == [pytest.approx(n * 2 / 2**12) for n in (8, 8, 4)]
    assert endings["in_context/base", "seen"].p == pytest.approx(0.25)
    assert endings["in_context/base", "seen"].p_adjusted == 1
    # the other measures are in no family
    assert found["floor/base"]["seen"]["overrun"].p_adjusted is None
