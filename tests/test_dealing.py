"""Dealing: the training's customers between them say as many of the wordings as can be."""

from collections import Counter

import pytest

from workbench.design.paths import enumerate_paths
from workbench.phrases import FOLDS
from workbench.synthesize.dealing import deal_wordings, house_voice, talk_seed
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice, write_talk

SEED = 7


@pytest.fixture(scope="module")
def plain(travel):
    paths = enumerate_paths(travel.flowchart)
    sorts = ("plain", "plain", "difficult", "adversarial")
    return [
        plan_scenario(path, "train", travel, SEED, n, sort)
        for n, sort in enumerate(sorts)
        for path in paths
    ]


@pytest.fixture(scope="module")
def dealt(travel, plain):
    return deal_wordings(plain, travel, SEED)


def talk_of(scenario, travel, attempt=0):
    own, fold = talk_seed(SEED, scenario.scenario_id, attempt)
    return write_talk(scenario, travel, fold, own)


def test_no_wording_comes_often_before_all_of_its_fold_have_come(travel, dealt):
    counts = Counter(i for s in dealt for ids in s.wordings.values() for i in ids)
    for key in ("leave", "want_human", "confirm", "choose"):
        for fold in range(FOLDS):
            own = [w for w in travel.customer.wordings(key) if w.split == "train"]
            of_fold = [counts[w.id] for w in own if w.fold == fold]
            # one more than others for a wording in the customer's own manner
            assert max(of_fold) - min(of_fold) <= 2, key


@pytest.mark.parametrize("key", ["want_human", "leave", "reopen", "confirm"])
def test_as_many_are_heard_as_there_are_occasions(travel, dealt, key):
    said = [i for s in dealt for i in s.wordings.get(key, ())]
    known = {w.id for w in travel.customer.wordings(key) if w.split == "train"}
    assert set(said) <= known
    # by lot a quarter of the occasions would repeat what was said before
    assert len(set(said)) > 0.95 * min(len(said), len(known))


def test_a_customer_says_what_was_dealt_to_it(travel, dealt):
    scenario = next(s for s in dealt if "leave" in s.wordings and not s.behaviours)
    (wording,) = (
        w for w in travel.customer.wordings("leave") if w.id == scenario.wordings["leave"][0]
    )
    said = [m.content for m in talk_of(scenario, travel).messages if m.role == "user"]
    assert any(wording.text.rstrip(".!")[1:] in text for text in said)
    # written again after a rejection, it speaks from another fold and says something else
    other = next(
        n for n in range(1, 9) if talk_seed(SEED, scenario.scenario_id, n)[1] != wording.fold
    )
    again = [m.content for m in talk_of(scenario, travel, other).messages if m.role == "user"]
    assert not any(wording.text.rstrip(".!")[1:] in text for text in again)


def test_what_is_dealt_depends_on_the_scenarios_and_the_seed_alone(travel, plain, dealt):
    assert deal_wordings(plain, travel, SEED) == dealt
    assert deal_wordings(plain, travel, SEED + 1) != dealt
    assert [s.scenario_id for s in dealt] == [s.scenario_id for s in plain]


def test_customers_of_tests_are_dealt_nothing(travel):
    paths = enumerate_paths(travel.flowchart)[:5]
    tests = [plan_scenario(path, "test", travel, SEED, 0) for path in paths]
    assert deal_wordings(tests, travel, SEED) == tests
    assert not any(scenario.wordings for scenario in tests)


def test_recognizers_practise_on_other_words(travel, dealt):
    own = [s for s in dealt if "want_human" in s.wordings][:40]
    texts = {w.id: w.text for w in travel.customer.wordings("want_human")}
    talks = write_practice(travel, own, 1)
    alike = sum(
        any(texts[s.wordings["want_human"][0]].rstrip(".!")[1:] in m.content for m in talk.messages)
        for s, talk in zip(own, talks, strict=True)
    )
    assert alike < len(own) / 3


def test_the_house_speaks_in_one_fold_and_another_seed_in_another():
    assert house_voice(SEED) == house_voice(SEED)
    assert house_voice(SEED).is_settled
    assert {house_voice(seed).fold for seed in range(20)} == {*range(FOLDS)}
