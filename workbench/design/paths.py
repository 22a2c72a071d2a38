"""Paths of a flowchart: list, sample and split them.

A path is a walk from the start to an end in which no node is visited more than `max_visits` times.
The bound belongs to every count: travel has 86 paths at two visits a node, 5 at one.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Self

from workbench.conversation import seeded
from workbench.design.counting import count_walks
from workbench.design.wiring import Move, PathError, Wiring
from workbench.flowchart import Flowchart

NODES_LISTED = 10_000_000
"""Nodes that `enumerate_paths` writes or looks at before it gives up (some 200 MB)."""


@dataclass(frozen=True)
class FlowPath:
    """One walk from the start to an end."""

    nodes: tuple[str, ...]
    """Ids in the order visited, the end included."""

    routes: tuple[str, ...]
    """routes[i] is the name of the route taken out of nodes[i], "" if it has none."""

    @classmethod
    def along(cls, moves: list[Move]) -> Self:
        """The path that takes these moves, one after the other; there is at least one."""
        nodes = (moves[0][0], *(to for _, _, to in moves))
        return cls(nodes, tuple(name for _, name, _ in moves))

    @classmethod
    def through(cls, steps: Iterable[str], flowchart: Flowchart) -> Self:
        """The path whose agent takes these steps; user nodes in between are passed.

        Raises:
            ValueError: a step is none of the flowchart's, or does not follow the one before.
        """
        nodes, routes = [flowchart.start], []
        for step in steps:
            node, _, route = step.partition(".")
            if node != nodes[-1]:
                raise ValueError(f'"{step}" cannot be taken at "{nodes[-1]}"')
            nodes.append(flowchart.step_target(step))
            routes.append(route)
            if flowchart.nodes[nodes[-1]].role == "user":
                routes.append("")
                nodes.append(flowchart.nodes[nodes[-1]].routes[""].to)
        return cls(tuple(nodes), tuple(routes))

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


def enumerate_paths(
    flowchart: Flowchart, max_visits: int = 2, limit: int = 100_000
) -> list[FlowPath]:
    """List all paths, in the order in which the flowchart lists its routes.

    Raises:
        PathError: there are more than `limit`, or they are too long to be held in memory.
    """
    wiring = Wiring(flowchart)
    count = count_walks(wiring, max_visits, cap=50_000, probes=0)
    if count.n > limit:
        raise _too_many(wiring, max_visits, f"{'' if count.is_exact else 'at least '}{count.n:,}")
    paths: list[FlowPath] = []
    nodes, routes, visits = [wiring.start], [], Counter([wiring.start])
    written, unfinished = 0, [iter(wiring.routes.get(wiring.start, ()))]
    while unfinished:
        for name, to in unfinished[-1]:
            if visits[to] >= max_visits:
                continue
            visits[to] += 1
            if to in wiring.ends:
                paths.append(FlowPath((*nodes, to), (*routes, name)))
                written += len(nodes) + 1
            # a walk that cannot end is given up at once: this is what keeps the search short
            elif wiring.find_way_out(to, visits, max_visits) is not None:
                nodes.append(to)
                routes.append(name)
                unfinished.append(iter(wiring.routes[to]))
                break
            visits[to] -= 1
            if len(paths) > limit or written + wiring.looked_at > NODES_LISTED:
                raise _too_many(wiring, max_visits, f"more than {len(paths) - 1:,}")
        else:
            unfinished.pop()
            visits[nodes.pop()] -= 1
            if routes:
                routes.pop()
    return paths


def sample_paths(
    flowchart: Flowchart, n: int, seed: int, max_visits: int = 2, limit: int = 20_000
) -> list[FlowPath]:
    """Draw `n` different paths, or all there are if they are fewer.

    Each path is equally likely while the chart has at most `limit` of them. Beyond that a random
    route is taken at each node, which favours short paths.

    Raises:
        PathError: `max_visits` is below 1.
    """
    if max_visits < 1:
        raise PathError(f"max_visits is {max_visits}, but a walk visits its nodes at least once")
    rng = seeded(seed, "sample_paths", flowchart.name)
    try:
        paths = enumerate_paths(flowchart, max_visits, limit)
    except PathError:
        wiring, found = Wiring(flowchart), {}
        for _ in range(20 * n):
            path = FlowPath.along(wiring.probe(rng, max_visits)[0])
            found[path.path_id] = path
            if len(found) == n:
                break
        return list(found.values())
    return rng.sample(paths, min(n, len(paths)))


def split_paths(
    paths: Iterable[FlowPath],
    flowchart: Flowchart,
    seed: int,
    test: float = 0.19,
    valid: float = 0.09,
    are_pairs_due: bool = True,
    inherited: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Say for each path id whether it is for "train", "valid" or "test".

    Outcomes have equal shares where possible. A path leaves training only while other training
    paths take each of its nodes, routes and route pairs: so training covers all that the paths
    cover; `are_pairs_due` says whether the pairs count, too. Depends on the path ids and the seed,
    not on the order. Travel: 16 test, 8 valid of 86.

    `inherited` are the splits that paths had in an older run: no path leaves the training that it
    was in, and those of the tests stay there before others come to them.

    Raises:
        PathError: `test` or `valid` is negative, or together they leave nothing for training.
    """
    if test < 0 or valid < 0 or test + valid >= 1:
        raise PathError(f"shares test={test} and valid={valid} leave no training paths")
    by_id = {path.path_id: path for path in paths}
    drawn = sorted(by_id, key=lambda i: hashlib.sha256(f"{seed}/split/{i}".encode()).digest())
    drawn.sort(key=lambda i: i not in inherited)
    parts = {i: {*by_id[i].nodes, *by_id[i].steps} for i in drawn}
    if are_pairs_due:
        parts = {i: parts[i] | {*by_id[i].route_pairs} for i in drawn}
    in_training = Counter(part for i in drawn for part in parts[i])
    split = dict.fromkeys(drawn, "train")
    outcome_of = {i: path.outcome(flowchart) for i, path in by_id.items()}
    for name, share in (("test", test), ("valid", valid)):
        quotas = _apportion(Counter(outcome_of.values()), share)
        room = sum(quotas.values())
        # first come those of an older run, and a last round fills from other outcomes what an
        # outcome could not give
        for round_ in ("inherited", "strict", "free"):
            for i in drawn:
                is_due = quotas[outcome_of[i]] > 0 or round_ != "strict"
                is_due &= inherited.get(i, name) == name
                is_due &= room > 0 if round_ != "inherited" else i in inherited
                is_spare = split[i] == "train" and min(in_training[part] for part in parts[i]) > 1
                if is_due and is_spare:
                    split[i], room = name, room - 1
                    quotas[outcome_of[i]] -= 1
                    in_training.subtract(parts[i])
    return {i: split[i] for i in sorted(split)}


def _too_many(wiring: Wiring, max_visits: int, number: str) -> PathError:
    return PathError(
        f'flowchart "{wiring.name}" has {number} paths at max_visits={max_visits}, '
        "too many or too long to list; use sample_paths, count_paths or a smaller max_visits"
    )


def _apportion(sizes: Counter, share: float) -> Counter:
    """Divide the rounded total over strata by largest remainder; ties go by name."""
    total = round(share * sum(sizes.values()))
    quotas = Counter({name: math.floor(share * n) for name, n in sizes.items()})
    by_remainder = sorted(sizes, key=lambda name: (quotas[name] - share * sizes[name], name))
    quotas.update(by_remainder[: max(0, total - sum(quotas.values()))])
    return quotas
