"""Single questions of a gate, on scores made by hand."""

import pytest

from workbench.design.paths import enumerate_paths
from workbench.evaluate.checks import (
    check_complete,
    check_levels,
    check_losses,
    check_parts,
    check_stale,
    check_touched,
)
from workbench.evaluate.metrics import MEASURES, PERFECT, Score
from workbench.evaluate.regression import Pair, Regression
from workbench.evaluate.stale import Finding, Staleness
from workbench.evaluate.thresholds import Thresholds
from workbench.synthesize.scenarios import plan_scenario


def ask(**given):
    least = {
        "minimum": {"seen": {"n": 1, "ending_correct": 90}},
        "loss": {"all": {"n": 1, "fitness": 1}},
    }
    return Thresholds.model_validate(least | given)


def score(number, stratum="seen", condition="compiled", hubs=None, **measures):
    every = dict.fromkeys(MEASURES, None) | PERFECT | measures
    names = {"conversation_id": f"talk {number}", "scenario_id": f"customer {number}"}
    kinds = {"condition": condition, "stratum": stratum, "path_id": f"path {number}"}
    return Score(**names, **kinds, measures=every, faults=[], wrong={}, hubs=hubs or {})


def pair_up(news, olds, kind="unchanged"):
    pairs = [Pair(new, old, kind, "done") for new, old in zip(news, olds, strict=True)]
    kinds = {(new.stratum, new.scenario_id): kind for new in news}
    return Regression("By hand.", pairs, kinds)


def failed(checks):
    return [(check.name, check.why) for check in checks if not check.is_passed]


def test_the_least_is_reached_exactly_and_just_missed():
    scores = [score(n, ending_correct=float(n > 0)) for n in range(10)]
    assert failed(check_levels(ask(), scores)) == []
    missed = [*scores, score(10, ending_correct=0.0)]
    assert failed(check_levels(ask(), missed)) == [
        ("seen, ending_correct", "81.8 % is too little")
    ]  # fmt: skip


def test_what_should_not_happen_may_happen_so_often_and_no_more():
    bounds = ask(maximum={"all": {"n": 1, "reasked": 10}})
    scores = [score(n, reasked=float(n == 0)) for n in range(10)]
    assert failed(check_levels(bounds, scores)) == []
    scores.append(score(10, reasked=1.0))
    assert failed(check_levels(bounds, scores)) == [("all, reasked", "18.2 % is too much")]


def test_other_conditions_and_other_customers_do_not_help():
    scores = [score(1, condition="walker"), score(2, stratum="unseen")]
    assert failed(check_levels(ask(), scores)) == [("seen, ending_correct", "nothing was scored")]


def test_a_measure_that_does_not_apply_to_all_counts_only_where_it_does():
    bounds = ask(minimum={"seen": {"n": 2, "facts_right": 90}})
    scores = [score(1), score(2), score(3, facts_right=None)]
    assert failed(check_levels(bounds, scores)) == []
    assert failed(check_levels(bounds, scores[1:])) == [
        ("seen, facts_right", "1 conversations are too few to say")
    ]


def test_losses_count_on_unchanged_paths_alone_and_in_the_right_direction():
    bounds = ask(loss={"all": {"n": 2, "ending_correct": 40, "reasked": 40}})
    olds = [score(n) for n in range(2)]
    worse = [score(n, ending_correct=float(n), reasked=float(n)) for n in range(2)]
    assert failed(check_losses(bounds, pair_up(worse, olds))) == [
        ("all, ending_correct", "50.0 points were lost"), ("all, reasked", "50.0 points were lost"),
    ]  # fmt: skip
    assert failed(check_losses(bounds, pair_up(olds, worse))) == []
    none = [(f"all, {m}", "no customer met both models on a path that is as it was")
            for m in ("ending_correct", "reasked")]  # fmt: skip
    assert failed(check_losses(bounds, pair_up(worse, olds, "changed"))) == none
    unscored = pair_up([score(n, reasked=None) for n in range(2)], olds)
    assert failed(check_losses(bounds, unscored)) == [
        ("all, reasked", "it was scored in none of 2 pairs")
    ]  # fmt: skip


def test_touched_paths_are_asked_about_only_where_there_are_some():
    bounds = ask(touched={"n": 3, "ending_correct": 90})
    olds = [score(n) for n in range(3)]
    bad = [score(n, ending_correct=0.0) for n in range(3)]
    assert list(check_touched(bounds, pair_up(bad, olds), bad)) == []
    for kind in ("new", "changed"):
        assert failed(check_touched(bounds, pair_up(bad, olds, kind), bad))
        assert not failed(check_touched(bounds, pair_up(olds, olds, kind), olds))
        assert failed(check_touched(bounds, pair_up(olds[1:], olds[1:], kind), olds[1:]))


@pytest.mark.parametrize(("most", "is_passed"), [(0, False), (1, True)])
def test_a_hub_that_is_shown_to_be_worse_counts_and_chance_does_not(most, is_passed):
    olds = [score(n, hubs={"choose": [1, 1], "ask": [1, 1]}) for n in range(20)]
    news = [score(n, hubs={"choose": [0, 1], "ask": [int(n > 0), 1]}) for n in range(20)]
    check = check_parts(ask(worse=most), pair_up(news, olds))
    assert check.is_passed == is_passed
    assert is_passed or check.why == "worse than before: hub choose"
    better = check_parts(ask(), pair_up(olds, news))
    assert better.is_passed


def test_hubs_of_nobody_are_not_as_good_as_before():
    assert not check_parts(ask(), Regression("By hand.", [], {})).is_passed


OLD = Finding("talk 1", "customer 1", 3, "deposit", "20 %")


@pytest.mark.parametrize(
    ("stale", "bounds", "names"),
    [
        (Staleness(talks=9), {}, []),
        (Staleness(talks=0), {}, ["old values stated", "old steps taken"]),
        (Staleness(talks=9, facts=[OLD]), {}, ["old values stated"]),
        # two messages of one conversation
        (Staleness(talks=9, facts=[OLD, OLD]), {"facts": 1}, []),
        (Staleness(talks=9, routes=[OLD]), {}, ["old steps taken"]),
        (Staleness(talks=9, routes=[OLD]), {"routes": 1}, []),
        (Staleness(talks=9, untested=["fact.deposit"]), {}, ["changes not tested"]),
        (Staleness(talks=9, untested=["fact.deposit"]), {"untested": 1}, []),
        (Staleness(unknown="no copy"), {}, ["the older procedure"]),
        (Staleness(unknown="no copy"), {"unknown": "pass"}, []),
    ],
)
def test_what_is_left_of_an_older_procedure(stale, bounds, names):
    assert [name for name, _ in failed(check_stale(ask(stale=bounds), stale))] == names


def test_that_customers_are_missing_is_told_for_each_sort(coffee_domain):
    paths = enumerate_paths(coffee_domain.flowchart)[:3]
    tests = [plan_scenario(path, "test", coffee_domain, 7, 0) for path in paths]
    met = [score(n, stratum) for n in range(3) for stratum in ("seen", "unseen")]
    assert failed(check_complete(met, tests, 100)) == []
    assert failed(check_complete(met[:-1], tests, 100)) == [("unseen", "1 have no score")]
    # an evaluation of fewer customers is whole with fewer
    assert failed(check_complete(met[:-1], tests, 2)) == []
