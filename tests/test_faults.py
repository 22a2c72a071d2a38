"""Planted faults: the measures are believed only where they were shown to see something."""

import pytest

from workbench.conformance import Aligner
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.evaluate.conditions import Walker
from workbench.evaluate.faults import (
    FAULTS,
    HARMLESS,
    FaultyWalker,
    is_instrument,
    make_instruments,
    measure_detection,
    write_faulty_practice,
)
from workbench.evaluate.metrics import PERFECT, score_conversation
from workbench.evaluate.reading_error import measure_recognizer
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.evaluate.stage import score_all
from workbench.recognizer import AgentRecognizer
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice


@pytest.fixture(scope="module")
def scenarios(travel):
    paths = enumerate_paths(travel.flowchart)
    return [plan_scenario(path, "test", travel, 7, i) for path in paths for i in range(2)]


def play(agent, travel, scenarios, recognizer, strata=("unseen",)):
    customers, limit = list_customers(scenarios, strata), limit_replies(scenarios)
    return list(simulate(agent, customers, travel, recognizer, limit, progress=False))


class DeafRecognizer:
    """Reads nothing: for agents that are understood without."""

    def label(self, texts):
        return [Label() for _ in texts]


def score_by_truth(talks, travel, scenarios):
    plans, aligner = {s.scenario_id: s for s in scenarios}, Aligner(travel.flowchart)
    return [
        score_conversation(talk, plans[talk.scenario_id], travel, aligner, talk.true_labels)
        for talk in talks
    ]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_planted_fault_is_seen_in_every_talk_by_true_labels(kind, travel, scenarios):
    agent = FaultyWalker(travel, f"faulty/{kind}", has_true_ears=True, kind=kind)
    talks = play(agent, travel, scenarios, DeafRecognizer())
    scores = score_by_truth(talks, travel, scenarios)
    planted = [s for s, talk in zip(scores, talks, strict=True) if talk.fault == kind]
    spared = [s for s, talk in zip(scores, talks, strict=True) if not talk.fault]
    assert len(planted) >= 8
    assert not [s.scenario_id for s in planted if s.is_clean]
    assert all(s.is_clean for s in spared)


@pytest.fixture(scope="module")
def tries(printer):
    """Of customers who try one thing after the other."""
    paths = enumerate_paths(printer.flowchart)
    return [plan_scenario(path, "test", printer, 7, i) for i, path in enumerate(paths)]


@pytest.mark.parametrize("kind", [*FAULTS, *HARMLESS])
def test_faults_are_seen_where_one_thing_is_tried_after_the_other(kind, printer, tries):
    agent = FaultyWalker(printer, f"faulty/{kind}", has_true_ears=True, kind=kind)
    talks = play(agent, printer, tries, DeafRecognizer())
    scores = score_by_truth(talks, printer, tries)
    assert [score.is_clean for score in scores] == [not talk.fault for talk in talks]
    assert kind in HARMLESS or sum(bool(talk.fault) for talk in talks) > 4


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_change_is_no_fault_by_true_labels(kind, travel, scenarios):
    agent = FaultyWalker(travel, f"walker/{kind}", has_true_ears=True, kind=kind)
    talks = play(agent, travel, scenarios, DeafRecognizer())
    assert all(score.is_clean for score in score_by_truth(talks, travel, scenarios))
    assert not any(talk.fault for talk in talks)


def test_a_domain_s_own_synonyms_are_put_in(travel, scenarios):
    agent = FaultyWalker(travel, "walker/synonyms", has_true_ears=True, kind="synonyms")
    talks = play(agent, travel, scenarios[:40], DeafRecognizer())
    messages = [m for talk in talks for m in talk.conversation.messages]
    said = [m.content.split() for m in messages if m.role == "assistant"]
    assert travel.synonyms["trip"] == "journey"
    assert not [words for words in said if "trip" in words]
    assert [words for words in said if "journey" in words]


def test_each_fault_shows_in_the_measure_that_is_for_it(travel, scenarios):
    for kind, fault in FAULTS.items():
        measure = fault.measure
        agent = FaultyWalker(travel, f"faulty/{kind}", has_true_ears=True, kind=kind)
        talks = play(agent, travel, scenarios, DeafRecognizer())
        planted = [
            score.measures[measure]
            for score, talk in zip(score_by_truth(talks, travel, scenarios), talks, strict=True)
            if talk.fault
        ]
        hit = [value for value in planted if value not in (None, PERFECT[measure])]
        assert len(hit) / len(planted) > 0.8, kind


def test_instruments_are_named_apart_from_what_is_measured(travel):
    names = [agent.name for agent in make_instruments(travel)]
    assert len(set(names)) == len(FAULTS) + len(HARMLESS)
    assert all(map(is_instrument, names))
    assert not any(map(is_instrument, ["compiled", "floor/base", "walker", "walker/true_labels"]))


# how many are missed, or flagged though clean, where it is more than one in twenty; the recognizer
# has half the practice here that it has in an evaluation
MISSED = {"faulty/asks_again": 0.1}
ALARMS = {
    "walker": 0.15,
    "walker/typos": 0.25,
    "walker/courtesy": 0.15,
    "walker/synonyms": 0.25,
}


@pytest.mark.slow
def test_faults_are_seen_and_clean_talks_pass_by_their_words_alone(travel, scenarios):
    practice = write_practice(travel, scenarios * 2, seed=1)
    practice += write_faulty_practice(travel, scenarios * 2, seed=2)
    recognizer = AgentRecognizer(travel).learn(practice)
    talks = []
    for agent in (Walker(travel), *make_instruments(travel)):
        talks += play(agent, travel, scenarios, recognizer)
    found = measure_detection(talks, score_all(talks, scenarios, travel))
    assert set(found["detected"]) == {f"faulty/{kind}" for kind in FAULTS}
    missed = {c: 1 - m.mean for c, m in found["detected"].items()}
    assert not {c: share for c, share in missed.items() if share > MISSED.get(c, 0.05)}
    own = {c: m.mean for c, m in found["detected_by_its_measure"].items()}
    assert all(0.7 < own[c] <= 1 - missed[c] for c in missed), own
    alarms = {c: m.mean for c, m in found["false_alarms"].items()}
    assert not {c: share for c, share in alarms.items() if share > ALARMS[c]}


@pytest.mark.exhaustive
def test_the_walker_is_understood_in_wordings_that_were_never_heard(travel, scenarios):
    # about as much as an evaluation has
    practice = [t for seed in (1, 2) for t in write_practice(travel, scenarios * 3, seed=seed)]
    practice += write_faulty_practice(travel, scenarios * 3, seed=3)
    recognizer = AgentRecognizer(travel).learn(practice)
    walker, silent = Walker(travel), Walker(travel, "walker/true_labels", has_true_ears=True)
    talks = [talk for a in (walker, silent) for talk in play(a, travel, scenarios, recognizer)]
    scores = score_all(talks, scenarios, travel)
    endings = [s.measures["ending_correct"] for s in scores if s.condition == "walker"]
    assert sum(endings) / len(endings) >= 0.95
    assert measure_recognizer(talks, recognizer).mean >= 0.97
    assert all(s.is_clean for s in scores if s.condition == "walker/true_labels")
