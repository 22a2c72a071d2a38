"""Breakdowns of scores: by hub, ending and behaviour; savings, bars, and what a gap shows."""

import weakref

import pytest

from workbench.conversation import Conversation
from workbench.evaluate.breakdown import (
    BARS,
    WORST,
    Bar,
    average_by_behaviour,
    average_by_hub,
    compare_parts,
    count_endings,
    judge_difference,
    measure_forgiveness,
    measure_savings,
    verdict,
)
from workbench.evaluate.metrics import MEASURES, Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import Difference, compare


class Reached(Score):
    hubs: dict[str, list[int]] = {}
    ending: str = ""


class Read(Simulated):
    cached_tokens: int = 0


def make_score(number, condition="compiled", stratum="seen", **facts):
    return Reached(
        conversation_id=f"{condition}{stratum}{number}",
        scenario_id=f"s{number}",
        path_id=f"p{number % 4}",
        condition=condition,
        stratum=stratum,
        measures=dict.fromkeys(MEASURES, 1.0) | facts.pop("measures", {}),
        faults=[],
        wrong={},
        **facts,
    )


def make_talk(number, condition, **costs):
    names = {"scenario_id": f"s{number}", "path_id": f"p{number % 4}"}
    talk = Conversation(
        conversation_id="c", split="test", teacher="", messages=[], labels=[], **names
    )
    return Read(
        conversation_id=f"{condition}{number}",
        condition=condition,
        stratum="seen",
        conversation=talk,
        **names,
        **costs,
    )


def test_fitness_is_told_for_each_kind_that_is_not_forgiven():
    scores = [make_score(i, forgiven_kinds={"side_trips": 1 + i}) for i in range(2)]
    scores += [make_score(i, stratum="unseen") for i in range(2)]
    strict = [score.model_copy(update={"measures": {"fitness": 0.5}}) for score in scores]
    unforgiven = [(kind, s) for kind, own in (("silent", scores), ("all", strict)) for s in own]
    found = measure_forgiveness(scores, unforgiven)["compiled"]
    assert found["seen"]["forgiven"] == {"side_trips": 1.5}
    assert found["unseen"]["forgiven"] == {}
    means = {kind: metric.mean for kind, metric in found["unseen"]["fitness_without"].items()}
    assert means == {"silent": 1.0, "all": 0.5}


def test_scores_with_less_forgiven_are_there_one_at_a_time():
    begun = []

    def score_strictly():
        for number in range(9):
            assert sum(one() is not None for one in begun) <= 1
            score = make_score(number)
            begun.append(weakref.ref(score))
            yield "silent", score

    found = measure_forgiveness([make_score(0)], score_strictly())
    assert found["compiled"]["seen"]["fitness_without"]["silent"].n == len(begun) == 9


def test_what_is_forgiven_in_a_talk_is_over_those_that_were_aligned():
    broken = make_score(2).model_copy(update={"measures": {"fitness": None}})
    scores = [make_score(0, forgiven_kinds={"silent": 3}), broken]
    assert measure_forgiveness(scores, ())["compiled"]["seen"]["forgiven"] == {"silent": 3}


def test_decisions_are_counted_hub_by_hub():
    scores = [make_score(i, hubs={"assess": [1, 2], "pay": [1, 1]}) for i in range(8)]
    scores.append(make_score(9, "floor/base", hubs={"assess": [0, 3]}))
    found = average_by_hub(scores)
    assert (found["compiled"]["seen"]["assess"].mean, found["compiled"]["seen"]["assess"].n) == (
        0.5,
        16,
    )
    assert found["compiled"]["seen"]["pay"].mean == 1
    assert found["floor/base"]["seen"]["assess"].mean == 0
    assert found["floor/base"]["seen"]["assess"].high > 0


def test_endings_are_counted_by_what_should_have_been_reached():
    scores = [make_score(i, ending="success" if i else "") for i in range(4)]
    scores.append(make_score(4, ending="escalation"))
    scores.append(make_score(0, "walker", ending="success"))
    endings = {f"s{i}": ["success"] for i in range(4)} | {"s4": ["abandonment", "escalation"]}
    assert count_endings(scores, endings) == {
        "seen": {
            "abandonment or escalation": {"escalation": 1},
            "success": {"": 1, "success": 3},
        }
    }


