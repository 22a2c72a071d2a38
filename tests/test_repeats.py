"""Repeats: the chance to serve one customer well k times in a row."""

import pytest

from workbench.evaluate.metrics import PERFECT, Score
from workbench.evaluate.repeats import RepeatsError, is_success, measure_pass_k, pass_k


def make(scenario="a", condition="compiled", stratum="seen", **measures):
    return Score(
        conversation_id="x",
        scenario_id=scenario,
        path_id=scenario,
        condition=condition,
        stratum=stratum,
        measures=PERFECT | measures,
        faults=[],
        wrong={},
    )


def test_a_case_that_a_reader_can_check_by_hand():
    # of the pairs of a's four talks one in two, 3 of 6, succeed together; of b's none
    successes = {"a": [True, True, True, False], "b": [True, False, False, False]}
    assert pass_k(successes, 1).mean == (3 / 4 + 1 / 4) / 2
    assert pass_k(successes, 2).mean == (3 / 6 + 0) / 2
    assert pass_k(successes, 4).mean == 0


def test_a_scenario_with_too_few_talks_is_unscored():
    found = pass_k({"a": [True, True], "b": [True]}, 2)
    assert (found.mean, found.n, found.unscored) == (1, 1, 1)


def test_more_talks_in_a_row_are_never_likelier_to_succeed():
    successes = {str(n): [i < n for i in range(8)] for n in range(9)}
    means = [pass_k(successes, k).mean for k in range(1, 9)]
    assert means == sorted(means, reverse=True)


def test_the_interval_takes_scenarios_on_one_path_together():
    successes = {str(n): [n < 10] * 4 for n in range(20)}
    alone = pass_k(successes, 2)
    halves = pass_k(successes, 2, {name: str(int(name) // 5) for name in successes})
    assert alone.low < alone.mean < alone.high
    assert halves.high - halves.low > alone.high - alone.low


def test_k_of_none_is_refused():
    with pytest.raises(RepeatsError, match="k is 0"):
        pass_k({"a": [True]}, 0)


@pytest.mark.parametrize(
    ("measures", "success"),
    [
        ({}, True),
        ({"facts_right": None, "branch_correct": None}, True),
        ({"reasked": 1.0, "fitness": 0.5}, True),
        ({"ending_correct": 0.0}, False),
        ({"premature_ending": 1.0}, False),
        ({"facts_right": 0.0}, False),
        ({"branch_correct": 0.9}, False),
        ({"ending_correct": None}, None),
    ],
)
def test_a_success_is_a_right_ending_with_right_facts_and_branches(measures, success):
    assert is_success(make(**measures)) is success


def test_scores_of_one_scenario_are_its_repeats():
    failed = {"ending_correct": 0.0}
    scores = [make("a"), make("a"), make("b"), make("b", **failed), make("b", ending_correct=None)]
    found = measure_pass_k(scores, [1, 2, 3])
    assert {k: metric.mean for k, metric in found.items()} == {1: 0.75, 2: 0.5, 3: None}


def test_conditions_are_not_mixed():
    with pytest.raises(RepeatsError, match="compiled, seen and walker, seen"):
        measure_pass_k([make(), make(condition="walker")], [1])
