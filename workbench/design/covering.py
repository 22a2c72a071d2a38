"""Few walks that together take every route or every pair of hub routes, and long walks.

Walks that take pairs, and long walks, may visit a node more than twice; paths may not.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from workbench.conversation import seeded
from workbench.design.minimum_flow import cut_flow, find_minimum_flow
from workbench.design.paths import FlowPath, enumerate_paths, sample_paths
from workbench.design.wiring import Move, PathError, Wiring, count_moves
from workbench.flowchart import Flowchart


def cover_routes(flowchart: Flowchart, max_visits: int = 2) -> list[FlowPath]:
    """Find few paths that together take every route; travel needs 5.

    A minimum flow says how often each route is taken if nodes may be visited at will. It is cut
    into paths and loops, and loops are hung into paths where `max_visits` allows. Where it does
    not, further paths are added: then the number is small but not proved the smallest.

    Raises:
        PathError: `max_visits` is 1; a route that leads back can then not be taken.
    """
    if max_visits < 2:
        raise PathError("max_visits must be 2 or more, because a route that leads back needs it")
    wiring = Wiring(flowchart)
    if not wiring.moves:
        return []
    takes, fewest = find_minimum_flow(wiring)
    # every route out of a node is one visit of it
    busiest = max(Counter(a for a, _, _ in wiring.moves).values())
    fewest_bounded = max(fewest, math.ceil(busiest / max_visits))
    best: list[list[Move]] = []
    for attempt in range(max(1, min(60, 10_000 // len(wiring.moves)))):
        walks = cut_flow(wiring, takes, fewest, max_visits, random.Random(attempt))
        if not best or len(walks) < len(best):
            best = walks
        if len(best) == fewest_bounded:
            break
    return sorted(
        (FlowPath.along(walk) for walk in best), key=lambda path: (len(path.nodes), path.nodes)
    )


def possible_route_pairs(flowchart: Flowchart) -> list[tuple[str, str]]:
    """Hub routes that can follow each other with no hub between; travel has 44.

    Example: ("assess.missing_info", "assess.info_complete")
    """
    follow = _follow_routes(Wiring(flowchart))
    return [(_say(a), _say(b)) for a in follow if a for b in follow[a]]


def cover_route_pairs(flowchart: Flowchart) -> list[FlowPath]:
    """Find few walks that together take every pair of consecutive hub routes.

    Greedy: always on to the nearest pair not yet taken. Nodes may be visited more than twice, but
    the pairs are spread over the walks, so that none grows long.
    """
    wiring = Wiring(flowchart)
    follow = _follow_routes(wiring)
    pairs = [(a, b) for a in follow if a for b in follow[a]]
    # pairs that lead on, and pairs after which the walk ends; each shrinks as pairs are taken
    inner = _Search(follow, {pair for pair in pairs if follow[pair[1]]})
    closing = _Search(follow, {pair for pair in pairs if not follow[pair[1]]})
    walks = []
    while inner.wanted or closing.wanted:
        quota = min(6, math.ceil(len(inner.wanted) / max(1, len(closing.wanted))))
        taken: list[Move | None] = [None]
        for search in [inner] * quota + [closing]:
            found = search.find_pair(taken[-1])
            new = {*pairwise([taken[-1], *found])}
            taken += found
            inner.wanted -= new
            closing.wanted -= new
        walk: list[Move] = []
        for before, route in pairwise(taken):
            walk += [*follow[before][route], route]
        walks.append(walk + wiring.find_moves(walk[-1][2], wiring.ends.__contains__))
    return [FlowPath.along(walk) for walk in walks]


def choose_covering(walks: Iterable[FlowPath]) -> list[FlowPath]:
    """Few of the walks that together take every step and route pair that all of them take.

    Greedy: the walk that adds most comes first, so that the first few of them are of most use.
    """
    walks = list(walks)
    parts = [{*walk.steps, *walk.route_pairs} for walk in walks]
    # what a walk adds only shrinks, so that an old count is a bound: the largest is counted anew
    heap = [(-len(part), place) for place, part in enumerate(parts)]
    heapq.heapify(heap)
    taken, chosen = set(), []
    while heap:
        bound, place = heapq.heappop(heap)
        adds = len(parts[place] - taken)
        if adds < -bound and adds:
            heapq.heappush(heap, (-adds, place))
        elif adds:
            chosen.append(walks[place])
            taken |= parts[place]
    return chosen


def sample_long_walks(
    flowchart: Flowchart, n: int, seed: int, max_visits: int = 4
) -> list[FlowPath]:
    """Draw `n` different walks that visit some node more than twice and then end.

    Each heads for a pair of hub routes that no path at two visits a node takes (travel: 13 of 44),
    the least taken first. Fewer than `n`, or none, where the chart's loops do not give more.

    Raises:
        PathError: `max_visits` is below 3.
    """
    if max_visits < 3:
        raise PathError(f"max_visits is {max_visits}, but a long walk visits a node 3 times")
    wiring = Wiring(flowchart)
    if not any(map(wiring.is_loop, range(len(wiring.loops)))):
        return []
    try:
        bounded = enumerate_paths(flowchart, limit=20_000)
    except PathError:
        bounded = sample_paths(flowchart, 1_000, seed, limit=0)
    known = {pair for path in bounded for pair in path.route_pairs}
    possible = possible_route_pairs(flowchart)
    targets = [pair for pair in possible if pair not in known] or possible
    taken, found = Counter(), {}
    for i in range(n):
        rng = seeded(seed, "sample_long_walks", str(i))
        target = min(targets, key=lambda pair: (taken[pair], rng.random()), default=None)
        weigh = _head_for(wiring, target) if target else None
        for attempt in range(200):
            walk, _ = wiring.probe(rng, max_visits, weigh if attempt < 100 else None)
            path = FlowPath.along(walk)
            is_long = max(Counter(path.nodes).values()) > 2
            hits = attempt >= 100 or not target or target in path.route_pairs
            if is_long and hits and path.path_id not in found:
                found[path.path_id] = path
                taken.update(path.route_pairs)
                break
    return list(found.values())


def _follow_routes(wiring: Wiring) -> dict[Move | None, dict[Move, list[Move]]]:
    """Hub routes that may come next after each hub route, and the moves between.

    None stands for the start of the walk.
    """
    hub_routes = [move for move in wiring.moves if move[1]]
    out: dict[str, list[tuple[int, Move]]] = {}
    for place, move in enumerate(hub_routes):
        out.setdefault(move[0], []).append((place, move))
    follow: dict[Move | None, dict[Move, list[Move]]] = {}
    for before in [None, *hub_routes] if wiring.start in wiring.routes else []:
        reached = wiring.spread(before[2] if before else wiring.start, wiring.hubs.__contains__)
        ways = {node: trace() for node, trace in reached if node in wiring.hubs}
        # in the order of the flowchart
        next_ones = sorted(found for node in ways for found in out.get(node, ()))
        follow[before] = {move: ways[move[0]] for _, move in next_ones}
    return follow


class _Search:
    """Looks for the nearest of the pairs that are still wanted, and for none of them twice."""

    def __init__(self, follow: dict, wanted: set[tuple[Move, Move]]):
        self.follow, self.wanted = follow, wanted
        self.dead: set[Move | None] = set()
        """Hub routes from which no wanted pair can be reached: there will be none later either."""
        # every walk looks from the start, and always in the same order: it goes on where it was
        self.from_start = self._iterate(None)

    def find_pair(self, state: Move | None) -> list[Move]:
        """The fewest hub routes that lead from a hub route through a wanted pair; [] if none do."""
        if not self.wanted or state in self.dead:
            return []
        came_from: dict = {}
        for here, there, came_from in self._iterate(state) if state else self.from_start:
            if (here, there) in self.wanted:
                way = [there]
                while here != state:
                    way.append(here)
                    here = came_from[here]
                return way[::-1]
        self.dead.update(came_from, [state])
        return []

    def _iterate(self, state: Move | None) -> Iterator[tuple[Move | None, Move, dict]]:
        """Pairs by their distance from a hub route, and how to get to each."""
        came_from, queue = {state: None}, deque([state])
        while queue:
            here = queue.popleft()
            for there in self.follow[here]:
                yield here, there, came_from
                if there not in came_from and there not in self.dead:
                    came_from[there] = here
                    queue.append(there)


def _head_for(wiring: Wiring, target: tuple[str, str]) -> Callable[[list[Move], Move], float]:
    """Weights that lead a random walk to a pair of hub routes, by way of detours."""
    first, second = target
    near = count_moves(wiring.graph.reverse(copy=False), [first.split(".")[0]])

    def weigh(walk: list[Move], move: Move) -> float:
        named = [_say(past) for past in walk if past[1]]
        if target in pairwise(named):
            return 1
        if named and named[-1] == first and _say(move) == second:
            return 100
        if _say(move) == first:
            return 3
        return 1 if move[2] in near else 0.01

    return weigh


def _say(move: Move) -> str:
    return f"{move[0]}.{move[1]}"