def meet(n_paths, condition, **facts):
    """A talk on each of so many paths."""
    return [
        make_score(i, condition, **facts).model_copy(update={"path_id": f"p{i}"})
        for i in range(n_paths)
    ]


def test_conditions_are_compared_hub_by_hub_and_ending_by_ending():
    scores = meet(12, "compiled", hubs={"assess": [1, 1], "pay": [2, 2]})
    scores += meet(11, "floor/base", hubs={"assess": [1, 2]}, measures={"ending_correct": 0.0})
    endings = {f"s{i}": ["success"] if i < 8 else ["refusal", "success"] for i in range(12)}
    found = compare_parts(scores, endings)["floor/base"]
    # the baseline never came to "pay", and three customers on as many paths show nothing
    assert list(found) == ["hub assess", "ending success"]
    assert [(gap.mean, gap.n) for gap in found.values()] == [(0.5, 11), (1.0, 8)]


def test_chances_at_hubs_and_endings_are_adjusted_as_one_family():
    scores = meet(8, "compiled", hubs={"assess": [1, 1]})
    scores += meet(8, "floor/base", hubs={"assess": [0, 1]})
    scores += meet(8, "in_context/base", hubs={"assess": [1, 1]})
    found = compare_parts(scores, {f"s{i}": ["success"] for i in range(8)})
    gap = found["floor/base"]["hub assess"]
    # two others, a hub and an ending: four in the family
    assert (gap.p, gap.p_adjusted) == (2 / 2**8, 4 * 2 / 2**8)


def test_a_hub_on_five_paths_is_not_compared():
    both = [*meet(5, "compiled"), *meet(5, "floor/base")]
    assert compare_parts(both, {f"s{i}": ["success"] for i in range(5)}) == {}


def test_a_talk_counts_in_each_behaviour_of_its_customer_and_the_frequent_come_first():
    wrong = {"ending_correct": 0.0, "facts_right": None}
    scores = [make_score(i, measures=wrong if i == 2 else {}) for i in range(4)]
    behaviours = {"s0": ["typos"], "s1": ["asks_why", "typos"], "s2": ["asks_why", "typos"]}
    found = average_by_behaviour(scores, behaviours)
    assert list(found) == ["typos", "asks_why"]
    assert (found["typos"]["ending_correct"].n, found["asks_why"]["ending_correct"].mean) == (
        3,
        0.5,
    )
    assert (found["typos"]["facts_right"].n, found["typos"]["facts_right"].unscored) == (2, 1)


def test_savings_are_of_the_customers_that_both_met_with_and_without_a_cache():
    own = [make_talk(i, "compiled", prompt_tokens=100 + i, cached_tokens=50) for i in range(8)]
    costs = {"prompt_tokens": 1000, "cached_tokens": 900, "seconds": 2.0}
    others = [make_talk(i, "in_context/base", **costs) for i in range(4)]
    floor = make_talk(1, "floor/base", prompt_tokens=9)
    found = measure_savings([*own, *others, floor], "compiled")
    assert list(found) == ["in_context/base"]
    ratio = found["in_context/base"]["prompt_tokens"]
    assert (ratio.n, ratio.mean) == (4, pytest.approx(4000 / 406))
    assert found["in_context/base"]["tokens_read"].mean == pytest.approx(400 / 206)
    # of a talk that was resumed with fewer beside it, seconds and caches tell nothing
    resumed = others[0].model_copy(update={"at_once": 3})
    found = measure_savings([*own, resumed, *others[1:]], "compiled")["in_context/base"]
    assert (found["prompt_tokens"].n, found["tokens_read"].n, found["seconds"].n) == (4, 3, 3)
    # the compiled model took no seconds here: there is nothing to divide by
    assert found["seconds"].mean is None


