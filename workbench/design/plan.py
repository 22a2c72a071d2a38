"""Which walks a run uses, and on which side of the split each stands: fixed before any text."""

import time
from collections import Counter
from typing import Literal

from pydantic import BaseModel

from workbench.conversation import seeded
from workbench.design.counting import count_paths
from workbench.design.covering import cover_route_pairs, cover_routes, sample_long_walks
from workbench.design.older import Older, open_older
from workbench.design.paths import FlowPath, enumerate_paths, sample_paths, split_paths
from workbench.design.succession import Succession, trace_paths
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


def plan_paths(
    run: Run, domain: Domain, seed: int, max_visits: int = 2, since: str = ""
) -> list[PlannedPath]:
    """Enumerate and split the paths of a flowchart, add long walks, and write `paths.jsonl`.

    Long walks always train: they cover every pair of consecutive routes that is possible. A chart
    so small that no path is left for tests then has its paths split by their routes alone. `since`
    names an older run: paths that come from its paths stay on their side of the split.

    Raises:
        UnknownRunError: there is no run called `since`.
        SourceError: what that was made from is not known.
    """
    start, chart = time.perf_counter(), domain.flowchart
    planned = choose_paths(chart, seed, max_visits, open_older(run, since, domain))
    with run.lock():
        inputs = {"flowchart": chart.content_hash(), "seed": seed, "max_visits": max_visits}
        run.claim("design", **inputs | ({"since": since} if since else {}))
        keep_source(run, domain)
        run.write("paths.jsonl", planned)
        bounded = Counter(path.split for path in planned if not path.is_long)
        counts = {split: bounded[split] for split in ("train", "valid", "test")}
        long = sum(path.is_long for path in planned)
        seconds = round(time.perf_counter() - start, 2)
        facts = {"paths": bounded.total(), "long_walks": long, "splits": counts}
        run.record("design", **facts, seconds=seconds)
    return planned


def choose_paths(
    chart: Flowchart, seed: int, max_visits: int = 2, older: Older | None = None
) -> list[PlannedPath]:
    """The paths that a run uses, and the split of each."""
    paths = _list_bounded(chart, seed, max_visits)
    rng = seeded(seed, "plan", chart.name)
    walks = cover_route_pairs(chart)
    inherited: dict[str, str] = {}
    if older:
        succession = trace_paths(older.paths, paths, older.changes)
        inherited = succession.inherit(older.splits)
        paths, walks = _go_on(paths, walks, succession, chart, max_visits)
    else:
        walks = [*walks, *sample_long_walks(chart, LONG_WALKS, rng.randrange(2**31))]
    splits = split_paths(paths, chart, seed, inherited=inherited)
    if "test" not in splits.values():
        splits = split_paths(paths, chart, seed, are_pairs_due=False, inherited=inherited)
    known = {path.path_id for path in paths}
    long = [walk for walk in {w.path_id: w for w in walks}.values() if walk.path_id not in known]
    return [
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


def _list_bounded(chart: Flowchart, seed: int, max_visits: int) -> list[FlowPath]:
    """All paths; where there are too many, some that take every route and others drawn by lot."""
    paths = sample_paths(chart, MOST_PATHS, seed, max_visits)
    if len(paths) < MOST_PATHS:
        return enumerate_paths(chart, max_visits)
    if max_visits > 1:
        # what is drawn by lot may miss a route
        covering = cover_routes(chart, max_visits)
        paths = [*{path.path_id: path for path in [*covering, *paths]}.values()][:MOST_PATHS]
    return paths


def _go_on(
    paths: list[FlowPath],
    walks: list[FlowPath],
    succession: Succession,
    chart: Flowchart,
    max_visits: int,
) -> tuple[list[FlowPath], list[FlowPath]]:
    """Paths and long walks of a run that goes on from an older one.

    All that the old ones have become are among them. A long walk is added only where it takes a
    pair of routes that no other takes.
    """
    became = {path.path_id: path for own in succession.became.values() for path in own}
    is_long = {i: max(Counter(p.nodes).values()) > max_visits for i, p in became.items()}
    bounded = {path.path_id: path for path in paths}
    if max(len(bounded), len(succession.became)) >= MOST_PATHS:
        # of paths drawn by lot, other ones would be new without anything new in them
        taken = {step for path in became.values() for step in path.steps}
        bounded = {i: p for i, p in bounded.items() if i in became or {*p.steps} - taken}
    bounded |= {i: path for i, path in became.items() if not is_long[i]}
    long = [path for i, path in became.items() if is_long[i]]
    pairs = {pair for path in [*bounded.values(), *long] for pair in path.route_pairs}
    for walk in walks:
        if not pairs.issuperset(walk.route_pairs):
            pairs |= {*walk.route_pairs}
            long.append(walk)
    return [*bounded.values()], long
