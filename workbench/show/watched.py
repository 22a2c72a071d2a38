"""Something that takes long, drawn again every few seconds while it goes on."""

import time
from collections.abc import Callable
from typing import Any

from workbench.show.escape import escape
from workbench.show.picture import Panel, make_bundle
from workbench.show.widgets import refer_to

EVERY_S = 2.0
"""Seconds between two drawings."""


class Watched:
    """A line that says how it goes, and a drawing below it.

    In a notebook it is shown by being the last line of a cell before the one that works. Without
    widgets that cell's output is replaced each time; at the end it always is, by a still that needs
    no kernel.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._drawn_s = clock, float("-inf")
        self._widgets: dict[str, Any] = {}
        self._handle: Any = None
        self._is_still = False

    def describe(self) -> str:
        """How it goes, in a line."""
        raise NotImplementedError

    def _picture(self) -> Panel:
        """What is drawn below the line."""
        raise NotImplementedError

    def _take(self, is_over: bool) -> None:
        """Draw what is known if it is over, or if the last drawing is old."""
        is_turn = is_over != self._is_still
        if is_turn or self._clock() - self._drawn_s >= EVERY_S:
            self._drawn_s, self._is_still = self._clock(), is_over
            self._draw(is_turn)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._build()
        self._handle = display(self._repr_mimebundle_(), raw=True, display_id=True)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets while it goes on, and what is known now."""
        said, panel = self.describe(), self._picture()
        html = f"<p>{escape(said)}</p>{panel.html}"
        bundle = make_bundle(html, f"{said}\n{panel}".strip())
        has_widgets = self._widgets and not self._is_still
        return (refer_to(self._widgets["box"]) if has_widgets else {}) | bundle

    def _build(self) -> None:
        try:
            import ipywidgets as widgets
        except ImportError:
            return
        if self._widgets:
            return
        made = self._widgets = {"said": widgets.HTML(), "drawn": widgets.HTML()}
        made["box"] = widgets.VBox([made["said"], made["drawn"]])
        self._draw(is_turn=False)

    def _draw(self, is_turn: bool) -> None:
        if self._widgets:
            self._widgets["said"].value = escape(self.describe())
            self._widgets["drawn"].value = self._picture().html
        if self._handle and (is_turn or not self._widgets):
            self._handle.update(self._repr_mimebundle_(), raw=True)
