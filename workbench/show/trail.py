"""Where one talk has been on the flowchart, and where it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from workbench.flowchart import Flowchart, Node
from workbench.show.palette import NEVER
from workbench.show.plain import Arrow, Box

HERE, BEEN = "#E8590C", "#1F2933"
# fill, border, writing where a walk has not been: there, but out of the way
PALE = ("#FAFBFC", "#D5DAE0", "#737E8A")


@dataclass(frozen=True)
class Trail:
    """Where a walk has been."""

    nodes: set[str]
    ways: set[tuple[str, str]]
    """Nodes with the name of the route taken there."""
    here: str
    jumps: list[tuple[str, str]]
    """From where to where it went though no route leads there."""


def find_trail(flowchart: Flowchart, walk: Sequence[str], jumps: Collection[int] = ()) -> Trail:
    """Where a walk has been; steps that the flowchart does not have lead nowhere.

    `jumps` are the places of steps that do not follow from the one before.
    """
    nodes, ways, here = {flowchart.start}, set[tuple[str, str]](), flowchart.start
    leaps: list[tuple[str, str]] = []
    for n, labels in enumerate(walk):
        # of labels that cannot be told apart, the one that goes on from here
        own = [one for one in labels.split("|") if one in flowchart.steps]
        own.sort(key=lambda one, here=here: one.partition(".")[0] != here)
        if not own or own[0].startswith("anywhere."):
            continue
        node_id, _, name = own[0].partition(".")
        target = flowchart.step_target(own[0])
        nodes |= {node_id, target}
        ways.add((node_id, name))
        if n in jumps:
            leaps.append((here, node_id))
        # the customer's turn before it
        before = flowchart.nodes[here]
        if before.role == "user" and before.routes[""].to == node_id:
            ways.add((here, ""))
        here = target
    return Trail(nodes, ways, here, [*dict.fromkeys(leaps)])


def write_walk(walk: Sequence[str], jumps: Collection[int] = ()) -> str:
    """The steps in words. Example: "opening, settle.paid (a jump)" """
    return ", ".join(f"{step} (a jump)" if n in jumps else step for n, step in enumerate(walk))


def draw_jumps(trail: Trail | None) -> list[Arrow]:
    """An arrow for each jump; boxes stand where they stand without it."""
    return [
        Arrow(start, to, (), NEVER, NEVER, 2.6, True, f"a jump from {start} to {to}", is_aside=True)
        for start, to in (trail.jumps if trail else ())
    ]


def mark_box(box: Box, trail: Trail | None) -> Box:
    """The box as the trail leaves it: as it was, pale, or framed where the talk is."""
    if trail is None or box.id in trail.nodes - {trail.here}:
        return box
    if box.id == trail.here:
        return replace(box, stroke=HERE, border=4.0)
    fill, stroke, ink = PALE
    return replace(box, fill=fill, stroke=stroke, ink=ink)


def mark_arrow(arrow: Arrow, node: Node, name: str, trail: Trail | None) -> Arrow:
    """The arrow of a node's route as the trail leaves it: dark where it was taken, else pale."""
    if trail is None:
        return arrow
    if (node.id, name) in trail.ways:
        return replace(arrow, color=BEEN, width=2.6)
    return replace(arrow, color=PALE[1], ink=PALE[2])
