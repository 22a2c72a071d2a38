"""Where walks can go: the wiring of a flowchart, its loops, and one walk at random."""

import random
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from workbench.flowchart import Flowchart

if TYPE_CHECKING:
    import networkx as nx

Move = tuple[str, str, str]
"""One route taken: (from node, route name or "", to node)."""


class PathError(ValueError):
    """The paths asked for do not exist or are too many to list."""


class Wiring:
    """The nodes on some way from start to end, their routes, and the loops they are in.

    A loop is a strongly connected component; most have one node and are not walked round.
    """

    def __init__(self, flowchart: Flowchart):
        import networkx as nx

        full = nx.DiGraph()
        full.add_nodes_from(flowchart.nodes)
        full.add_edges_from((a, b) for a in flowchart.nodes for _, b in flowchart.successors(a))
        ends = [node for node in flowchart.nodes.values() if node.role == "end"]
        self.name, self.start = flowchart.name, flowchart.start
        self.distance = count_moves(full.reverse(copy=False), [node.id for node in ends])
        reached = count_moves(full, [self.start])
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
        """Every route, in the order of the flowchart."""
        return [(a, name, b) for a, routes in self.routes.items() for name, b in routes]

    def is_loop(self, i: int) -> bool:
        """Whether a walk can go round in loops[i]."""
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

    def probe(
        self, rng: random.Random, max_visits: int, weigh: Callable | None = None
    ) -> tuple[list[Move], int]:
        """Walk at random to an end, never into a place without a way out.

        `weigh(walk, move)` makes moves likelier than others. Also returns the product of the
        numbers of choices there were.

        Raises:
            PathError: there is no way from the start to an end.
        """
        if self.start not in self.routes:
            raise PathError(f'flowchart "{self.name}" has no path from its start to an end')
        here, walk, product, ahead = self.start, [], 1, []
        visits = Counter([here])
        while here not in self.ends:
            options, known = [], set(ahead)
            for name, to in self.routes[here]:
                if visits[to] < max_visits:
                    visits[to] += 1
                    way = self.find_way_out(to, visits, max_visits, known)
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


def count_moves(graph: "nx.DiGraph", sources: list[str]) -> dict[str, int]:
    """Moves from the nearest source to each node that can be reached."""
    import networkx as nx

    layers = enumerate(nx.bfs_layers(graph, sources)) if sources else ()
    return {node: i for i, layer in layers for node in layer}
