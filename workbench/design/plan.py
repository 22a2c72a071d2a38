"""Which walks a run uses, and on which side of the split each stands: fixed before any text."""

import time
from typing import Literal

from pydantic import BaseModel

from workbench.conversation import seeded
from workbench.design.counting import count_paths
from workbench.design.covering import cover_route_pairs, cover_routes, sample_long_walks
from workbench.design.paths import FlowPath, enumerate_paths, sample_paths, split_paths
from workbench.domain import Domain
from workbench.flowchart import Flowchart
from workbench.run import Run
from workbench.source import keep_source

LONG_WALKS = 60
"""Walks beyond the bound of two visits: they hold the route pairs that bounded paths cannot."""

MOST_PATHS = 2_000
"""Where a flowchart has more paths, this many are drawn."""


class PlannedPath(BaseModel):
    """One line of `paths.jsonl`."""

    path_id: str
    nodes: list[str]
    routes: list[str]
    """Name of the route taken out of each node but the last; "" where there is only one."""
    outcome: str
    split: Literal["train", "valid", "test"]
    is_long: bool
    """It visits some node more than twice, so it is none of the counted paths."""

    def as_path(self) -> FlowPath:
        """The walk itself."""
        return FlowPath(tuple(self.nodes), tuple(self.routes))


def summarize_plan(
    planned: list[PlannedPath], flowchart: Flowchart, max_visits: int = 2
) -> dict[str, str | int]:
    """How many paths there are, and what of them and beyond them is planned.

    Example: {"paths": "86", "planned": 86, "shortest": 4, "longest": 17, "long walks": 75}
    """
    lengths = [len(path.nodes) for path in planned if not path.is_long]
    return {
        "paths": str(count_paths(flowchart, max_visits)).removesuffix(" paths"),
        "planned": len(lengths),
        "shortest": min(lengths, default=0),
        "longest": max(lengths, default=0),
        "long walks": len(planned) - len(lengths),
    }


def plan_paths(run: Run, domain: Domain, seed: int, max_visits: int = 2) -> list[PlannedPath]:
    """Enumerate and split the paths of a flowchart, add long walks, and write `paths.jsonl`.

    Long walks always train: they cover every pair of consecutive routes that is possible. A chart
    so small that no path is left for tests then has its paths split by their routes alone.
    """
    start, chart = time.perf_counter(), domain.flowchart
    paths = sample_paths(chart, MOST_PATHS, seed, max_visits)
    if len(paths) < MOST_PATHS:
        paths = enumerate_paths(chart, max_visits)
    elif max_visits > 1:
        # what is drawn by lot may miss a route
        covering = cover_routes(chart, max_visits)
        paths = [*{path.path_id: path for path in [*covering, *paths]}.values()][:MOST_PATHS]
    splits = split_paths(paths, chart, seed)
    if "test" not in splits.values():
        splits = split_paths(paths, chart, seed, are_pairs_due=False)
    known = {path.path_id for path in paths}
    rng = seeded(seed, "plan", chart.name)
    walks = [*cover_route_pairs(chart), *sample_long_walks(chart, LONG_WALKS, rng.randrange(2**31))]
    long = [walk for walk in {w.path_id: w for w in walks}.values() if walk.path_id not in known]
    planned = [
        PlannedPath(
            path_id=path.path_id,
            nodes=list(path.nodes),
            routes=list(path.routes),
            outcome=path.outcome(chart),
            split=splits.get(path.path_id, "train"),
            is_long=path.path_id not in known,
        )
        for path in [*paths, *long]
    ]
    with run.lock():
        run.claim("design", flowchart=chart.content_hash(), seed=seed, max_visits=max_visits)
        keep_source(run, domain)
        run.write("paths.jsonl", planned)
        counts = {
            s: sum(p.split == s and not p.is_long for p in planned)
            for s in ("train", "valid", "test")
        }
        seconds = round(time.perf_counter() - start, 2)
        run.record("design", paths=len(paths), long_walks=len(long), splits=counts, seconds=seconds)
    return planned
