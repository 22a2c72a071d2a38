"""Paths of a flowchart: list, count, sample, cover and split them.

A path is a walk from the start to an end in which no node is visited more than `max_visits` times.
The bound belongs to every count: travel has 86 paths at two visits a node, 5 at one.
"""

import hashlib
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import networkx as nx

from workbench.conversation import seeded
from workbench.flowchart import Flowchart

NODES_LISTED = 10_000_000
"""Nodes that `enumerate_paths` writes or looks at before it gives up (some 200 MB)."""

PROBE_MOVES = 200_000
"""Moves that an estimate may cost (about a second)."""

Move = tuple[str, str, str]
"""One route taken: (from node, route name or "", to node)."""


class PathError(ValueError):
    """The paths asked for do not exist or are too many to list."""


@dataclass(frozen=True)
class FlowPath:
    """One walk from the start to an end."""

    nodes: tuple[str, ...]
    """Ids in the order visited, the end included."""

    routes: tuple[str, ...]
    """routes[i] is the name of the route taken out of nodes[i], "" if it has none."""

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """What was taken at each node but the end: "opening", "assess.missing_info", ..."""
        return tuple(
            f"{node}.{route}" if route else node
            for node, route in zip(self.nodes, self.routes, strict=False)
        )

    @cached_property
    def path_id(self) -> str:
        """Ten hex digits, a hash of the steps and the end; the same walk always has the same."""
        words = " ".join([*self.steps, self.nodes[-1]])
        return hashlib.sha256(words.encode()).hexdigest()[:10]

    @cached_property
    def hub_routes(self) -> tuple[str, ...]:
        """The named routes taken, in order: ("assess.info_complete", ...)."""
        return tuple(step for step in self.steps if "." in step)

    @property
    def route_pairs(self) -> tuple[tuple[str, str], ...]:
        """Consecutive hub routes, in order."""
        return tuple(pairwise(self.hub_routes))

    def outcome(self, flowchart: Flowchart) -> str:
        """Outcome of the end reached."""
        return flowchart.nodes[self.nodes[-1]].outcome

    def messages(self, flowchart: Flowchart) -> list[list[str]]:
        """Agent messages as lists of steps; agent nodes in a row speak in one message.

        Example: [["opening"], ["assess.info_complete", "present_options"], ...]
        """
        messages: list[list[str]] = [[]]
        for node, step in zip(self.nodes, self.steps, strict=False):
            if flowchart.nodes[node].role == "agent":
                messages[-1].append(step)
            elif messages[-1]:
                messages.append([])
        return [message for message in messages if message]


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