RESULT = {
    "conditions": {
        "compiled": {
            "seen": {
                "ending_correct": {"mean": 0.99, "low": 0.95, "high": 1.0, "n": 90, "unscored": 0},
                "facts_right": {"mean": None, "low": None, "high": None, "n": 0, "unscored": 90},
            }
        }
    },
    "recognizer": {"accuracy": 0.99, "low": 0.98, "high": 0.995, "n": 600},
    "recognizer_by_condition": {
        "walker": {"mean": 0.99, "low": 0.98, "high": 0.995, "n": 600},
        "faulty/jump": {"mean": 0.96, "low": 0.94, "high": 0.98, "n": 90},
        "in_context/base": {"mean": 0.5, "low": 0.1, "high": 0.9, "n": 4},
    },
    "instruments": {
        "detected": {
            "faulty/jump": {"mean": 1.0, "low": 0.96, "high": 1.0, "n": 90},
            "faulty/left_out": {"mean": 0.9, "low": 0.8, "high": 0.95, "n": 90},
        },
        "false_alarms": {"walker": {"mean": 0.06, "low": 0.02, "high": 0.1, "n": 90}},
    },
}


def test_a_bar_is_met_by_the_figure_and_surely_by_the_interval_too():
    found = {one["bar"]: (one["is_met"], one["is_sure"]) for one in verdict(RESULT)}
    assert found["right endings, seen"] == (True, False)
    assert found["messages read right"] == (True, True)
    assert found["messages read right, worst: faulty/jump"] == (False, False)
    assert found["faults detected, jump"] == (True, True)
    assert found["faults detected, left_out"] == (False, False)
    assert found["false alarms"] == (False, False)


def test_a_bar_without_a_figure_is_neither_met_nor_missed():
    found = {one["bar"]: one for one in verdict(RESULT)}
    for name in ("right endings, difficult", "facts right, seen"):
        assert (found[name]["is_met"], found[name]["is_sure"], found[name]["n"]) == (None, None, 0)
    assert len(verdict({}, BARS)) == len(BARS)


def test_the_worst_of_what_should_be_low_is_the_highest():
    bar = Bar("missed", ("recognizer_by_condition", WORST), 0.97, is_most=True)
    assert [one["bar"] for one in verdict(RESULT, [bar])] == ["missed, worst: walker"]


def test_a_bar_from_above_is_met_below_it():
    bar = Bar("false alarms", ("instruments", "false_alarms", "walker"), 0.07, is_most=True)
    assert [(one["is_met"], one["is_sure"]) for one in verdict(RESULT, [bar])] == [(True, False)]


def gap(low, high, p=0.01):
    return Difference(
        mean=(low + high) / 2, n=99, low=low, high=high, p=p, cliffs_delta=0, unscored=0
    )


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.01, 0.1, "better"),
        (-0.04, 0.04, "as good"),
        (-0.04, -0.01, "as good"),
        (-0.1, -0.06, "worse"),
        (-0.06, 0.02, "open"),
    ],
)
def test_a_gap_says_what_its_interval_shows(low, high, shown):
    assert judge_difference("ending_correct", gap(low, high), 0.05) == shown
    # fewer premature endings are better
    assert judge_difference("premature_ending", gap(-high, -low), 0.05) == shown


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_few_customers_show_nothing_however_far_apart(n):
    found = compare([1.0] * n, [0.0] * n, [f"path{i}" for i in range(n)])
    assert judge_difference("ending_correct", found, 0.05) == "open"
    assert judge_difference("premature_ending", found, 0.05) == "open"


def test_a_chance_that_is_adjusted_is_the_one_that_counts():
    for p, shown in ((0.01, "as good"), (0.1, "open")):
        found = gap(0.01, 0.1, p).model_copy(update={"p_adjusted": 0.2})
        assert judge_difference("ending_correct", found, 0.05) == shown


def test_no_pair_shows_nothing():
    none = dict.fromkeys(("mean", "low", "high", "p", "cliffs_delta"))
    assert judge_difference("reasked", Difference(n=0, unscored=4, **none), 0.05) == ""
