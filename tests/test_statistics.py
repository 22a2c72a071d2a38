"""Statistics: what was planted is found, what is not there is not."""

import numpy as np
import pytest
from scipy import stats

from workbench.evaluate.statistics import (
    adjust_holm,
    average,
    bootstrap_gap,
    compare,
    compare_ratio,
    resolve,
    smallest_difference,
    weigh_signs,
)


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


def test_gaps_that_come_to_the_same_on_every_path_are_not_certain():
    # as wide as for four pairs that are wholly alike, one on each path
    found = compare([1.0, 0.5] * 4, [0.5, 1.0] * 4, list("aabbccdd"))
    assert found.mean == 0
    assert found.high == -found.low == pytest.approx(0.49, abs=0.01)


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


def test_one_failure_among_few_paths_does_not_make_the_interval_narrow():
    metric = average([0.0] + [1.0] * 31, [f"p{i // 4}" for i in range(32)])
    assert metric.low < 0.85
    assert metric.high < 1


def test_paths_that_happen_to_be_alike_do_not_make_more_of_few_values():
    # 9 of 32 wrong: two on one path, one on each other
    values = [float(i % 4 > 0 and i != 5) for i in range(32)]
    metric = average(values, [f"p{i // 4}" for i in range(32)])
    independent = stats.binomtest(23, 32).proportion_ci(method="wilson")
    assert metric.mean == 23 / 32
    assert metric.high - metric.low > independent.high - independent.low


def test_what_is_no_share_has_as_narrow_an_interval_as_its_spread():
    generator = np.random.default_rng(3)
    metric = average(list(generator.uniform(0.88, 0.92, 50)), [f"p{i}" for i in range(50)])
    assert metric.high - metric.low < 0.01
    with pytest.raises(ValueError, match="values lie between 0 and 12, not 0 and 1"):
        average([0.0, 12.0], ["a", "b"])


def test_without_paths_the_p_is_mcnemar_s_and_wilcoxon_s():
    generator = np.random.default_rng(5)
    gaps = generator.normal(0.3, 1, 12)
    names = list("abcdefghijkl")
    assert weigh_signs(gaps, names) == pytest.approx(stats.wilcoxon(gaps, method="exact").pvalue)
    mcnemar = stats.binomtest(9, 11).pvalue
    assert weigh_signs([1] * 9 + [-1] * 2 + [0], names) == pytest.approx(mcnemar)


def test_pairs_of_one_path_count_as_one_when_signs_are_weighed():
    # a path has five gaps: only two signs can be drawn, so no p can be below a half
    assert weigh_signs([1.0] * 10, ["a"] * 5 + ["b"] * 5) == 0.5
    assert weigh_signs([1.0, 1.0, 1.0, -1.0], list("aabb")) == 1.0


def test_as_good_as_of_what_should_be_rare_looks_at_the_other_end():
    paths = [f"p{i}" for i in range(200)]
    more_asked_again = compare([1.0] * 20 + [0.0] * 180, [0.0] * 200, paths)
    assert more_asked_again.is_as_good(0.05)
    assert not more_asked_again.is_as_good(0.05, is_less_better=True)


def test_a_ratio_is_of_sums_and_its_interval_knows_paths():
    first, second = [10.0, 30.0, 20.0, 40.0], [5.0, 10.0, 10.0, 25.0]
    found = compare_ratio(first, second, list("abcd"))
    assert (found.mean, found.n) == (2, 4)
    assert found.low < 2 < found.high
    clustered = compare_ratio(first * 8, second * 8, list("abcd") * 8)
    assert (clustered.low, clustered.high) == pytest.approx((found.low, found.high))


def test_a_ratio_to_nothing_is_none():
    assert compare_ratio([1.0], [0.0], ["a"]).mean is None
    assert compare_ratio([], [], []).mean is None
    alone = compare_ratio([4.0, 2.0], [2.0, 1.0], ["a", "a"])
    assert (alone.mean, alone.low, alone.high) == (2, None, None)


def test_a_ratio_that_is_the_same_on_all_paths_has_no_interval():
    found = compare_ratio([4.0, 2.0, 6.0], [2.0, 1.0, 3.0], list("abc"))
    assert (found.mean, found.low, found.high) == (2, None, None)


DRAWS = 400
SHAPES = [(16, 6), (40, 5)]
"""Paths, and conversations on each."""


