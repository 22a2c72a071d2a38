"""A flowchart whose nodes can be chosen in a notebook; see `nodes.js`."""

from collections.abc import Collection, Sequence
from pathlib import Path

import anywidget
import traitlets

from workbench.flowchart import Flowchart
from workbench.show.flow import draw_flowchart, list_looks
from workbench.show.picture import Picture
from workbench.show.trail import write_walk

SCRIPT = Path(__file__).with_name("nodes.js")

LAID_OUT = 'id="graph0"'
"""Only what Graphviz has drawn has it. What is drawn without has labels apart, and is redrawn."""


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
    looks = traitlets.Dict().tag(sync=True)
    """How parts of the drawing are to look other than they were drawn; see `list_looks`."""
    here = traitlets.Unicode("").tag(sync=True)
    """Id of a node that is brought into sight, whether or not it can be chosen; "": none."""

    def __init__(self, **state):
        super().__init__(**state)
        self._walked: tuple[Flowchart, str] | None = None
        """The flowchart whose walks are shown, and how it is drawn before any step."""

    def show(self, picture: Picture, alt: str, here: str = "") -> None:
        """Draw a flowchart, and bring a node of it into sight."""
        self._put(picture.svg, {}, alt, here)

    def show_walk(
        self, flowchart: Flowchart, walk: Sequence[str], jumps: Collection[int] = ()
    ) -> None:
        """Draw the steps that a talk has taken, and bring the last one into sight.

        `jumps` are the places of those that do not follow from the one before. The flowchart is
        laid out once for all walks, but anew for one with jumps, which are arrows of their own.
        """
        alt = f"The flowchart; the talk went by {write_walk(walk, jumps) or 'nothing yet'}"
        here = walk[-1].partition(".")[0] if walk else ""
        if jumps:
            self.show(draw_flowchart(flowchart, walk=walk, jumps=jumps), alt, here)
            return
        if self._walked is None or self._walked[0] is not flowchart:
            self._walked = flowchart, draw_flowchart(flowchart, walk=()).svg
        svg = self._walked[1]
        if LAID_OUT in svg:
            self._put(svg, list_looks(flowchart, walk), alt, here)
        else:
            self.show(draw_flowchart(flowchart, walk=walk), alt, here)

    def _put(self, svg: str, looks: dict, alt: str, here: str) -> None:
        with self.hold_sync():
            self.here, self.alt, self.looks, self.svg = here, alt, looks, svg
