"""Several views of one thing, of which one is seen at a time."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from workbench.show.escape import escape
from workbench.show.picture import Panel, Picture

SCRIPT = Path(__file__).with_name("switch.js")


def switch(views: Mapping[str, Picture | Panel], shown: str = "") -> Panel:
    """Views by name, with a button for each; `shown` is the one seen first, else the first.

    It needs no kernel. Where no scripts run, each view is a fold to open.

    Raises:
        ValueError: there is no view of that name, or none at all.
    """
    first = shown or next(iter(views), "")
    if first not in views:
        raise ValueError(f'there is no view "{shown}"; there are {", ".join(views) or "none"}')
    folds = "".join(
        f'<details data-view="{escape(name)}"{" open" * (name == first)}>'
        f'<summary style="cursor:pointer;font-weight:bold">{escape(name)}</summary>'
        f"{view.html}</details>"
        for name, view in views.items()
    )
    key = hashlib.sha256(folds.encode()).hexdigest()[:16]
    script = SCRIPT.read_text("utf-8").replace("KEY", key)
    html = (
        f'<div data-switch="{key}" style="overflow-wrap:anywhere;'
        f'font:13px/1.45 Helvetica,Arial,sans-serif">{folds}</div>'
        f"<script>{script}</script>"
    )
    return Panel(html, "\n\n".join(f"{name}\n{view}" for name, view in views.items()))