def draw_levels(generator, paths, each, alike=0.2):
    """How well two conditions do; half of what paths share is shared by the conditions too."""
    path = generator.normal(size=(paths, 1, 2)) + generator.normal(size=(paths, 1, 1))
    customer = generator.normal(size=(paths, each, 1)) + generator.normal(size=(paths, each, 2))
    mixed = np.sqrt(alike / 2) * path + np.sqrt((1 - alike) / 2) * customer
    return mixed.reshape(-1, 2).T


def draw_pairs(generator, paths, each, rates):
    """Yes or no of two conditions."""
    levels = draw_levels(generator, paths, each)
    return (levels < stats.norm.ppf(rates)[:, None]).astype(float)


def draw_points(generator, paths, each, shifts):
    """A judge's scores of two conditions, 1 to 5, as shares of the span."""
    levels = draw_levels(generator, paths, each) + np.array(shifts)[:, None]
    return (levels[:, :, None] > np.array([-1.8, -1.1, -0.4, 0.3])).sum(2) / 4


def repeat(shape, given, draw=draw_pairs):
    """What `compare` finds in 400 draws, and the paths' names."""
    generator, (paths, each) = np.random.default_rng(11), shape
    names = [f"p{i // each}" for i in range(paths * each)]
    return [compare(*draw(generator, *shape, given), names) for _ in range(DRAWS)]


def at_most(rate):
    """A count that is exceeded once in a thousand, if something happens at this rate."""
    return stats.binom.ppf(0.999, DRAWS, rate)


def at_least(rate):
    return stats.binom.ppf(0.001, DRAWS, rate)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rate", [0.8, 0.95])
def test_an_absent_difference_is_found_no_more_often_than_stated(shape, rate):
    found = repeat(shape, (rate, rate))
    assert sum(one.p < 0.05 for one in found) <= at_most(0.05)
    assert sum(one.low <= 0 <= one.high for one in found) >= at_least(0.95)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_interval_holds_a_difference_that_was_planted(shape):
    found = repeat(shape, (0.95, 0.85))
    assert sum(one.low <= 0.1 <= one.high for one in found) >= at_least(0.95)


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_of_a_mean_holds_the_rate_that_was_planted(shape, rate):
    generator, (paths, each) = np.random.default_rng(13), shape
    names = [f"p{i // each}" for i in range(paths * each)]
    draws = [draw_pairs(generator, *shape, (rate, rate))[0] for _ in range(DRAWS)]
    found = [average(values, names) for values in draws]
    assert sum(one.low <= rate <= one.high for one in found) >= at_least(0.95)


def test_a_planted_difference_is_found_at_the_power_it_should_have():
    drop = smallest_difference(100, 0.95)
    found = repeat((100, 1), (0.95, 0.95 - drop))
    # pairs that share something show a little more, the exact test a little less
    assert 0.7 < np.mean([one.p < 0.05 for one in found]) < 0.92
    assert np.mean([one.low > 0 for one in found]) > 0.7


@pytest.mark.parametrize("shape", SHAPES)
def test_scores_of_a_judge_that_do_not_differ_are_found_to_no_more_often_than_stated(shape):
    found = repeat(shape, (0.0, 0.0), draw_points)
    assert sum(one.p < 0.05 for one in found) <= at_most(0.05)
    assert sum(one.low <= 0 <= one.high for one in found) >= at_least(0.95)


def test_scores_of_a_judge_that_differ_are_found_at_the_power_they_should_have():
    shape, shifts = (40, 5), (0.25, 0.0)
    first, second = draw_points(np.random.default_rng(19), 4000, 50, shifts)
    found = repeat(shape, shifts, draw_points)
    errors = np.array([(one.high - one.low) / 2 / stats.t.ppf(0.975, 39) for one in found])
    power = stats.norm.cdf((first - second).mean() / errors - stats.norm.ppf(0.975)).mean()
    assert 0.5 < power < 0.95
    assert np.mean([one.p < 0.05 for one in found]) == pytest.approx(power, abs=0.08)


def test_what_an_interval_says_can_be_found_is_found():
    drop = np.mean([resolve(one.low, one.high) for one in repeat((40, 5), (0.95, 0.86))])
    assert drop == pytest.approx(0.09, abs=0.01)
    found = repeat((40, 5), (0.95, 0.95 - drop))
    assert 0.72 < np.mean([one.p < 0.05 for one in found]) < 0.9


