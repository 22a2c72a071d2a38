"""Long tables to look through: in groups that open, page by page, with a filter."""

import hashlib
from collections.abc import Mapping, Sequence
from string import Template

from workbench.show.escape import escape
from workbench.show.picture import Panel
from workbench.show.table import table

MOST_ROWS = 1_000
"""Rows that a page holds at most; a browser is slow with more."""

GROUPS_SHOWN = 25
"""Groups of a page, and rows of a log."""

_WRAP = "overflow-wrap:anywhere"

# only a trusted page runs it: elsewhere the groups open and close, and there is no filter
_SCRIPT = Template(
    "<script>document.querySelectorAll('[data-browse=\"$key\"]').forEach(function (box) {"
    "var field = box.querySelector('input'); field.hidden = false;"
    "field.addEventListener('input', function () {"
    "var words = field.value.toLowerCase().split(' ').filter(Boolean);"
    "box.querySelectorAll('tbody tr').forEach(function (row) {"
    "var text = row.textContent.toLowerCase();"
    "row.hidden = !words.every(function (word) { return text.includes(word) })});"
    "box.querySelectorAll('details').forEach(function (part) {"
    "var left = part.querySelectorAll('tbody tr:not([hidden])').length;"
    "part.hidden = !left; part.open = words.length > 0 && left > 0})})})</script>"
)


def browse(
    rows: Sequence[Mapping[str, object]], group: str, mark: str = "", shown: int = GROUPS_SHOWN
) -> Panel:
    """Rows in groups by the column `group`, to be opened and filtered instead of scrolled through.

    Rows with something in the column `mark` are what to look at: they come first, once more. In a
    log stand these and then others, `shown` in all, and how many are left out.
    """
    if not rows:
        return table(rows)
    marked = [row for row in rows if mark and row.get(mark)]
    kept = rows[:MOST_ROWS]
    groups: dict[str, list[Mapping[str, object]]] = {}
    for row in kept:
        groups.setdefault(str(row.get(group)), []).append(row)
    head = f"{len(rows):,} rows" + (f', {len(marked):,} with "{mark}"' if mark else "")
    if len(rows) > len(kept):
        head += f"; the first {len(kept):,} are here, the others in what was tabulated"
    body = _write_pages(groups, group, mark, shown)
    if marked:
        body = _fold(f'all with "{mark}"', len(marked), table(marked[:MOST_ROWS]).html, True) + body
    key = hashlib.sha256(body.encode()).hexdigest()[:16]
    html = (
        f'<div data-browse="{key}" style="font-size:13px"><p style="{_WRAP}">{escape(head)} '
        f'<input type="search" placeholder="filter by words" hidden></p>{body}</div>'
    )
    first = [*marked, *(row for row in rows if not (mark and row.get(mark)))][:shown]
    left = f"and {len(rows) - len(first):,} more rows" if len(rows) > len(first) else ""
    short = table(first, list(dict.fromkeys(key for row in rows for key in row)))
    return Panel(
        html + _SCRIPT.substitute(key=key),
        "\n".join(filter(None, [head, short.text, left])),
        "\n\n".join(filter(None, [head, short.markdown, left])),
    )


def _write_pages(groups: Mapping[str, list], group: str, mark: str, shown: int) -> str:
    """The groups, each folded; where they are many, folded page by page once more."""
    marked = {name: sum(bool(row.get(mark)) for row in own) for name, own in groups.items()}
    notes = {name: f' · {n:,} with "{mark}"' if n else "" for name, n in marked.items()}
    parts = [
        _fold(f"{group} {name}{notes[name]}", len(own), table(own).html)
        for name, own in groups.items()
    ]
    if len(parts) <= shown:
        return "".join(parts)
    names, pages = [*groups], range(0, len(parts), shown)
    return "".join(
        _fold(
            f"{names[at]} … {names[min(at + shown, len(names)) - 1]}",
            sum(len(own) for own in [*groups.values()][at : at + shown]),
            "".join(parts[at : at + shown]),
        )
        for at in pages
    )


def _fold(title: str, n: int, inside: str, is_open: bool = False) -> str:
    opened = ' open=""' if is_open else ""
    return (
        f'<details{opened} style="margin-left:1em"><summary style="{_WRAP}">{escape(title)} '
        f"({n:,} row{'s' * (n != 1)})</summary>{inside}</details>"
    )
