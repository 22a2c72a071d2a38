"""Keys for the lists among a notebook's widgets; see `keys.js`."""

from pathlib import Path

import anywidget

SCRIPT = Path(__file__).with_name("keys.js")


class Keys(anywidget.AnyWidget):
    """Not seen; of the box that it stands in, and of those within, lists keep their keys."""

    _esm = SCRIPT.read_text("utf-8")