@pytest.mark.parametrize("shape", SHAPES)
def test_as_good_as_is_claimed_falsely_no_more_often_than_stated(shape):
    # it is worse by the whole margin, so that every claim is false
    found = repeat(shape, (0.9, 0.95))
    assert sum(one.is_as_good(0.05) for one in found) <= at_most(0.025)
    # and where it is the same, there are claims
    assert sum(one.is_as_good(0.15) for one in repeat(shape, (0.95, 0.95))) > 0.9 * DRAWS


def test_holm_keeps_the_rate_of_a_family():
    families = zip(*[repeat((40, 5), (rate, rate)) for rate in (0.6, 0.7, 0.8, 0.9)], strict=True)
    p_values = [{str(i): one.p for i, one in enumerate(family)} for family in families]
    assert sum(min(adjust_holm(family).values()) < 0.05 for family in p_values) <= at_most(0.05)


def test_the_interval_of_a_ratio_holds_the_ratio_that_was_planted():
    generator, held = np.random.default_rng(17), 0
    for _ in range(DRAWS):
        own, shared = generator.integers(2, 14, (2, 16)).repeat(6, axis=1)
        pair = generator.poisson(2 * (own + shared)), generator.poisson(own + shared)
        found = compare_ratio(*pair, [f"p{i // 6}" for i in range(96)])
        held += found.low <= 2 <= found.high
    assert held >= at_least(0.95)


def test_a_bootstrap_draws_whole_paths_and_the_same_each_time():
    values = [1.0] * 40 + [0.0] * 40
    alone = bootstrap_gap(values, [f"p{i}" for i in range(80)])
    clustered = bootstrap_gap(values, [f"p{i // 10}" for i in range(80)])
    assert clustered[1] - clustered[0] > 2 * (alone[1] - alone[0])
    assert clustered == bootstrap_gap(values, [f"p{i // 10}" for i in range(80)])
    found = compare(values, [0.0] * 80, [f"p{i}" for i in range(80)], 10_000)
    assert (found.bca_low, found.bca_high) == alone
    # over many paths it is what the jackknife says
    assert found.bca_low == pytest.approx(found.low, abs=0.02)
    assert found.bca_high == pytest.approx(found.high, abs=0.02)


def test_a_bootstrap_of_values_that_are_skewed_is_skewed_as_well():
    gaps = [0.0] * 36 + [1.0] * 4
    low, high = bootstrap_gap(gaps, [f"p{i}" for i in range(40)])
    assert high - 0.1 > 0.1 - low > 0


def test_where_no_path_differs_nothing_is_drawn():
    assert bootstrap_gap([1.0] * 4, list("aabb")) == (None, None)
    assert bootstrap_gap([1.0, 0.0], ["a", "a"]) == (None, None)
    assert compare([1.0, 0.0], [0.0, 0.0], ["a", "b"]).bca_low is None


def draw_alike_on_paths(generator, n_paths, n_each, shares, alike):
    """Two conditions' rights and wrongs; those on one path share something, each side apart too."""
    paths = np.repeat(np.arange(n_paths), n_each)
    common, sides = generator.normal(size=n_paths), generator.normal(size=(2, n_paths))
    columns = []
    for share, own in zip(shares, sides, strict=True):
        of_path = np.sqrt(alike / 2) * (common + own)[paths]
        latent = of_path + np.sqrt(1 - alike) * generator.normal(size=len(paths))
        columns.append((latent < stats.norm.ppf(share)).astype(float))
    return *columns, [f"p{path}" for path in paths]


@pytest.mark.slow
@pytest.mark.parametrize(("n_paths", "most"), [(8, 0.93), (60, 1.0)])
def test_over_few_paths_the_bootstrap_holds_the_truth_less_often(n_paths, most):
    generator, n, held = np.random.default_rng(3), 300, np.zeros(2)
    for _ in range(n):
        first, second, paths = draw_alike_on_paths(generator, n_paths, 6, (0.9, 0.6), 0.2)
        found = compare(first, second, paths)
        low, high = bootstrap_gap(first - second, paths, 2000)
        held += [found.low <= 0.3 <= found.high, low <= 0.3 <= high]
    jackknife, drawn = held / n
    assert jackknife > 0.92
    assert 0.8 < drawn < most
    assert drawn <= jackknife + 0.02
