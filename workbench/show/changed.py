"""What has changed of a procedure, drawn on its flowchart and as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.flowchart import Flowchart, Node
from workbench.show.dot import DotMissingError, DotSlowError, render_svg, write_dot
from workbench.show.escape import clip
from workbench.show.flow import choose_shape
from workbench.show.palette import INK, NEVER
from workbench.show.picture import Panel, Picture
from workbench.show.plain import PLAINLY, Arrow, Box, draw_plain
from workbench.show.table import table
from workbench.show.trail import PALE

if TYPE_CHECKING:
    from workbench.design.changes import Change, Changes

LOOKS = {
    "added": ("#DDF3E4", "#2E7D4F", "new"),
    "removed": ("#FFFFFF", NEVER, "gone"),
    "renamed": ("#E6F0FA", "#2C6AA6", "renamed"),
    "reworded": ("#FFF1CC", "#A66A00", "reworded"),
    "rewired": ("#FFE0B3", "#A6490A", "rewired"),
    "changed": ("#FFF1CC", "#A66A00", "changed"),
}
"""Kind of change to its fill, its border, and the word that is written beside it."""

MOST_DRAWN = 120
"""Boxes of one picture; of a larger chart what has changed is drawn, and what stands next to it."""

Marks = dict[str, tuple[str, str]]
"""Node or step of today to its kind of change and a note."""


def tabulate_changes(changes: "Changes") -> Panel:
    """Every change in a line: what kind, of what, what was there and what is."""
    rows = [
        {"change": c.kind, "of": c.what, "name": c.name, "was": c.before, "is": c.after}
        for c in changes.listed
    ]
    return table(rows or [{"change": "none"}])


def draw_changes(changes: "Changes") -> Picture:
    """Today's flowchart with what is new, gone, renamed or changed; all else is pale.

    A step is changed, too, where a fact that it states is, or its wordings are.
    """
    marks, boxes, arrows = find_marks(changes), [], []
    chart, old, renames = changes.new.flowchart, changes.old.flowchart, changes.renames
    for node in chart.nodes.values():
        boxes.append(_make_box(node, marks.get(node.id)))
        arrows += [_make_arrow(node, name, marks) for name in node.routes]
    for node in old.nodes.values():
        here = renames.node(node.id)
        if node.id in changes.removed_nodes:
            boxes.append(_make_box(node.model_copy(update={"id": here}), ("removed", "")))
        for name, route in node.routes.items():
            to = renames.node(route.to)
            if not _leads(chart, here, renames.step(f"{node.id}.{name}"), name, to):
                arrows.append(_make_gone(here, name, to))
    boxes, arrows, said = _cut(boxes, arrows, marks)
    counts = ", ".join(f"{n} {kind}" for kind, n in _count(changes.listed).items()) or "nothing"
    title = f"{clip(chart.title, 60)}: {counts}"
    legend = "pale: as it was · red dashes: gone · green: new · amber: changed · blue: renamed"
    try:
        svg = render_svg(write_dot(boxes, arrows, title, said, legend))
    except (DotMissingError, DotSlowError):
        svg = draw_plain(boxes, arrows, title, said or legend, PLAINLY)
    lines = [f"{step}: {LOOKS[kind][2]}{f' ({note})' * bool(note)}" for step, (kind, note) in
             sorted(marks.items())]  # fmt: skip
    return Picture(svg, "\n".join([title, *lines]))


def find_marks(changes: "Changes") -> Marks:
    """Which nodes and routes a change shows on, the gravest where several do."""
    chart, marks = changes.new.flowchart, {}
    steps = [step for node in chart.nodes.values() for step in node.steps]
    for change in sorted(changes.listed, key=lambda change: [*LOOKS].index(change.kind)):
        if change.what in {"node", "route"}:
            note = f"was {change.before}" if change.kind == "renamed" else ""
            marks.setdefault(change.name, (change.kind, note))
        for step in _find_stating(change, changes, steps):
            marks.setdefault(step, ("changed", f"{change.what} {change.name}"))
    return marks


def _find_stating(change: "Change", changes: "Changes", steps: Sequence[str]) -> list[str]:
    """Steps that say something of what a change of facts, offers or wordings is about."""
    if change.kind == "renamed":
        return []
    if change.what == "wordings":
        who, _, key = change.name.partition(": ")
        return [step for step in steps if who == "agent" and step == key.split("/")[0]]
    cites = {"fact": {change.name}, "offer": {"offer", "offers"}}.get(change.what, set())
    chart = changes.new.flowchart
    return [step for step in steps if cites.intersection(chart.find_element(step).cites)]


def _leads(chart: Flowchart, node: str, step: str, name: str, to: str) -> bool:
    """Whether a route of the old chart is there today and leads where it led."""
    now = step.partition(".")[2] if name else ""
    routes = chart.nodes[node].routes if node in chart.nodes else {}
    return now in routes and routes[now].to == to


def _make_box(node: Node, mark: tuple[str, str] | None) -> Box:
    fill, stroke, ink = PALE
    lines, border = [clip(node.id, 40)], 1.4
    if mark:
        kind, note = mark
        (fill, stroke, word), ink, border = LOOKS[kind], INK, 3.0
        lines.append(clip(note or word, 40))
    tip = clip(f"{node.id} ({node.role}): {node.say or node.outcome}", 300)
    shape = choose_shape(node)
    return Box(node.id, tuple(lines), shape, fill, stroke, ink, tip, node.phase, border)


def _make_arrow(node: Node, name: str, marks: Marks) -> Arrow:
    step = f"{node.id}.{name}" if name else node.id
    mark, lines = marks.get(step), [clip(name, 40)] if name else []
    color, ink, width = PALE[1], PALE[2], 1.2
    # what a node without named routes has changed stands in its box, but for where it leads
    if mark and (name or mark[0] in {"rewired", "added"}):
        color, ink, width = LOOKS[mark[0]][1], INK, 2.6
        lines.append(clip(mark[1] or LOOKS[mark[0]][2], 40))
    route = node.routes[name]
    tip = clip(f"{step} to {route.to}: {route.when or 'always'}. {route.say}", 300)
    return Arrow(node.id, route.to, tuple(lines), color, ink, width, False, tip)


def _make_gone(node: str, name: str, to: str) -> Arrow:
    lines = (*([clip(name, 40)] if name else []), "gone")
    return Arrow(node, to, lines, NEVER, NEVER, 1.6, True, f"{node} led to {to}")


def _cut(boxes: list[Box], arrows: list[Arrow], marks: Marks) -> tuple[list[Box], list[Arrow], str]:
    """What is drawn of a large chart: what has changed, and what stands next to it."""
    if len(boxes) <= MOST_DRAWN:
        return boxes, arrows, ""
    changed = {box.id for box in boxes if box.border > 2} | {s.partition(".")[0] for s in marks}
    changed |= {arrow.start for arrow in arrows if arrow.is_dashed}
    ways = [{arrow.start, arrow.to} for arrow in arrows]
    near = changed.union(*(way for way in ways if way & changed))
    drawn = [box for box in boxes if box.id in near][:MOST_DRAWN]
    ids = {box.id for box in drawn}
    left = [arrow for arrow in arrows if {arrow.start, arrow.to} <= ids]
    return drawn, left, f"{len(boxes) - len(drawn):,} nodes without a change are left out"


def _count(listed: Sequence["Change"]) -> dict[str, int]:
    kinds = [change.kind for change in listed]
    return {kind: kinds.count(kind) for kind in LOOKS if kind in kinds}
