"""The flow that takes every route of a flowchart at least once, and the walks it is cut into."""

import random
from collections import Counter

from workbench.design.wiring import Move, Wiring


def find_minimum_flow(wiring: Wiring) -> tuple[Counter, int]:
    """How often each route is taken, and by how many walks, if walks are as few as can be.

    Every route is taken once to begin with; what then does not add up at a node is made up by the
    cheapest flow. A further walk costs more than any detour.
    """
    import networkx as nx

    moves = wiring.moves
    network, dear = nx.DiGraph(), len(moves) + 1
    network.add_nodes_from(wiring.routes, demand=0)
    for a, _, b in moves:
        network.add_edge(a, b, weight=1)
        # demand is how often a node must still be entered, so that ins and outs are equal
        network.nodes[a]["demand"] += 1
        network.nodes[b]["demand"] -= 1
    for end in wiring.ends:
        network.add_edge(end, wiring.start, weight=dear)
    _, flow = nx.network_simplex(network)
    takes = Counter(moves)
    first = {(a, b): (a, name, b) for a, name, b in reversed(moves)}
    for a, b in first:
        takes[first[a, b]] += flow[a][b]
    return takes, sum(flow[end][wiring.start] for end in wiring.ends)


def cut_flow(
    wiring: Wiring, takes: Counter, n_walks: int, max_visits: int, rng: random.Random
) -> list[list[Move]]:
    """Cut a flow into walks and loops, and hang the loops into the walks."""
    left: dict[str, list[Move]] = {node: [] for node in wiring.routes}
    for move, n in takes.items():
        left[move[0]] += [move] * n
    for moves in left.values():
        rng.shuffle(moves)
    loops: list[list[Move]] = []
    walks = [_peel(left, wiring.start, loops) for _ in range(n_walks)]
    for node in wiring.routes:
        while left[node]:
            _peel(left, node, loops)
    rng.shuffle(loops)
    loops = _hang(loops, walks, max_visits)
    taken = {move for walk in walks for move in walk}
    for move in wiring.moves:
        if move not in taken:
            # there and on by the shortest way: each half visits a node once, so twice in all
            way_in = wiring.find_moves(wiring.start, move[0].__eq__)
            walk = [*way_in, move, *wiring.find_moves(move[2], wiring.ends.__contains__)]
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
    visits = [Counter([walk[0][0], *(to for _, _, to in walk)]) for walk in walks]
    passing: dict[str, set[int]] = {}
    for i, walk in enumerate(walks):
        for node, _, _ in walk:
            passing.setdefault(node, set()).add(i)
    is_changed = True
    while is_changed:
        is_changed, rest = False, []
        for loop in loops:
            around = {move[0] for move in loop}
            near = {i for node in around for i in passing.get(node, ())}
            fit = (i for i in near if all(visits[i][node] < max_visits for node in around))
            i = min(fit, key=lambda i: (len(walks[i]), i), default=None)
            if i is None:
                rest.append(loop)
                continue
            at = next(place for place, move in enumerate(walks[i]) if move[0] in around)
            turn = next(place for place, move in enumerate(loop) if move[0] == walks[i][at][0])
            walks[i][at:at] = loop[turn:] + loop[:turn]
            visits[i].update(around)
            for node in around:
                passing.setdefault(node, set()).add(i)
            is_changed = True
        loops = rest
    return loops
