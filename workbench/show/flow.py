"""The flowchart as a picture: as it is, as it was covered, and where it goes wrong."""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from workbench.flowchart import Flowchart, Node
from workbench.show.dot import DotMissingError, DotSlowError, render_svg, write_dot
from workbench.show.escape import clip
from workbench.show.excerpt import FEW_DRAWN, Excerpt, choose_excerpt
from workbench.show.groups import draw_groups, write_groups
from workbench.show.palette import (
    AGENT,
    CUSTOMER,
    ENDS,
    HEAT,
    HUB,
    INK,
    NEVER,
    OFTEN,
    QUIET,
    SUCCESS,
)
from workbench.show.picture import Picture
from workbench.show.plain import PLAINLY, Arrow, Box, draw_plain
from workbench.show.trail import (
    PALE,
    Trail,
    draw_jumps,
    find_trail,
    mark_arrow,
    mark_box,
    write_walk,
)

if TYPE_CHECKING:
    from workbench.design.coverage import Coverage

HEAT_FROM = (0.05, 0.2, 0.5)
"""Shares from which on a fault has the second, third and fourth colour."""

# the palest is hardly seen as a line
LINE_HEAT = (HEAT[1], *HEAT[1:])


class Faults(Counter):
    """How many conversations went wrong at each step and, by its id, at each hub."""

    def __init__(self, counts: Mapping[str, int] | None = None, n_talks: int = 0):
        """`n_talks` are all that might have; they are what colours go by without a coverage."""
        super().__init__(counts or {})
        self.n_talks = n_talks


def draw_flowchart(
    flowchart: Flowchart,
    coverage: "Coverage | None" = None,
    faults: Faults | None = None,
    part: str = "",
    walk: Sequence[str] | None = None,
    jumps: Collection[int] = (),
) -> Picture:
    """The flowchart, top to bottom; of one with more than 200 nodes its phases or its beginning.

    `coverage` adds how often nodes and routes were taken, the more the thicker and darker; a route
    never taken is red and dashed, unless the coverage `is_part` of the conversations.
    `faults` counts what went wrong at each step ("hub.route" or "node") and at hubs, whose frame is
    coloured; colours go by the share of the times that `coverage` says the step was taken, or of
    all conversations where there is none.
    `walk` are the steps of one talk in their order: where it has been stands out, and where it is
    most of all. `jumps` are the places of those that do not follow from the one before; a red,
    dashed arrow leads there. `part` draws one phase, or the nodes around one node. A sentence says
    what is left out; where Graphviz is too slow, less is drawn.

    Raises:
        ValueError: there is neither a phase nor a node called `part`.
    """
    excerpt = choose_excerpt(flowchart, part)
    trail = None if walk is None else find_trail(flowchart, walk, jumps)
    boxes, arrows = _list_parts(flowchart, excerpt, coverage, faults, trail)
    legend = _explain(coverage, faults, trail)
    try:
        svg = render_svg(write_dot(boxes, arrows, _head(flowchart), excerpt.said, *legend))
    except DotMissingError:
        svg = draw_plain(boxes, arrows, _head(flowchart), excerpt.said, PLAINLY)
    except DotSlowError as slow:
        excerpt = choose_excerpt(flowchart, part or flowchart.start, FEW_DRAWN)
        boxes, arrows = _list_parts(flowchart, excerpt, coverage, faults, trail)
        svg = draw_plain(boxes, arrows, _head(flowchart), str(slow), excerpt.said)
    outline = _write_outline(flowchart, excerpt, coverage, faults)
    return Picture(svg, f"{outline}\nwalk: {write_walk(walk, jumps)}" if walk else outline)


def list_looks(flowchart: Flowchart, walk: Sequence[str]) -> dict[str, list[list[str | float]]]:
    """How a walk without jumps changes the flowchart as `draw_flowchart` draws it for another walk.

    By the title of a part of the drawing, of all that have it, in their order: fill, line, writing
    (colours) and the line's width. Boxes stand where they stood, so nothing is laid out again.
    """
    trail = find_trail(flowchart, walk)
    boxes, arrows = _list_parts(flowchart, choose_excerpt(flowchart, ""), None, None, trail)
    looks: dict[str, list[list[str | float]]] = {
        box.id: [[box.fill, box.stroke, box.ink, box.border]] for box in boxes
    }
    for arrow in arrows:
        own = looks.setdefault(f"{arrow.start}->{arrow.to}", [])
        own.append([arrow.color, arrow.color, arrow.ink, arrow.width])
    return looks


def _list_parts(
    flowchart: Flowchart, excerpt: Excerpt, coverage, faults, trail: Trail | None
) -> tuple[list[Box], list[Arrow]]:
    if excerpt.groups:
        return draw_groups(flowchart, excerpt.groups, coverage, faults)
    drawn = dict.fromkeys(excerpt.nodes)
    nodes = [flowchart.nodes[id_] for id_ in drawn]
    boxes = [mark_box(_make_box(flowchart, node, coverage, faults), trail) for node in nodes]
    arrows = [
        mark_arrow(_make_arrow(node, name, coverage, faults), node, name, trail)
        for node in nodes
        for name, route in node.routes.items()
        if route.to in drawn
    ]
    arrows += [jump for jump in draw_jumps(trail) if {jump.start, jump.to} <= {*drawn}]
    boxes.sort(key=lambda box: box.id != flowchart.start)
    return boxes, arrows


def _head(flowchart: Flowchart) -> str:
    counts = {"node": flowchart.nodes, "hub": flowchart.hubs, "end": flowchart.ends}
    said = (f"{len(of)} {name}{'s' * (len(of) != 1)}" for name, of in counts.items())
    return f"{clip(flowchart.title, 60)}: {', '.join(said)}"


