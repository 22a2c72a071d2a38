"""What of a flowchart is drawn where all of it would be too much."""

from collections import deque
from dataclasses import dataclass, field

from workbench.flowchart import Flowchart
from workbench.reading import suggest

MOST_DRAWN = 200
"""Boxes of one picture. Graphviz lays out so many within a second, and takes 20 for 1,000."""

FEW_DRAWN = 60
"""Boxes of the second try, where Graphviz did not finish the first."""


@dataclass(frozen=True)
class Excerpt:
    """The nodes that a picture has, or the groups of nodes that it has a box each for."""

    nodes: list[str]
    """Ids, in the order of the file. Empty: groups are drawn."""
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Name of a phase, or of an outcome for ends that have none, to the ids of its nodes."""
    said: str = ""
    """One sentence about what is left out and how to see it; "" if nothing is."""


def choose_excerpt(flowchart: Flowchart, part: str = "", most: int = MOST_DRAWN) -> Excerpt:
    """All nodes where they are few, else the phases, else the nodes nearest to the start.

    `part` asks for a phase, or for the nodes nearest to a node, before it and after it.

    Raises:
        ValueError: there is neither a phase nor a node of that name.
    """
    phases = {name: [node.id for node in nodes] for name, nodes in flowchart.phases.items()}
    if part and part not in phases and part not in flowchart.nodes:
        names = [*phases, *flowchart.nodes]
        raise ValueError(
            f'flowchart "{flowchart.name}" has no phase or node "{part}".{suggest(part, names)}'
        )
    if part in phases:
        return _cut(flowchart, phases[part], most, f'phase "{part}"', phases[part][0])
    everything = [*flowchart.nodes]
    if part:
        return _cut(flowchart, everything, min(most, FEW_DRAWN), "the flowchart", part)
    if len(everything) <= most:
        return Excerpt(everything)
    groups = _group(flowchart)
    if len(phases) > 1 and len(groups) <= most:
        one = next(iter(phases))
        said = (
            f"{len(everything):,} nodes are too many for one picture: each box is a phase or the "
            f'ends of an outcome; part="{one}" draws the nodes of one'
        )
        return Excerpt([], groups, said)
    return _cut(flowchart, everything, min(most, FEW_DRAWN), "the flowchart", flowchart.start)


def _cut(flowchart: Flowchart, ids: list[str], most: int, of: str, first: str) -> Excerpt:
    """The `most` nodes of some that are nearest to the first one, along routes or against them."""
    if len(ids) <= most:
        left = len(flowchart.nodes) - len(ids)
        said = f"{of} alone is drawn: {left:,} of {len(flowchart.nodes):,} nodes are left out"
        return Excerpt(ids, said=said if left else "")
    # the start has nothing before it that would be worth a look
    near = _find_near(flowchart, {*ids}, first, most, first != flowchart.start)
    said = (
        f"{of} has {len(ids):,} nodes, too many for one picture: drawn are the {len(near):,} "
        f'nearest to "{first}"; part="…" draws those around another node'
    )
    return Excerpt([node for node in ids if node in near], said=said)


def _find_near(
    flowchart: Flowchart, among: set[str], first: str, most: int, is_both_ways: bool
) -> set[str]:
    ways: dict[str, list[str]] = {node: [] for node in among}
    for node in ways:
        for _, to in flowchart.successors(node):
            if to in ways:
                ways[node].append(to)
                if is_both_ways:
                    ways[to].append(node)
    found, queue = {first: None}, deque([first])
    while queue and len(found) < most:
        for there in ways[queue.popleft()]:
            if there not in found and len(found) < most:
                found[there] = None
                queue.append(there)
    return {*found}


def _group(flowchart: Flowchart) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for node in flowchart.nodes.values():
        name = node.phase or (node.outcome if node.role == "end" else "without a phase")
        groups.setdefault(name, []).append(node.id)
    return groups
