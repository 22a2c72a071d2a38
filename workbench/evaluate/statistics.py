"""Statistics of an evaluation: intervals, paired differences, and what a number of talks can show.

Conversations on one path are not taken as independent: resampling takes whole paths.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

RESAMPLES = 2000


class Metric(BaseModel):
    """A measure over many conversations."""

    mean: float | None
    """None if no conversation was scored."""
    n: int
    """Conversations scored."""
    low: float | None
    high: float | None
    """95 % interval; conversations on one path are not taken as independent."""
    unscored: int
    """Conversations the measure does not apply to."""


class Difference(BaseModel):
    """What one condition has more than another, on the same customers."""

    mean: float | None
    """Mean of first - second; None if no pair was scored."""
    n: int
    """Pairs scored."""
    low: float | None
    high: float | None
    """95 % interval of the mean, clustered by path."""
    p: float | None
    """Exact McNemar where all values are 0 or 1, else Wilcoxon's signed ranks; two-sided."""
    cliffs_delta: float | None
    """P(first > second) - P(first < second) of values drawn from each, -1 to 1."""
    unscored: int
    """Pairs of which one or both were not scored."""

    def is_as_good(self, margin: float) -> bool:
        """Whether the first is not worse by `margin` or more: the interval's bad end is inside.

        The margin must be chosen before looking. Example: low=-0.02 is as good at margin 0.05
        """
        return self.low is not None and self.low > -margin


def average(values: Sequence[float | None], clusters: Sequence[str], seed: int = 7) -> Metric:
    """Mean with a 95 % interval clustered by path.

    Percentile bootstrap over whole clusters (scipy, 2,000 resamples). Where all values are equal a
    bootstrap knows no spread: Wilson's interval is given instead, of as many values as there are
    clusters. For values between 0 and 1 that are no shares it is wider than need be.
    """
    from scipy import stats

    scored = [(value, c) for value, c in zip(values, clusters, strict=True) if value is not None]
    unscored = len(values) - len(scored)
    if not scored:
        return Metric(mean=None, n=0, low=None, high=None, unscored=unscored)
    numbers, names = np.array([value for value, _ in scored]), [name for _, name in scored]
    mean, n = float(numbers.mean()), len(numbers)
    if np.ptp(numbers) == 0 or len(set(names)) < 2:
        k = len(set(names))
        low, high = stats.binomtest(round(mean * k), k).proportion_ci(method="wilson")
    else:
        low, high = _bootstrap(numbers, names, seed)
    return Metric(mean=mean, n=n, low=float(low), high=float(high), unscored=unscored)


def compare(
    first: Sequence[float | None],
    second: Sequence[float | None],
    clusters: Sequence[str],
    seed: int = 7,
) -> Difference:
    """The paired difference of two conditions; the i-th values are of the same customer.

    The interval is clustered by path; p is not, and so a little too small where paths differ much.
    Where all gaps are equal, it is as wide as Wilson's for nothing seen among the clusters.
    """
    from scipy import stats

    pairs = [
        (one, other, name)
        for one, other, name in zip(first, second, clusters, strict=True)
        if one is not None and other is not None
    ]
    unscored = len(first) - len(pairs)
    if not pairs:
        none = dict.fromkeys(("mean", "low", "high", "p", "cliffs_delta"))
        return Difference(n=0, unscored=unscored, **none)
    ones, others = (np.array(column) for column in list(zip(*pairs, strict=True))[:2])
    names, gaps = [name for *_, name in pairs], ones - others
    if np.ptp(gaps) and len(set(names)) > 1:
        low, high = _bootstrap(gaps, names, seed)
    else:
        # no spread was seen: what Wilson's interval says of a share of none among the clusters
        k = len(set(names))
        unseen = stats.binomtest(0, k).proportion_ci(method="wilson").high
        low, high = max(-1.0, gaps.mean() - unseen), min(1.0, gaps.mean() + unseen)
    if not gaps.any():
        p = 1.0
    elif set(ones) | set(others) <= {0.0, 1.0}:
        p = stats.binomtest(int((gaps > 0).sum()), int(np.count_nonzero(gaps))).pvalue
    else:
        p = stats.wilcoxon(ones, others).pvalue
    delta = 2 * stats.mannwhitneyu(ones, others).statistic / len(ones) ** 2 - 1
    return Difference(
        mean=float(gaps.mean()),
        n=len(gaps),
        low=float(low),
        high=float(high),
        p=float(p),
        cliffs_delta=float(delta),
        unscored=unscored,
    )


def adjust_holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P values of one family of tests, adjusted by Holm's step-down method, in the same order.

    Source: Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    Example: adjust_holm({"a": 0.01, "b": 0.04}) is {"a": 0.02, "b": 0.04}
    """
    ranked = sorted(p_values, key=p_values.__getitem__)
    adjusted, least = {}, 0.0
    for place, name in enumerate(ranked):
        least = max(least, min(1.0, p_values[name] * (len(ranked) - place)))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}


def smallest_difference(
    n: int, rate: float, power: float = 0.8, correlation: float = 0.0, alpha: float = 0.05
) -> float | None:
    """The smallest drop from `rate` that `n` pairs show with the stated power; None if none does.

    Normal approximation for two paired rates r and s: variance (r(1-r) + s(1-s) - 2c*sqrt(...))/n.
    Example: smallest_difference(100, 0.98) is about 0.09
    """
    from scipy import optimize, stats

    z = stats.norm.ppf(1 - alpha / 2)

    def excess(drop: float) -> float:
        spreads = [p * (1 - p) for p in (rate, rate - drop)]
        variance = sum(spreads) - 2 * correlation * float(np.sqrt(spreads[0] * spreads[1]))
        return stats.norm.cdf(drop / np.sqrt(max(variance, 1e-12) / n) - z) - power

    if n < 1 or excess(rate) < 0:
        return None
    return float(optimize.brentq(excess, 1e-9, rate))


def _bootstrap(numbers: np.ndarray, names: Sequence[str], seed: int) -> tuple[float, float]:
    """Percentile interval of the mean, resampling whole clusters."""
    from scipy import stats

    clusters = np.array(names)
    members = [clusters == name for name in sorted(set(names))]
    sums = np.array([numbers[own].sum() for own in members])
    sizes = np.array([own.sum() for own in members])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        interval: Any = stats.bootstrap(
            (sums, sizes),
            lambda s, k, axis: s.sum(axis) / k.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)