def _explain(coverage, faults, trail: Trail | None) -> list[str]:
    legend = "box: agent · double box: hub · ellipse: customer · octagon: end"
    counted = []
    if trail and trail.jumps:
        counted.append("red dashes: a jump, for which there is no route")
    if coverage:
        counted.append("thicker and darker: taken more often")
    if coverage and not coverage.is_part:
        counted.append("red dashes: never taken")
    if faults:
        shares = ", ".join(f"{100 * share:.0f}" for share in HEAT_FROM)
        of = "those that came there" if coverage else f"{faults.n_talks:,} conversations"
        counted.append(f"orange to red and thicker: any, {shares} % of {of} went wrong there")
    # a small chart is no wider than it need be
    return [legend, " · ".join(counted)]


def _make_box(flowchart: Flowchart, node: Node, coverage, faults) -> Box:
    fill, stroke, ink = _color_node(flowchart, node)
    lines, count, border = [clip(node.id, 40)], coverage.nodes[node.id] if coverage else 0, 1.4
    if coverage:
        lines.append(f"{count:,} ×")
        border += 3.6 * _weigh(count, coverage.nodes)
    if faults and faults[node.id]:
        lines.append(_say_wrong(node.id, coverage, faults))
        level = _weigh_faults(node.id, coverage, faults)
        border = max(border, 2 + level)
        if node.is_hub:
            # its faults are its routes': it stays dark, as hubs are
            stroke = LINE_HEAT[level]
        else:
            fill, ink = HEAT[level], "#FFFFFF" if level >= 2 else INK
    elif coverage and not count:
        fill, stroke, ink = ("#FFFFFF", NEVER, NEVER) if not coverage.is_part else PALE
    return Box(
        node.id,
        tuple(lines),
        choose_shape(node),
        fill,
        stroke,
        ink,
        clip(f"{node.id} ({node.role}): {node.say or node.outcome}", 300),
        node.phase,
        border,
    )


def choose_shape(node: Node) -> str:
    """The shape that tells a node's kind where colours do not; see `plain.Box`."""
    return {"user": "ellipse", "end": "octagon"}.get(node.role, "double" if node.is_hub else "box")


def _color_node(flowchart: Flowchart, node: Node) -> tuple[str, str, str]:
    if node.role != "end":
        return HUB if node.is_hub else AGENT if node.role == "agent" else CUSTOMER
    # what the procedure is for is the end that stands first
    others, color = flowchart.outcomes[1:], SUCCESS
    if node.outcome in others:
        color = ENDS[others.index(node.outcome) % len(ENDS)]
    return color, color, "#FFFFFF"


def _make_arrow(node: Node, name: str, coverage, faults) -> Arrow:
    route, step = node.routes[name], f"{node.id}.{name}" if name else node.id
    lines, color, ink, width = [clip(name, 40)] if name else [], QUIET, INK, 1.2
    if coverage:
        taken = coverage.routes[step]
        lines.append(f"{taken:,} ×" if taken or coverage.is_part else "never")
        weight = _weigh(taken, coverage.routes)
        width, color = width + 3 * weight, OFTEN[math.ceil(weight * (len(OFTEN) - 1))]
    # a step that is a node of its own is coloured there
    if faults and name and faults[step]:
        level = _weigh_faults(step, coverage, faults)
        color, ink, width = LINE_HEAT[level], HEAT[-1], max(width, 3 + level)
        lines[1:] = [_say_wrong(step, coverage, faults)]
    is_never = coverage is not None and not coverage.is_part and not coverage.routes[step]
    if is_never:
        color = ink = NEVER
    tip = clip(f"{step} to {route.to}: {route.when or 'always'}. {route.say}", 300)
    return Arrow(node.id, route.to, tuple(lines), color, ink, width, is_never, tip)


def _weigh(count: int, counts: Counter) -> float:
    """How often something was taken beside what was taken most often, from 0 to 1.

    A root keeps what is rare apart from what never happens.
    """
    return (count / max([1, *counts.values()])) ** 0.5


def _say_wrong(step: str, coverage, faults) -> str:
    of = f" of {coverage.routes[step]:,}" if coverage and coverage.routes[step] else ""
    return f"{faults[step]:,}{of} wrong"


def _weigh_faults(step: str, coverage, faults) -> int:
    """The place of its colour in `HEAT`."""
    of = coverage.routes[step] if coverage else faults.n_talks
    return bisect(HEAT_FROM, faults[step] / max(of, 1))


def _write_outline(flowchart: Flowchart, excerpt: Excerpt, coverage, faults) -> str:
    lines = [_head(flowchart), *([f"{excerpt.said}."] if excerpt.said else [])]
    lines += write_groups(flowchart, excerpt.groups, coverage, faults) if excerpt.groups else []
    for node in (flowchart.nodes[id_] for id_ in excerpt.nodes):
        kind = "hub" if node.is_hub else node.outcome or node.role
        count = f", {coverage.nodes[node.id]:,} times" if coverage else ""
        wrong = f", {_say_wrong(node.id, coverage, faults)}" if faults and faults[node.id] else ""
        lines.append(f"{node.id} ({kind}{count}{wrong if node.is_hub else ''})")
        for name, route in node.routes.items():
            step = f"{node.id}.{name}" if name else node.id
            notes = [] if not coverage else [f"{coverage.routes[step]:,} times"]
            if faults and faults[step]:
                notes.append(_say_wrong(step, coverage, faults))
            way = f"{name} -> {route.to}" if name else f"-> {route.to}"
            lines.append(f"  {way}" + (f" ({', '.join(notes)})" if notes else ""))
    for step, n_wrong in (faults or {}).items():
        if step.partition(".")[0] not in flowchart.nodes:
            lines.append(f"{step}: {n_wrong:,} wrong")
    return "\n".join(lines)
