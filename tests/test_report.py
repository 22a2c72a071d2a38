from workbench.evaluate.metrics import MEASURES, Score
from workbench.evaluate.report import (
    find_worst,
    tabulate,
    tabulate_differences,
    write_difference,
    write_metric,
)
from workbench.evaluate.statistics import average, compare

PATHS = [f"p{i}" for i in range(50)]


def metrics(**means):
    """A metric for each measure; `means` says which share of 50 conversations is 1."""
    shares = dict.fromkeys(MEASURES, 1.0) | means
    return {
        measure: average([float(i < 50 * share) for i in range(50)], PATHS).model_dump()
        for measure, share in shares.items()
    }


def differences(**gaps):
    """The first condition is always 1; `gaps` says how often the other is not."""
    shares = dict.fromkeys(MEASURES, 0.0) | gaps
    return {
        measure: compare(
            [1.0] * 50, [float(i >= 50 * share) for i in range(50)], PATHS
        ).model_dump()
        for measure, share in shares.items()
    }


def test_a_metric_is_written_with_its_interval_and_what_is_unscored():
    metric = {"mean": 0.98, "low": 0.941, "high": 0.994, "n": 100, "unscored": 0}
    assert write_metric("ending_correct", metric) == "98.0 % (94.1-99.4)"
    assert write_metric("fitness", metric | {"unscored": 3}) == "0.980 (0.941-0.994), 3 unscored"
    nothing = {"mean": None, "low": None, "high": None, "n": 0, "unscored": 7}
    assert write_metric("facts_right", nothing) == "not scored (7)"


def test_a_difference_is_written_with_its_sign_and_chance():
    difference = {"mean": 0.79, "low": 0.612, "high": 0.93}
    written = "+79.0 points (61.2 to 93.0), p < 0.001"
    assert write_difference("ending_correct", difference, 0.0001) == written
    difference = {"mean": -0.02, "low": -0.05, "high": 0.01}
    assert write_difference("fitness", difference, 0.5) == "-0.020 (-0.050 to 0.010), p = 0.500"
    assert write_difference("fitness", difference | {"mean": None}, None) == "no pair scored"


def test_the_tables_have_a_row_for_each_condition_and_stratum():
    result = {
        "conditions": {"compiled": {"seen": metrics(), "unseen": metrics(ending_correct=0.9)}},
        "differences": {"compiled": {"floor/base": {"seen": differences(ending_correct=0.8)}}},
    }
    table = tabulate(result).markdown
    assert "| compiled | unseen | 50 | 90.0 % (" in table
    table = tabulate_differences(result).markdown
    assert "| floor/base | seen | 50 | +80.0 points (" in table
    # of five tests the smallest p is multiplied by five, and the others are 1
    assert table.count("0.001") == 1
    assert table.count("p = 1.000") == 4


def test_the_worst_conversations_are_those_with_wrong_endings_first():
    def make(name, ending, n_wrong, condition="compiled"):
        measures = dict.fromkeys(MEASURES, 1.0) | {"ending_correct": ending}
        names = dict.fromkeys(["conversation_id", "scenario_id", "path_id", "stratum"], name)
        wrong = dict.fromkeys(range(n_wrong), "something")
        return Score(**names, condition=condition, measures=measures, faults=[], wrong=wrong)

    scores = [make("a", 1, 3), make("b", 0, 1), make("c", 1, 0), make("d", 0, 2), make("e", 1, 1)]
    scores.append(make("f", 0, 9, condition="floor/base"))
    assert [score.scenario_id for score in find_worst(scores)] == ["d", "b", "a", "e"]
    assert [score.scenario_id for score in find_worst(scores, most=1)] == ["d"]
