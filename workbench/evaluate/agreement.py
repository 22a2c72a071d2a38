"""Agreement: of two judges, of one judge with itself, and of failures with computed endings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LEVELS = 5
"""Scores are 1 to 5."""

MARGIN = 0.25
"""Points of a criterion by which a mean may lie lower and still be as good, set beforehand."""

FAILURE = 3
"""A task success of this or less is a failure, as the paper on compiled procedures has it."""


def weighted_kappa(
    first: Sequence[int], second: Sequence[int], levels: int = LEVELS
) -> float | None:
    """Agreement beyond chance of two raters on the same items, far misses counting by the square.

    1 - sum(w * observed) / sum(w * expected), w = (i - j)^2 over the joint counts and those that
    the raters' own counts would give. Source: Cohen (1968), Weighted kappa, Psychological Bulletin
    70. None where neither varies: then nothing can be told from chance.
    Example: weighted_kappa([1, 5], [5, 1]) is -1.0
    """
    if len(first) != len(second):
        raise ValueError(f"one rater has {len(first)} scores, the other {len(second)}")
    if not first:
        return None
    ones, others = np.array(first), np.array(second)
    if min(ones.min(), others.min()) < 1 or max(ones.max(), others.max()) > levels:
        raise ValueError(f"scores must be 1 to {levels}")
    counts = np.zeros((levels, levels))
    np.add.at(counts, (ones - 1, others - 1), 1)
    ranks = np.arange(levels)
    weights = (ranks[:, None] - ranks[None, :]) ** 2
    expected = np.outer(counts.sum(1), counts.sum(0)) / len(ones)
    by_chance = float((weights * expected).sum())
    return None if not by_chance else 1 - float((weights * counts).sum()) / by_chance


def correlate(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation; None where one of them does not vary."""
    from scipy import stats

    if len({*first}) < 2 or len({*second}) < 2:
        return None
    return float(stats.spearmanr(first, second).statistic)


def measure_agreement(pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """How far two judges agree: {n, exact, within_one, kappa, spearman, gap}.

    `gap` is the mean of first - second: one may be the stricter, however alike they rank.
    """
    if not pairs:
        return dict.fromkeys(("exact", "within_one", "kappa", "spearman", "gap")) | {"n": 0}
    first, second = (list(column) for column in zip(*pairs, strict=True))
    gaps = np.array(first) - np.array(second)
    return {
        "n": len(pairs),
        "exact": float((gaps == 0).mean()),
        "within_one": float((abs(gaps) <= 1).mean()),
        "kappa": weighted_kappa(first, second),
        "spearman": correlate(first, second),
        "gap": float(gaps.mean()),
    }


def measure_repeatability(groups: Sequence[Sequence[int]]) -> dict[str, Any]:
    """How alike a judge scores the same again: {n, exact, spread}; items scored once do not count.

    `exact` is the share of items whose scores are all the same, `spread` the standard deviation
    within an item, pooled over all.
    """
    repeated = [group for group in groups if len(group) > 1]
    if not repeated:
        return {"n": 0, "exact": None, "spread": None}
    variances = [float(np.var(group, ddof=1)) for group in repeated]
    weights = [len(group) - 1 for group in repeated]
    return {
        "n": len(repeated),
        "exact": float(np.mean([len({*group}) == 1 for group in repeated])),
        "spread": float(np.sqrt(np.average(variances, weights=weights))),
    }


def is_failure(task_success: int) -> bool:
    """Whether the paper would call it a failure. Example: is_failure(3) is True"""
    return task_success <= FAILURE


def compare_failures(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """The judged failures beside the computed ones, for the same conversations.

    `pairs` are (judged a failure, ending computed wrong). Gives the four counts, both rates, and
    kappa: unweighted Cohen's, which with two levels is the weighted one.
    """
    names: Mapping[tuple[bool, bool], str] = {
        (True, True): "both",
        (True, False): "judge_only",
        (False, True): "ending_only",
        (False, False): "neither",
    }
    counts = dict.fromkeys(names.values(), 0)
    for judged, computed in pairs:
        counts[names[bool(judged), bool(computed)]] += 1
    n = len(pairs)
    one, other = ([1 + bool(pair[side]) for pair in pairs] for side in (0, 1))
    return counts | {
        "n": n,
        "judged": sum(bool(judged) for judged, _ in pairs) / n if n else None,
        "computed": sum(bool(computed) for _, computed in pairs) / n if n else None,
        "kappa": weighted_kappa(one, other, levels=2),
    }
