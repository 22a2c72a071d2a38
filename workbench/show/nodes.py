"""A flowchart whose nodes can be chosen in a notebook; see `nodes.js`."""

from pathlib import Path

import anywidget
import traitlets

SCRIPT = Path(__file__).with_name("nodes.js")


class Nodes(anywidget.AnyWidget):
    """A flowchart as `draw_flowchart` draws it; a click or a key puts a node's id into `chosen`."""

    _esm = SCRIPT.read_text("utf-8")
    svg = traitlets.Unicode("<svg/>").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    """What the whole says, in a sentence."""
    names = traitlets.Dict().tag(sync=True)
    """Ids of the nodes that can be chosen, and what each of them says."""
    chosen = traitlets.Unicode("").tag(sync=True)
    """Id of the node; "": none."""
