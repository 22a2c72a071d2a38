"""Statistics: what was planted is found, what is not there is not."""

import numpy as np
import pytest
from scipy import stats

from workbench.evaluate.statistics import adjust_holm, average, compare, smallest_difference


def test_a_mean_of_all_ones_has_an_interval_below_one():
    metric = average([1.0] * 20, [f"p{i}" for i in range(20)])
    assert (metric.mean, metric.high, metric.n) == (1, 1, 20)
    assert 0.8 < metric.low < 0.9


def test_a_mean_of_all_zeros_has_an_interval_above_zero():
    metric = average([0.0] * 20, [f"p{i}" for i in range(20)])
    assert metric.mean == metric.low == 0
    assert 0.1 < metric.high < 0.2


def test_many_conversations_on_one_path_say_little_when_all_are_right():
    few, many = (average([1.0] * 100, [f"p{i % k}" for i in range(100)]) for k in (4, 100))
    assert few.low < 0.6 < 0.95 < many.low


def test_what_could_not_be_scored_is_counted_and_not_averaged():
    metric = average([1.0, None, 0.0, None, None], list("abcde"))
    assert (metric.mean, metric.n, metric.unscored) == (0.5, 2, 3)


def test_a_mean_of_nothing_is_nothing():
    metric = average([None, None], ["a", "b"])
    assert (metric.mean, metric.low, metric.high, metric.n, metric.unscored) == (
        None,
        None,
        None,
        0,
        2,
    )


def test_conversations_on_one_path_are_not_independent():
    values = [1.0] * 40 + [0.0] * 40
    alone = average(values, [f"p{i}" for i in range(80)])
    clustered = average(values, [f"p{i // 10}" for i in range(80)])
    assert alone.mean == clustered.mean == 0.5
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_an_interval_holds_its_mean_and_is_the_seed_s():
    values, paths = [1.0, 0.0, 0.5, 1.0, 0.25], list("aabbc")
    metric = average(values, paths)
    assert metric.low <= metric.mean <= metric.high
    assert metric == average(values, paths)


def test_pairs_that_differ_one_way_are_told_apart():
    first, second = [1.0] * 40, [1.0] * 20 + [0.0] * 20
    found = compare(first, second, [f"p{i}" for i in range(40)])
    assert (found.mean, found.n, found.unscored) == (0.5, 40, 0)
    assert 0.3 < found.low < 0.5 < found.high < 0.7
    assert found.p == pytest.approx(2 * 0.5**20)
    assert found.cliffs_delta == pytest.approx(0.5)


def test_pairs_that_agree_show_no_difference():
    values = [1.0, 0.0, 1.0, 1.0]
    found = compare(values, values, list("abcd"))
    assert (found.mean, found.p, found.cliffs_delta) == (0, 1, 0)
    # four that agree do not show that none differ
    assert found.high == -found.low == pytest.approx(0.49, abs=0.01)
    assert not found.is_as_good(0.05)


def test_a_pair_of_which_one_is_not_scored_is_left_out_and_counted():
    found = compare([1.0, None, 0.0], [0.0, 1.0, None], list("abc"))
    assert (found.mean, found.n, found.unscored) == (1, 1, 2)
    nothing = compare([None], [1.0], ["a"])
    assert (nothing.mean, nothing.p, nothing.n, nothing.unscored) == (None, None, 0, 1)
    assert not nothing.is_as_good(0.5)


def test_figures_that_are_not_yes_or_no_are_compared_by_ranks():
    generator = np.random.default_rng(7)
    first = generator.normal(0.9, 0.05, 30)
    second = first - generator.uniform(0.01, 0.1, 30)
    found = compare(list(first), list(second), [f"p{i}" for i in range(30)])
    assert found.p == pytest.approx(stats.wilcoxon(first, second).pvalue)
    pairs = np.sign(first[:, None] - second[None, :])
    assert found.cliffs_delta == pytest.approx(pairs.mean())


def test_as_good_as_needs_the_whole_interval_inside_the_margin():
    values = [1.0] * 95 + [0.0] * 5
    other = [0.0] * 2 + [1.0] * 98
    found = compare(values, other, [f"p{i}" for i in range(100)])
    assert found.low < -0.05
    assert found.is_as_good(0.2)
    assert not found.is_as_good(0.05)


def test_holm_adjusts_the_smallest_most_and_keeps_the_order():
    adjusted = adjust_holm({"c": 0.04, "a": 0.01, "b": 0.011, "d": 0.9})
    expected = {"c": 0.08, "a": 0.04, "b": 0.04, "d": 0.9}
    assert list(adjusted) == list(expected)
    assert adjusted == pytest.approx(expected)
    assert adjust_holm({"a": 0.7, "b": 0.8}) == {"a": 1, "b": 1}
    assert adjust_holm({}) == {}


def test_the_smallest_difference_is_found_at_the_stated_power():
    drop = smallest_difference(200, 0.945)
    generator = np.random.default_rng(7)
    first, second = (generator.random((4000, 200)) < rate for rate in (0.945, 0.945 - drop))
    gaps = first.astype(int) - second
    z = gaps.mean(1) / (gaps.std(1) / np.sqrt(200))
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.04)


def test_few_conversations_show_little():
    assert smallest_difference(400, 0.95) < smallest_difference(100, 0.95) < 0.2
    assert smallest_difference(3, 0.5) is None
    assert smallest_difference(0, 0.9) is None


def simulate_p(rates, n_clusters=25, per_cluster=4, n=300):
    """P values and whether the interval holds the truth, of `n` comparisons with random pairs."""
    generator, found = np.random.default_rng(11), []
    paths = [f"p{i // per_cluster}" for i in range(n_clusters * per_cluster)]
    for _ in range(n):
        pair = [(generator.random(len(paths)) < rate).astype(float) for rate in rates]
        result = compare(*map(list, pair), paths)
        found.append((result.p, result.low <= rates[0] - rates[1] <= result.high))
    return zip(*found, strict=True)


@pytest.mark.slow
def test_an_absent_effect_is_found_no_more_often_than_stated():
    p_values, holds = simulate_p((0.8, 0.8))
    most = stats.binom.ppf(0.999, 300, 0.05)
    assert sum(p < 0.05 for p in p_values) <= most
    # a percentile bootstrap over 25 clusters is known to be a little narrow
    assert np.mean(list(holds)) > 0.9


@pytest.mark.slow
def test_a_planted_effect_is_found_at_about_the_power_it_should_have():
    p_values, holds = simulate_p((0.95, 0.95 - smallest_difference(100, 0.95)))
    # the exact test is more careful than the normal approximation
    assert 0.65 < np.mean([p < 0.05 for p in p_values]) < 0.9
    assert np.mean(list(holds)) > 0.9
