"""Agreement: hand-counted examples, and another formula that must say the same."""

import random

import pytest

from workbench.evaluate.agreement import (
    compare_failures,
    correlate,
    is_failure,
    measure_agreement,
    measure_repeatability,
    weighted_kappa,
)


def test_kappa_is_one_for_the_same_and_minus_one_for_the_opposite():
    assert weighted_kappa([1, 3, 5], [1, 3, 5]) == 1
    assert weighted_kappa([1, 5], [5, 1]) == -1


def test_kappa_by_hand():
    # squares observed 0+1+0+4 = 5; by chance (9 for the 2, 3 for the 3, 5 and 15) / 4 = 8
    assert weighted_kappa([2, 3, 4, 5], [2, 4, 4, 3]) == pytest.approx(1 - 5 / 8)


def test_kappa_is_what_means_and_spreads_say():
    # of squares: 2 cov / (var + var + (mean - mean)^2)
    rng = random.Random(3)
    for _ in range(50):
        a = [rng.randint(1, 5) for _ in range(30)]
        b = [min(5, max(1, x + rng.choice([-1, 0, 0, 1]))) for x in a]
        mean_a, mean_b = sum(a) / 30, sum(b) / 30
        cov = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True)) / 30
        spread = sum((x - mean_a) ** 2 for x in a) / 30 + sum((y - mean_b) ** 2 for y in b) / 30
        expected = 2 * cov / (spread + (mean_a - mean_b) ** 2)
        assert weighted_kappa(a, b) == pytest.approx(expected)


def test_where_nothing_varies_nothing_is_known():
    assert weighted_kappa([5, 5], [5, 5]) is None
    assert weighted_kappa([], []) is None
    assert correlate([1, 2], [5, 5]) is None
    assert measure_agreement([])["n"] == 0


@pytest.mark.parametrize("scores", [[0], [6]])
def test_scores_off_the_scale_are_refused(scores):
    with pytest.raises(ValueError, match="1 to 5"):
        weighted_kappa(scores, [3])
    with pytest.raises(ValueError, match="1 scores"):
        weighted_kappa([3], [])


def test_a_stricter_judge_ranks_alike_and_has_a_gap():
    found = measure_agreement([(3, 2), (4, 3), (5, 4), (5, 4)])
    assert (found["exact"], found["within_one"], found["gap"]) == (0, 1, 1)
    assert found["spearman"] == pytest.approx(1)


def test_repeats_are_compared_within_an_item():
    found = measure_repeatability([[5, 5, 5], [2, 4], [1]])
    assert (found["n"], found["exact"]) == (2, 0.5)
    # variances 0 (2 degrees of freedom) and 2 (one)
    assert found["spread"] == pytest.approx((2 / 3) ** 0.5)
    assert measure_repeatability([[1], []])["exact"] is None


def test_a_failure_is_three_or_less():
    assert [is_failure(score) for score in range(1, 6)] == [True, True, True, False, False]


def test_failures_are_counted_in_four_fields():
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    found = compare_failures(pairs)
    assert [found[k] for k in ("both", "judge_only", "ending_only", "neither")] == [20, 5, 10, 15]
    assert (found["judged"], found["computed"]) == (0.5, 0.6)
    assert found["kappa"] == pytest.approx(0.4)
    assert compare_failures([])["kappa"] is None
