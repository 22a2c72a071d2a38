"""How many paths a flowchart has: exactly where its loops are small, else at least so many."""

import random
from collections import Counter
from dataclasses import dataclass

from workbench.design.wiring import PathError, Wiring
from workbench.flowchart import Flowchart

PROBE_MOVES = 200_000
"""Moves that an estimate may cost (about a second)."""


@dataclass(frozen=True)
class PathCount:
    """How many paths there are, and how well that is known."""

    n: int
    """The number of paths if `is_exact`, else a number that there are at least."""

    is_exact: bool

    estimate: int
    """Equal to `n` if exact; else the mean of random probes (Knuth): rough, never below `n`."""

    def __str__(self) -> str:
        if self.is_exact:
            return f"{self.n:,} paths"
        return f"at least {self.n:,} paths, by a rough estimate {self.estimate:,}"


def count_paths(flowchart: Flowchart, max_visits: int = 2, cap: int = 200_000) -> PathCount:
    """Count the paths without listing them.

    Exact where loops are small: each loop (strongly connected component) is counted by how often
    its nodes have been visited, and what lies between loops is multiplied. A loop that needs more
    than `cap` such states (200,000: about a second) is counted as far as that goes, and all loops
    together take at most ten times as many.
    """
    return count_walks(Wiring(flowchart), max_visits, cap, probes=400)


def describe_size(flowchart: Flowchart) -> str:
    """Name and counts, e.g. "coffee: 9 nodes, 11 routes, 2 hubs, 2 ends, 9 paths that ..." """
    n_routes = sum(len(flowchart.successors(node)) for node in flowchart.nodes)
    return (
        f"{flowchart.name}: {len(flowchart.nodes)} nodes, {n_routes} routes, "
        f"{len(flowchart.hubs)} hubs, {len(flowchart.ends)} ends, {count_paths(flowchart)} that "
        "visit no node more than twice"
    )


def count_walks(wiring: Wiring, max_visits: int, cap: int, probes: int) -> PathCount:
    """Count the paths of a wiring; `probes` are the random walks an estimate may take.

    Raises:
        PathError: `max_visits` is below 1.
    """
    if max_visits < 1:
        raise PathError(f"max_visits is {max_visits}, but a walk visits its nodes at least once")
    arrivals, is_exact = Counter({wiring.start: 1} if wiring.start in wiring.routes else {}), True
    left = 10 * cap
    # loops in the order of the walk: when one is counted, all walks into it are known
    for i, loop in enumerate(wiring.loops):
        leaving = Counter({node: arrivals[node] for node in loop if arrivals[node]})
        if wiring.is_loop(i):
            leaving, n_states = _count_in_loop(wiring, loop, leaving, max_visits, min(cap, left))
            is_exact, left = is_exact and n_states >= 0, left - abs(n_states)
        for node, n in leaving.items():
            for _, to in wiring.routes[node]:
                if wiring.home[to] != i:
                    arrivals[to] += n
    n = sum(arrivals[end] for end in wiring.ends)
    estimate = n if is_exact else max(n, _estimate(wiring, max_visits, probes))
    return PathCount(n, is_exact, estimate)


def _count_in_loop(
    wiring: Wiring, loop: set[str], arrivals: Counter, max_visits: int, cap: int
) -> tuple[Counter, int]:
    """Walks that stand on each node of a loop, given those that come in, and the states it took.

    If it is cut short, the states are below 0.
    """
    width = max_visits.bit_length()
    # how often each node was visited is one number, `width` bits a node
    place = {node: i * width for i, node in enumerate(sorted(loop))}
    steps = {a: [b for _, b in wiring.routes[a] if b in loop] for a in loop}
    full = (1 << width) - 1
    states = {(node, 1 << place[node]): n for node, n in arrivals.items()}
    standing, n_states = Counter(arrivals), len(states)
    while states:
        longer: dict[tuple[str, int], int] = {}
        for (node, visits), n in states.items():
            for to in steps[node]:
                if (visits >> place[to]) & full < max_visits:
                    state = (to, visits + (1 << place[to]))
                    longer[state] = longer.get(state, 0) + n
            if n_states + len(longer) > cap:
                # each way in leads to each node of the loop at least once
                least = sum(arrivals.values())
                cut = Counter({node: max(standing[node], least) for node in loop})
                return cut, -max(1, n_states)
        for (node, _), n in longer.items():
            standing[node] += n
        states, n_states = longer, n_states + len(longer)
    return standing, n_states


def _estimate(wiring: Wiring, max_visits: int, probes: int) -> int:
    """Knuth's estimator: the mean, over random walks, of the product of the choices they had."""
    rng, products = random.Random(0), []
    wiring.looked_at = 0
    while len(products) < probes and wiring.looked_at < PROBE_MOVES:
        products.append(wiring.probe(rng, max_visits)[1])
    return sum(products) // max(1, len(products))
