"""Tables that a notebook, a log and a Markdown file all show."""

import re
from collections.abc import Mapping, Sequence

from workbench.show.escape import clip, escape, reveal
from workbench.show.picture import Panel

_CELL = "padding:4px 9px;border-bottom:1px solid rgba(128,128,128,0.35);vertical-align:top;"


def table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str] | Mapping[str, str] | None = None
) -> Panel:
    """Rows as a table. `columns` picks and orders, and as a mapping names too: {"n": "talks"}.

    None is shown as "–" (not measured, which is not zero), numbers stand to the right.
    """
    if not rows and not columns:
        return Panel("<p>not measured</p>", "not measured", "not measured")
    names = _name_columns(rows, columns)
    cells = [[_say(row.get(key)) for key in names] for row in rows]
    is_number = [
        bool(rows) and all(isinstance(row.get(key), int | float | None) for row in rows)
        for key in names
    ]
    heads = list(names.values())
    return Panel(
        _write_html(heads, cells, is_number),
        _write_text(heads, cells, is_number),
        _write_markdown(heads, cells, is_number),
    )


def _name_columns(rows, columns) -> dict[str, str]:
    if columns is None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
    if isinstance(columns, Mapping):
        return dict(columns)
    return {key: key for key in columns}


def _say(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def _write_html(heads, cells, is_number) -> str:
    align = [f"{_CELL}text-align:{'right' if number else 'left'}" for number in is_number]
    head = "".join(
        f'<th style="{style};font-weight:bold">{escape(name)}</th>'
        for style, name in zip(align, heads, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="{style};{_wrap(cell)}">{escape(cell)}</td>'
            for style, cell in zip(align, row, strict=True)
        )
        + "</tr>"
        for row in cells
    )
    return (
        '<table style="border-collapse:collapse;font-size:13px"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _wrap(cell: str) -> str:
    # a name or an interval is read at a glance only in one piece
    return "white-space:nowrap" if len(cell) <= 24 else "min-width:11em;overflow-wrap:anywhere"


def _write_text(heads, cells, is_number) -> str:
    short = [[clip(cell, 60) for cell in row] for row in [heads, *cells]]
    wide = [max(len(row[column]) for row in short) for column in range(len(heads))]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, wide, is_number, strict=True)
        ).rstrip()
        for row in short
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in wide), *lines[1:]])


def _write_markdown(heads, cells, is_number) -> str:
    rule = ["--:" if number else "---" for number in is_number]
    lines = [
        [_mark(cell) for cell in heads],
        rule,
        *([_mark(cell) for cell in row] for row in cells),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mark(text: str) -> str:
    # whatever markdown or HTML would read as its own gets a backslash
    return re.sub(r"([\\|<>&*`\[\]$])", r"\\\1", " ".join(reveal(text).split()))
