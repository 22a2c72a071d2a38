"""What is covered and what is not, and why: by kind, and by the choices at the hubs."""

from collections.abc import Mapping
from typing import Any

from workbench.design.counting import count_paths
from workbench.design.coverage import Coverage
from workbench.design.covering import possible_route_pairs
from workbench.flowchart import Flowchart

PARTS = {
    "nodes": "nodes",
    "routes": "routes",
    "pairs": "pairs of consecutive routes",
    "outcomes": "outcomes",
}
"""Kinds of parts of which all should be covered, in words."""

WHY = {
    "train": "no training walk of the plan takes it",
    "planned": "no training walk of the plan takes it",
    "asked for": "no conversation was asked for that takes it; more conversations would",
    "written": "none of the conversations that were to take it was kept",
    "kept": "every conversation that takes it was dropped in the screening",
}
"""Stage to what it means that a route is taken up to there and not in it."""

SHOWN = 3
"""Names that a cell lists at most."""


def summarize_coverage(coverage: Coverage, flowchart: Flowchart) -> list[dict[str, Any]]:
    """A row for each kind of part: how many there are, how many were taken, the first never taken.

    Example: [{"of": "nodes", "there are": "14", "taken": 14, "never taken": ""}, ...]
    Paths are those with at most two visits a node; the taken ones may be longer walks.
    """
    never = coverage.missing(flowchart)
    pairs = possible_route_pairs(flowchart)
    every = {
        "nodes": len(flowchart.nodes),
        "routes": sum(len(node.routes) for node in flowchart.nodes.values()),
        "pairs": len(pairs),
        "outcomes": len(flowchart.outcomes),
    }
    rows = [
        {
            "of": kind,
            "there are": f"{n:,}",
            "taken": n - len(never[kind]),
            "never taken": _list(" to ".join(p) if kind == "pairs" else p for p in never[kind]),
        }
        for kind, n in every.items()
    ]
    paths = {"there are": str(count_paths(flowchart)).removesuffix(" paths"), "never taken": ""}
    return [*rows, {"of": "paths and longer walks", "taken": len(coverage.paths)} | paths]


def list_uncovered(coverage: Coverage, flowchart: Flowchart) -> dict[str, list[str]]:
    """All that was never taken, by kind in words; paths are not among them: nobody walks them all.

    Example: {"nodes": [], "routes": ["assess.leave"], "pairs of consecutive routes": ["assess.vague
    to assess.leave"], "outcomes": []}
    """
    never = coverage.missing(flowchart)
    return {
        words: [" to ".join(part) if kind == "pairs" else part for part in never[kind]]
        for kind, words in PARTS.items()
    }


def tabulate_choices(
    stages: Coverage | Mapping[str, Coverage], flowchart: Flowchart
) -> list[dict[str, Any]]:
    """A row for each route of each hub: how often each stage takes it, after what, and why not.

    `stages` are coverages by name, in the order of the data. The route pairs are the last one's.
    Example: {"hub": "assess", "route": "leave", "leads to": "closing", "planned": 9, "written": 0,
    "follows": "0 of 2", "never after": "assess.vague", "why not": "none of ..."}
    """
    stages = {"taken": stages} if isinstance(stages, Coverage) else stages
    last = [*stages.values()][-1]
    before: dict[str, list[str]] = {}
    for first, second in possible_route_pairs(flowchart):
        before.setdefault(second, []).append(first)
    has_phases, rows = bool(flowchart.phases), []
    for hub in flowchart.hubs:
        for name, route in hub.routes.items():
            step = f"{hub.id}.{name}"
            after = before.get(step, [])
            lacking = [first for first in after if not last.pairs[first, step]]
            rows.append(
                ({"phase": hub.phase} if has_phases else {})
                | {"hub": hub.id, "route": name, "leads to": route.to}
                | {stage: coverage.routes[step] for stage, coverage in stages.items()}
                | {"follows": f"{len(after) - len(lacking):,} of {len(after):,}"}
                | {"never after": _list(lacking), "why not": _explain(step, stages)}
            )
    return rows


def _explain(step: str, stages: Mapping[str, Coverage]) -> str:
    missing = (stage for stage, coverage in stages.items() if not coverage.routes[step])
    return next((WHY[stage] for stage in missing if stage in WHY), "")


def _list(names) -> str:
    names = list(names)
    more = [f"and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return ", ".join(names[:SHOWN] + more)
