"""A picture whose rows can be chosen in a notebook; see `rows.js`."""

from pathlib import Path

import anywidget
import traitlets

SCRIPT = Path(__file__).with_name("rows.js")


class Rows(anywidget.AnyWidget):
    """A picture with `<g data-row="n">` in it; a click or a key puts n into `chosen`."""

    _esm = SCRIPT.read_text("utf-8")
    # not every browser draws an outline around a part of a drawing
    _css = "[data-row]:focus-visible > rect { stroke: #1F2933; stroke-width: 2px }"
    svg = traitlets.Unicode("<svg/>").tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)
    """Number of the row; -1: none."""
