"""Why one thing costs so many times as much as another: the multiple as a product of causes."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise


def chain_ratios(costs: Mapping[str, float]) -> dict[str, float]:
    """How many times less each cost is than the one before it; the first has none.

    The order of the costs is the order in which causes are taken, and matters: what a short prompt
    saves is less once tokens are cheap in a cache. The ratios multiply to first / last.

    Example: {"as it is": 12, "short prompt": 6, "small model": 2} -> {"short prompt": 2, "small
    model": 3}

    Raises:
        ValueError: a cost is not over 0, or the ratios do not multiply to the whole.
    """
    values = list(costs.values())
    for name, value in costs.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f'the cost of "{name}" is {value}; a ratio needs costs over 0')
    ratios = [before / after for before, after in pairwise(values)]
    _check_product(ratios, values[0] / values[-1] if values else 1.0)
    return dict(zip(list(costs)[1:], ratios, strict=True))


def share_ratio(cost: Callable[[frozenset[str]], float], causes: Sequence[str]) -> dict[str, float]:
    """How many times less each cause makes the cost, whatever the order: Shapley's shares.

    `cost` gives the cost with some of the causes at work. A cause's log ratio, log cost(S) −
    log cost(S and the cause), is averaged over all orders in which causes can come; the factors
    multiply to cost(none) / cost(all). After L. S. Shapley, A value for n-person games (1953), as
    used for decompositions by A. F. Shorrocks, Journal of Economic Inequality 11 (2013), 99-126.

    Example: where each cause divides the cost by the same number in any order, that is its factor.

    Raises:
        ValueError: a cost is not over 0.
    """
    log = {
        frozenset(some): _log(cost(frozenset(some)), some)
        for size in range(len(causes) + 1)
        for some in combinations(causes, size)
    }
    shares = {}
    for cause in causes:
        total = 0.0
        for some, value in log.items():
            if cause not in some:
                # the share of all orders in which exactly these come before the cause
                weight = 1 / (len(causes) * math.comb(len(causes) - 1, len(some)))
                total += weight * (value - log[some | {cause}])
        shares[cause] = math.exp(total)
    _check_product(list(shares.values()), math.exp(log[frozenset()] - log[frozenset(causes)]))
    return shares


def _log(value: float, some: Sequence[str]) -> float:
    if not (math.isfinite(value) and value > 0):
        named = ", ".join(some) or "no cause"
        raise ValueError(f"the cost with {named} is {value}; a ratio needs costs over 0")
    return math.log(value)


def _check_product(ratios: Sequence[float], whole: float) -> None:
    if not math.isclose(math.prod(ratios), whole, rel_tol=1e-9):
        raise ValueError(f"the ratios {ratios} do not multiply to {whole}; their costs overflow")
