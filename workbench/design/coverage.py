"""Which nodes, routes, route pairs, paths and outcomes of a flowchart some walks have taken."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from workbench.design.covering import possible_route_pairs
from workbench.design.paths import FlowPath, enumerate_paths
from workbench.design.wiring import PathError
from workbench.flowchart import Flowchart

KINDS = ("nodes", "routes", "pairs", "paths", "outcomes")


@dataclass
class Coverage:
    """How often walks took each part of a flowchart; a part taken twice in a walk counts twice."""

    nodes: Counter = field(default_factory=Counter)
    """By node id."""

    routes: Counter = field(default_factory=Counter)
    """By "hub.route", or by node id where the only route has no name."""

    pairs: Counter = field(default_factory=Counter)
    """By pair of consecutive hub routes: ("assess.missing_info", "assess.info_complete")."""

    paths: Counter = field(default_factory=Counter)
    """By path id."""

    outcomes: Counter = field(default_factory=Counter)

    flowchart: Flowchart | None = field(default=None, repr=False, compare=False)
    """What `share` is a share of."""

    is_part: bool = False
    """It is of some conversations only, such as those dropped: what they lack is no fault."""

    def missing(self, flowchart: Flowchart) -> dict[str, list]:
        """What of a flowchart was never taken, by kind, in the flowchart's order.

        Paths are those with at most two visits a node; their list is left out where they are too
        many to list.
        """
        possible = {kind: _list_possible(kind, flowchart) for kind in KINDS if kind != "paths"}
        with suppress(PathError):
            possible["paths"] = _list_possible("paths", flowchart)
        return {
            kind: [part for part in possible[kind] if not getattr(self, kind)[part]]
            for kind in KINDS
            if kind in possible
        }

    def share(self, kind: str) -> float:
        """Share (0 to 1) of the flowchart's nodes, routes, pairs, paths or outcomes taken.

        Raises:
            PathError: `kind` is "paths" and there are too many to list.
            ValueError: there is no such kind, or the coverage was made without a flowchart.
        """
        if kind not in KINDS:
            raise ValueError(f'there is no coverage of "{kind}"; choose one of {", ".join(KINDS)}')
        if self.flowchart is None:
            raise ValueError("this coverage has no flowchart; make it with measure_coverage")
        possible = _list_possible(kind, self.flowchart)
        taken = sum(1 for part in possible if getattr(self, kind)[part])
        # nothing to take is nothing missed: a chart without hubs has no pairs
        return taken / len(possible) if possible else 1.0


def measure_coverage(walks: Iterable[FlowPath], flowchart: Flowchart) -> Coverage:
    """Count what the walks take."""
    coverage = Coverage(flowchart=flowchart)
    for walk in walks:
        coverage.nodes.update(walk.nodes)
        coverage.routes.update(walk.steps)
        coverage.pairs.update(walk.route_pairs)
        coverage.paths[walk.path_id] += 1
        coverage.outcomes[walk.outcome(flowchart)] += 1
    return coverage


def _list_possible(kind: str, flowchart: Flowchart) -> list:
    if kind == "nodes":
        return list(flowchart.nodes)
    if kind == "routes":
        return [
            f"{node}.{name}" if name else node
            for node in flowchart.nodes
            for name, _ in flowchart.successors(node)
        ]
    if kind == "pairs":
        return possible_route_pairs(flowchart)
    if kind == "outcomes":
        return list(flowchart.outcomes)
    return [path.path_id for path in enumerate_paths(flowchart, limit=20_000)]