class _Chart:
    """The nodes on some way from start to end, their routes, and the loops they are in.

    A loop is a strongly connected component; most have one node and are not walked round.
    """

    def __init__(self, flowchart: Flowchart):
        full = nx.DiGraph()
        full.add_nodes_from(flowchart.nodes)
        full.add_edges_from((a, b) for a in flowchart.nodes for _, b in flowchart.successors(a))
        ends = [node for node in flowchart.nodes.values() if node.role == "end"]
        self.name, self.start = flowchart.name, flowchart.start
        self.distance = _count_moves(full.reverse(copy=False), [node.id for node in ends])
        reached = _count_moves(full, [self.start])
        # nodes without a way on are no part of any path; a checked flowchart has none
        useful = [node for node in flowchart.nodes if node in reached and node in self.distance]
        self.ends = {node.id for node in ends if node.id in reached}
        self.routes = {
            a: [(name, b) for name, b in flowchart.successors(a) if b in self.distance]
            for a in useful
        }
        self.hubs = {a for a in useful if any(name for name, _ in self.routes[a])}
        self.graph = full.subgraph(useful)
        self.loops = list(nx.strongly_connected_components(self.graph))
        # components come last first; now numbered in the order in which a walk passes them
        self.loops.reverse()
        self.home = {node: i for i, loop in enumerate(self.loops) for node in loop}
        # nearest to the end last, as a stack pops them
        self.ways = {
            a: sorted({b for _, b in self.routes[a]}, key=lambda b: (-self.distance[b], b))
            for a in useful
        }
        self.looked_at = 0

    @property
    def moves(self) -> list[Move]:
        return [(a, name, b) for a, routes in self.routes.items() for name, b in routes]

    def is_loop(self, i: int) -> bool:
        node = next(iter(self.loops[i]))
        return len(self.loops[i]) > 1 or self.graph.has_edge(node, node)

    def find_way_out(self, node: str, visits: Counter, max_visits: int, ahead=()) -> list | None:
        """Nodes after `node` until the walk has left its loop or stands on one of `ahead`.

        None if the nodes that may still be visited do not lead out: the walk would be stuck.
        """
        loop, came_from, stack = self.home[node], {node: ""}, [node]
        while stack:
            here = stack.pop()
            self.looked_at += 1
            if here in ahead or self.home[here] != loop or len(self.loops[loop]) == 1:
                way = []
                while here != node:
                    way.append(here)
                    here = came_from[here]
                return way[::-1]
            for there in self.ways[here]:
                if there not in came_from and visits[there] < max_visits:
                    came_from[there] = here
                    stack.append(there)
        return None

    def find_moves(self, node: str, is_there: Callable[[str], bool]) -> list[Move]:
        """Moves of the shortest walk from a node to one that `is_there`; [] if none or at once."""
        ways = self.spread(node)
        return next((trace() for there, trace in ways if is_there(there)), [])

    def spread(self, node: str, is_wall: Callable[[str], bool] = lambda _: False):
        """Nodes that can be reached, nearest first, each with a call that gives the moves to it.

        Nothing is reached through a wall.
        """
        last: dict[str, Move | None] = {node: None}

        def trace(there: str) -> list[Move]:
            way, move = [], last[there]
            while move:
                way.append(move)
                move = last[move[0]]
            return way[::-1]

        queue = deque([node])
        while queue:
            here = queue.popleft()
            yield here, partial(trace, here)
            for name, there in self.routes[here] if not is_wall(here) else ():
                if there not in last:
                    last[there] = (here, name, there)
                    queue.append(there)


def enumerate_paths(
    flowchart: Flowchart, max_visits: int = 2, limit: int = 100_000
) -> list[FlowPath]:
    """List all paths, in the order in which the flowchart lists its routes.

    Raises:
        PathError: there are more than `limit`, or they are too long to be held in memory.
    """
    chart = _Chart(flowchart)
    count = _count(chart, max_visits, cap=50_000, probes=0)
    if count.n > limit:
        raise _too_many(chart, max_visits, f"{'' if count.is_exact else 'at least '}{count.n:,}")
    paths: list[FlowPath] = []
    nodes, routes, visits = [chart.start], [], Counter([chart.start])
    written, unfinished = 0, [iter(chart.routes.get(chart.start, ()))]
    while unfinished:
        for name, to in unfinished[-1]:
            if visits[to] >= max_visits:
                continue
            visits[to] += 1
            if to in chart.ends:
                paths.append(FlowPath((*nodes, to), (*routes, name)))
                written += len(nodes) + 1
            # a walk that cannot end is given up at once: this is what keeps the search short
            elif chart.find_way_out(to, visits, max_visits) is not None:
                nodes.append(to)
                routes.append(name)
                unfinished.append(iter(chart.routes[to]))
                break
            visits[to] -= 1
            if len(paths) > limit or written + chart.looked_at > NODES_LISTED:
                raise _too_many(chart, max_visits, f"more than {len(paths) - 1:,}")
        else:
            unfinished.pop()
            visits[nodes.pop()] -= 1
            if routes:
                routes.pop()
    return paths


