"""Which paths of a changed flowchart come from which of the old one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from workbench.design.changes import Changes
from workbench.design.paths import FlowPath
from workbench.flowchart import Flowchart

SPLITS = ("train", "valid", "test")
"""In this order: what has once been trained on is trained on for ever."""


@dataclass(frozen=True)
class Succession:
    """Paths of today and of then, each beside its own."""

    came_from: dict[str, list[str]]
    """Id of a path of today to the ids of old ones; a path that is new is not there."""

    became: dict[str, list[FlowPath]]
    """Old id to the paths of today that it has become; of one that is gone []."""

    def inherit(self, splits: Mapping[str, str]) -> dict[str, str]:
        """Path id of today to the split that it must keep; `splits` are those of the old ids.

        A path that comes from several keeps the one that training has seen.
        """
        return {
            path: min((splits[old] for old in known), key=SPLITS.index)
            for path, old_ids in self.came_from.items()
            if (known := [old for old in old_ids if old in splits])
        }


def trace_paths(
    old_paths: Iterable[FlowPath], paths: Iterable[FlowPath], changes: Changes
) -> Succession:
    """Match paths by what is left of both when nodes and routes that only one chart has are out.

    So a path stays what it was where nodes are renamed, or where a question is put into it.
    """
    old_paths = list(old_paths)
    by_core: dict[tuple[str, ...], list[str]] = {}
    for old in old_paths:
        by_core.setdefault(_old_core(old, changes), []).append(old.path_id)
    came_from = {}
    became: dict[str, dict[str, FlowPath]] = {old.path_id: {} for old in old_paths}
    threaded = (thread_path(old, changes) for old in old_paths)
    for path in [*paths, *(path for path in threaded if path)]:
        if olds := by_core.get(_new_core(path, changes)):
            came_from[path.path_id] = olds
            for old in olds:
                became[old][path.path_id] = path
    return Succession(came_from, {old: [*found.values()] for old, found in became.items()})


def _old_core(path: FlowPath, changes: Changes) -> tuple[str, ...]:
    """What of an old path is left today, under today's names; a route that is gone stays in it."""
    places = zip(path.nodes, [*path.steps, path.nodes[-1]], strict=True)
    left = (step for node, step in places if node not in changes.removed_nodes)
    return tuple(changes.renames.step(step) for step in left)


def _new_core(path: FlowPath, changes: Changes) -> tuple[str, ...]:
    """What of a path of today was there before; a route that is new stays in it."""
    places = zip(path.nodes, [*path.steps, path.nodes[-1]], strict=True)
    return tuple(step for node, step in places if node not in changes.added_nodes)


def thread_path(old: FlowPath, changes: Changes) -> FlowPath | None:
    """The old path through today's chart: where nodes were put in, by the shortest way along them.

    None where a route that it takes is gone, or leads elsewhere.
    """
    chart, renames = changes.new.flowchart, changes.renames
    places = zip(old.nodes, (*old.steps, ""), strict=True)
    kept = [
        (renames.node(node), renames.step(step).partition(".")[2] if step else "")
        for node, step in places
        if node not in changes.removed_nodes
    ]
    if not kept or kept[0][0] != chart.start or kept[-1][0] != renames.node(old.nodes[-1]):
        return None
    nodes, routes = [kept[0][0]], []
    for (node, name), (target, _) in pairwise(kept):
        if name not in chart.nodes[node].routes:
            return None
        way = _find_way(chart, chart.nodes[node].routes[name].to, target, changes.added_nodes)
        if way is None:
            return None
        nodes += [step_to for _, step_to in way]
        routes += [name, *(route for route, _ in way[1:])]
    return FlowPath(tuple(nodes), tuple(routes))


def _find_way(
    chart: Flowchart, start: str, target: str, through: set[str]
) -> list[tuple[str, str]] | None:
    """The shortest way to a node along some others, as (route taken to it, node)."""
    ways = [[("", start)]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        here = way[-1][1]
        if here == target:
            return way
        if here in through:
            for name, to in chart.successors(here):
                if to not in seen:
                    seen.add(to)
                    ways.append([*way, (name, to)])
    return None
