"""Which walks the conversations take: coverage first, then many, the outcomes in their shares."""

import random
from collections import Counter
from collections.abc import Iterable

from workbench.design.covering import choose_covering
from workbench.design.paths import FlowPath
from workbench.flowchart import Flowchart


class DrawingError(ValueError):
    """Walks cannot be drawn as asked."""


def draw_training(
    paths: list[FlowPath],
    long: list[FlowPath],
    covering: list[FlowPath],
    n: int,
    n_long: int,
    shares: dict[str, float],
    flowchart: Flowchart,
    rng: random.Random,
) -> list[FlowPath]:
    """`n` walks to train on, about `n_long` of them longer than paths are.

    First come those of most use to coverage, so that every step and route pair of `paths` and
    `covering` (some of the long ones) is taken, then as many distinct ones as there is room for,
    the outcomes in their shares. All come once where `n` allows it with these shares.
    """
    must = choose_covering([*paths, *covering])[:n]
    ids = {path.path_id for path in paths}
    must_paths = [walk for walk in must if walk.path_id in ids]
    must_long = [walk for walk in must if walk.path_id not in ids]
    n_long = min(max(n_long, len(must_long)), n - len(must_paths))
    own = _make_up(shares, {walk.outcome(flowchart) for walk in long}, n, n_long)
    drawn = []
    for walks, every, needed, room, wanted in (
        (paths, paths, must_paths, n - n_long, own),
        (long, covering, must_long, n_long, shares),
    ):
        first = every if _fits(every, room, wanted, flowchart) else needed
        drawn += draw_paths(walks, first, room, wanted, flowchart, rng)
    return drawn


def _make_up(shares: dict[str, float], of_long: set[str], n: int, n_long: int) -> dict[str, float]:
    """The shares that paths need where no long walk comes to some outcome, so that all fit `n`."""
    theirs = sum(share for outcome, share in shares.items() if outcome in of_long)
    if n_long in (0, n) or not theirs or of_long >= {*shares}:
        return shares
    long = {o: n_long * share / theirs if o in of_long else 0 for o, share in shares.items()}
    left = {o: max(0.0, n * share - long[o]) / (n - n_long) for o, share in shares.items()}
    return {o: share for o, share in left.items() if share} or shares


def draw_paths(
    paths: list[FlowPath],
    first: list[FlowPath],
    n: int,
    shares: dict[str, float],
    flowchart: Flowchart,
    rng: random.Random,
) -> list[FlowPath]:
    """`n` paths: all of `first` once, then so that the outcomes come in the stated shares.

    Within an outcome the least used path comes next, so that every path is used before any twice.

    Raises:
        DrawingError: there is no path to an outcome that is to have a share.
    """
    drawn = list(first[:n])
    by_outcome: dict[str, list[FlowPath]] = {outcome: [] for outcome in shares}
    for path in paths:
        by_outcome.get(path.outcome(flowchart), []).append(path)
    shares = {o: share for o, share in shares.items() if by_outcome[o]}
    if not shares and len(drawn) < n:
        raise DrawingError(f"no path comes to {' or '.join(by_outcome)}; give another a share")
    used = Counter(path.path_id for path in drawn)
    outcomes = Counter(path.outcome(flowchart) for path in drawn)
    fresh: dict[str, list[FlowPath]] = {outcome: [] for outcome in shares}
    while len(drawn) < n:
        outcome = max(shares, key=lambda o: shares[o] / (outcomes[o] + 1))
        if not fresh[outcome]:
            fewest = min(used[path.path_id] for path in by_outcome[outcome])
            fresh[outcome] = [p for p in by_outcome[outcome] if used[p.path_id] == fewest]
        path = rng.choice(fresh[outcome])
        fresh[outcome].remove(path)
        drawn.append(path)
        used[path.path_id] += 1
        outcomes[outcome] += 1
    rng.shuffle(drawn)
    return drawn


def _fits(
    paths: Iterable[FlowPath], n: int, shares: dict[str, float], flowchart: Flowchart
) -> bool:
    """Whether `n` conversations can take each path once and yet come to outcomes in their shares.

    Outcomes that have no share of their own are no reason against it.
    """
    counts = Counter(path.outcome(flowchart) for path in paths)
    return all(k <= shares.get(outcome, 1) * n for outcome, k in counts.items())