def count_paths(flowchart: Flowchart, max_visits: int = 2, cap: int = 200_000) -> PathCount:
    """Count the paths without listing them.

    Exact where loops are small: each loop (strongly connected component) is counted by how often
    its nodes have been visited, and what lies between loops is multiplied. A loop that needs more
    than `cap` such states (200,000: about a second) is counted as far as that goes.
    """
    return _count(_Chart(flowchart), max_visits, cap, probes=400)


def sample_paths(
    flowchart: Flowchart, n: int, seed: int, max_visits: int = 2, limit: int = 20_000
) -> list[FlowPath]:
    """Draw `n` different paths, or all there are if they are fewer.

    Each path is equally likely while the chart has at most `limit` of them. Beyond that a random
    route is taken at each node, which favours short paths.
    """
    rng = seeded(seed, "sample_paths", flowchart.name)
    try:
        paths = enumerate_paths(flowchart, max_visits, limit)
    except PathError:
        chart, found = _Chart(flowchart), {}
        for _ in range(20 * n):
            path = _to_path(_probe(chart, rng, max_visits)[0])
            found[path.path_id] = path
            if len(found) == n:
                break
        return list(found.values())
    return rng.sample(paths, min(n, len(paths)))


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
    chart = _Chart(flowchart)
    if not chart.moves:
        return []
    takes, fewest = _minimum_flow(chart)
    # every route out of a node is one visit of it
    busiest = max(Counter(a for a, _, _ in chart.moves).values())
    fewest_bounded = max(fewest, math.ceil(busiest / max_visits))
    best: list[list[Move]] = []
    for attempt in range(max(1, min(60, 10_000 // len(chart.moves)))):
        walks = _compose(chart, takes, fewest, max_visits, random.Random(attempt))
        if not best or len(walks) < len(best):
            best = walks
        if len(best) == fewest_bounded:
            break
    return sorted((_to_path(walk) for walk in best), key=lambda path: (len(path.nodes), path.nodes))


def possible_route_pairs(flowchart: Flowchart) -> list[tuple[str, str]]:
    """Hub routes that can follow each other with no hub between; travel has 44.

    Example: ("assess.missing_info", "assess.info_complete")
    """
    follow = _follow_routes(_Chart(flowchart))
    return [(_say(a), _say(b)) for a in follow if a for b in follow[a]]


def cover_route_pairs(flowchart: Flowchart) -> list[FlowPath]:
    """Find few walks that together take every pair of consecutive hub routes.

    Greedy: always on to the nearest pair not yet taken. Nodes may be visited more than twice, but
    the pairs are spread over the walks, so that none grows long.
    """
    chart = _Chart(flowchart)
    follow = _follow_routes(chart)
    untaken = {(a, b) for a in follow if a for b in follow[a]}
    walks = []
    while untaken:
        inner = {pair for pair in untaken if follow[pair[1]]}
        closing = untaken - inner
        quota = min(6, math.ceil(len(inner) / max(1, len(closing))))
        taken: list[Move | None] = [None]
        for wanted in [inner] * quota + [closing]:
            taken += _find_pair(follow, taken[-1], wanted & untaken)
            untaken -= set(pairwise(taken))
        walk: list[Move] = []
        for before, route in pairwise(taken):
            walk += [*follow[before][route], route]
        walks.append(walk + chart.find_moves(walk[-1][2], chart.ends.__contains__))
    return [_to_path(walk) for walk in walks]


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
    chart = _Chart(flowchart)
    if not any(map(chart.is_loop, range(len(chart.loops)))):
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
        for attempt in range(200):
            weigh = _head_for(chart, target) if target and attempt < 100 else None
            path = _to_path(_probe(chart, rng, max_visits, weigh)[0])
            is_long = max(Counter(path.nodes).values()) > 2
            hits = attempt >= 100 or not target or target in path.route_pairs
            if is_long and hits and path.path_id not in found:
                found[path.path_id] = path
                taken.update(path.route_pairs)
                break
    return list(found.values())


def split_paths(
    paths: Iterable[FlowPath],
    flowchart: Flowchart,
    seed: int,
    test: float = 0.19,
    valid: float = 0.09,
) -> dict[str, str]:
    """Say for each path id whether it is for "train", "valid" or "test".

    Outcomes have equal shares where possible. A path leaves training only while other training
    paths take each of its nodes, routes and route pairs: so training covers all that the paths
    cover. Depends on the path ids and the seed, not on the order. Travel: 16 test, 8 valid of 86.

    Raises:
        PathError: `test` or `valid` is negative, or together they leave nothing for training.
    """
    if test < 0 or valid < 0 or test + valid >= 1:
        raise PathError(f"shares test={test} and valid={valid} leave no training paths")
    by_id = {path.path_id: path for path in paths}
    drawn = sorted(by_id, key=lambda i: hashlib.sha256(f"{seed}/split/{i}".encode()).digest())
    parts = {i: {*by_id[i].nodes, *by_id[i].steps, *by_id[i].route_pairs} for i in drawn}
    in_training = Counter(part for i in drawn for part in parts[i])
    split = dict.fromkeys(drawn, "train")
    outcome_of = {i: path.outcome(flowchart) for i, path in by_id.items()}
    for name, share in (("test", test), ("valid", valid)):
        quotas = _apportion(Counter(outcome_of.values()), share)
        room = sum(quotas.values())
        # a second round fills from other outcomes what an outcome could not give
        for is_strict in (True, False):
            for i in drawn:
                is_due = quotas[outcome_of[i]] > 0 or not is_strict
                is_spare = split[i] == "train" and min(in_training[part] for part in parts[i]) > 1
                if room and is_due and is_spare:
                    split[i], room = name, room - 1
                    quotas[outcome_of[i]] -= 1
                    in_training.subtract(parts[i])
    return {i: split[i] for i in sorted(split)}


def _count_moves(graph: nx.DiGraph, sources: list[str]) -> dict[str, int]:
    """Moves from the nearest source to each node that can be reached."""
    layers = enumerate(nx.bfs_layers(graph, sources)) if sources else ()
    return {node: i for i, layer in layers for node in layer}


def _too_many(chart: _Chart, max_visits: int, number: str) -> PathError:
    return PathError(
        f'flowchart "{chart.name}" has {number} paths at max_visits={max_visits}, '
        "too many or too long to list; use sample_paths, count_paths or a smaller max_visits"
    )


def _say(move: Move) -> str:
    return f"{move[0]}.{move[1]}"


def _to_path(walk: list[Move]) -> FlowPath:
    return FlowPath((walk[0][0], *(to for _, _, to in walk)), tuple(name for _, name, _ in walk))


def _count(chart: _Chart, max_visits: int, cap: int, probes: int) -> PathCount:
    if max_visits < 1:
        raise PathError(f"max_visits is {max_visits}, but a walk visits its nodes at least once")
    arrivals, is_exact = Counter({chart.start: 1} if chart.start in chart.routes else {}), True
    # loops in the order of the walk: when one is counted, all walks into it are known
    for i, loop in enumerate(chart.loops):
        leaving = Counter({node: arrivals[node] for node in loop if arrivals[node]})
        if chart.is_loop(i):
            leaving, is_all = _count_in_loop(chart, loop, leaving, max_visits, cap)
            is_exact = is_exact and is_all
        for node, n in leaving.items():
            for _, to in chart.routes[node]:
                if chart.home[to] != i:
                    arrivals[to] += n
    n = sum(arrivals[end] for end in chart.ends)
    estimate = n if is_exact else max(n, _estimate(chart, max_visits, probes))
    return PathCount(n, is_exact, estimate)


def _count_in_loop(
    chart: _Chart, loop: set[str], arrivals: Counter, max_visits: int, cap: int
) -> tuple[Counter, bool]:
    """Walks that stand on each node of a loop, given those that come in; False if cut short."""
    width = max_visits.bit_length()
    # how often each node was visited is one number, `width` bits a node
    place = {node: i * width for i, node in enumerate(sorted(loop))}
    steps = {a: [b for _, b in chart.routes[a] if b in loop] for a in loop}
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
                return Counter({node: max(standing[node], least) for node in loop}), False
        for (node, _), n in longer.items():
            standing[node] += n
        states, n_states = longer, n_states + len(longer)
    return standing, True


def _estimate(chart: _Chart, max_visits: int, probes: int) -> int:
    """Knuth's estimator: the mean, over random walks, of the product of the choices they had."""
    rng, products = random.Random(0), []
    chart.looked_at = 0
    while len(products) < probes and chart.looked_at < PROBE_MOVES:
        products.append(_probe(chart, rng, max_visits)[1])
    return sum(products) // max(1, len(products))


def _probe(
    chart: _Chart, rng: random.Random, max_visits: int, weigh: Callable | None = None
) -> tuple[list[Move], int]:
    """Walk at random to an end, never into a place without a way out.

    `weigh(walk, move)` makes moves likelier than others. Also returns the product of the numbers
    of choices there were.
    """
    if chart.start not in chart.routes:
        raise PathError(f'flowchart "{chart.name}" has no path from its start to an end')
    here, walk, product, ahead = chart.start, [], 1, []
    visits = Counter([here])
    while here not in chart.ends:
        options, known = [], set(ahead)
        for name, to in chart.routes[here]:
            if visits[to] < max_visits:
                visits[to] += 1
                way = chart.find_way_out(to, visits, max_visits, known)
                visits[to] -= 1
                if way is not None:
                    options.append(((here, name, to), way))
        weights = [weigh(walk, move) for move, _ in options] if weigh else None
        [(move, way)] = rng.choices(options, weights)
        walk.append(move)
        product, here = product * len(options), move[2]
        visits[here] += 1
        # the way out found for this walk stays good: keep what of it lies ahead
        meets = way[-1] if way else here
        ahead = way + (ahead[ahead.index(meets) + 1 :] if meets in known else [])
    return walk, product


def _head_for(chart: _Chart, target: tuple[str, str]) -> Callable[[list[Move], Move], float]:
    """Weights that lead a random walk to a pair of hub routes, by way of detours."""
    first, second = target
    near = _count_moves(chart.graph.reverse(copy=False), [first.split(".")[0]])

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


def _follow_routes(chart: _Chart) -> dict[Move | None, dict[Move, list[Move]]]:
    """Hub routes that may come next after each hub route, and the moves between.

    None stands for the start of the walk.
    """
    hub_routes = [move for move in chart.moves if move[1]]
    follow: dict[Move | None, dict[Move, list[Move]]] = {}
    for before in [None, *hub_routes] if chart.start in chart.routes else []:
        reached = chart.spread(before[2] if before else chart.start, chart.hubs.__contains__)
        ways = {node: trace() for node, trace in reached if node in chart.hubs}
        follow[before] = {move: ways[move[0]] for move in hub_routes if move[0] in ways}
    return follow


def _find_pair(follow: dict, state: Move | None, wanted: set) -> list[Move]:
    """The fewest hub routes that lead from a hub route through one of the pairs wanted."""
    came_from, queue = {state: None}, deque([state])
    while queue:
        here = queue.popleft()
        for there in follow[here]:
            if (here, there) in wanted:
                way = [there]
                while here != state:
                    way.append(here)
                    here = came_from[here]
                return way[::-1]
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return []


def _minimum_flow(chart: _Chart) -> tuple[Counter, int]:
    """How often each route is taken, and by how many walks, if walks are as few as can be.

    Every route is taken once to begin with; what then does not add up at a node is made up by the
    cheapest flow. A further walk costs more than any detour.
    """
    moves = chart.moves
    network, dear = nx.DiGraph(), len(moves) + 1
    network.add_nodes_from(chart.routes, demand=0)
    for a, _, b in moves:
        network.add_edge(a, b, weight=1)
        # demand is how often a node must still be entered, so that ins and outs are equal
        network.nodes[a]["demand"] += 1
        network.nodes[b]["demand"] -= 1
    for end in chart.ends:
        network.add_edge(end, chart.start, weight=dear)
    _, flow = nx.network_simplex(network)
    takes = Counter(moves)
    first = {(a, b): (a, name, b) for a, name, b in reversed(moves)}
    for a, b in first:
        takes[first[a, b]] += flow[a][b]
    return takes, sum(flow[end][chart.start] for end in chart.ends)


def _compose(
    chart: _Chart, takes: Counter, n_walks: int, max_visits: int, rng: random.Random
) -> list[list[Move]]:
    """Cut a flow into walks and loops, and hang the loops into the walks."""
    left: dict[str, list[Move]] = {node: [] for node in chart.routes}
    for move, n in takes.items():
        left[move[0]] += [move] * n
    for moves in left.values():
        rng.shuffle(moves)
    loops: list[list[Move]] = []
    walks = [_peel(left, chart.start, loops) for _ in range(n_walks)]
    for node in chart.routes:
        while left[node]:
            _peel(left, node, loops)
    rng.shuffle(loops)
    loops = _hang(loops, walks, max_visits)
    taken = {move for walk in walks for move in walk}
    for move in chart.moves:
        if move not in taken:
            # there and on by the shortest way: each half visits a node once, so twice in all
            way_in = chart.find_moves(chart.start, move[0].__eq__)
            walk = [*way_in, move, *chart.find_moves(move[2], chart.ends.__contains__)]
            walks.append(walk)
            loops = _hang(loops, walks[-1:], max_visits)
            taken.update(walks[-1])
    times = Counter(move for walk in walks for move in set(walk))
    for walk in sorted(walks, key=len):
        if all(times[move] > 1 for move in walk):
            walks.remove(walk)
            times.subtract(set(walk))
    return walks


def _peel(left: dict[str, list[Move]], start: str, loops: list[list[Move]]) -> list[Move]:
    """Take one walk out of a flow; the loops that it makes are put aside."""
    walk: list[Move] = []
    here, position = start, {start: 0}
    while left[here]:
        walk.append(left[here].pop())
        here = walk[-1][2]
        if here in position:
            loop = walk[position[here] :]
            del walk[position[here] :]
            for _, _, node in loop[:-1]:
                del position[node]
            loops.append(loop)
        else:
            position[here] = len(walk)
    return walk


def _hang(loops: list[list[Move]], walks: list[list[Move]], max_visits: int) -> list[list[Move]]:
    """Put loops into walks that pass them, the shortest walk first; give back those left over."""
    is_changed = True
    while is_changed:
        is_changed, rest = False, []
        for loop in loops:
            around = {move[0] for move in loop}
            for walk in sorted(walks, key=len):
                visits = Counter([walk[0][0], *(to for _, _, to in walk)])
                at = next((i for i, move in enumerate(walk) if move[0] in around), None)
                if at is not None and all(visits[node] < max_visits for node in around):
                    turn = next(i for i, move in enumerate(loop) if move[0] == walk[at][0])
                    walk[at:at] = loop[turn:] + loop[:turn]
                    is_changed = True
                    break
            else:
                rest.append(loop)
        loops = rest
    return loops


def _apportion(sizes: Counter, share: float) -> Counter:
    """Divide the rounded total over strata by largest remainder; ties go by name."""
    total = round(share * sum(sizes.values()))
    quotas = Counter({name: math.floor(share * n) for name, n in sizes.items()})
    by_remainder = sorted(sizes, key=lambda name: (quotas[name] - share * sizes[name], name))
    quotas.update(by_remainder[: max(0, total - sum(quotas.values()))])
    return quotas
