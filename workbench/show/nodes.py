"""A flowchart whose nodes can be chosen in a notebook; see `nodes.js`."""

from collections.abc import Collection, Sequence
from pathlib import Path

import anywidget
import traitlets

from workbench.flowchart import Flowchart
from workbench.show.flow import draw_flowchart
from workbench.show.picture import Picture
from workbench.show.trail import write_walk

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
    here = traitlets.Unicode("").tag(sync=True)
    """Id of a node that is brought into sight, whether or not it can be chosen; "": none."""

    def show(self, picture: Picture, alt: str, here: str = "") -> None:
        """Draw a flowchart, and bring a node of it into sight."""
        with self.hold_sync():
            self.here, self.alt, self.svg = here, alt, picture.svg

    def show_walk(
        self, flowchart: Flowchart, walk: Sequence[str], jumps: Collection[int] = ()
    ) -> None:
        """Draw the steps that a talk has taken, and bring the last one into sight.

        `jumps` are the places of those that do not follow from the one before.
        """
        alt = f"The flowchart; the talk went by {write_walk(walk, jumps) or 'nothing yet'}"
        here = walk[-1].partition(".")[0] if walk else ""
        self.show(draw_flowchart(flowchart, walk=walk, jumps=jumps), alt, here)
