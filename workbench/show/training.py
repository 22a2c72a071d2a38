"""A training to watch: its losses drawn as they fall, its speed, memory and time left."""

import time
from collections.abc import Callable
from typing import Any

from workbench.show.charts import line
from workbench.show.escape import escape
from workbench.show.picture import Picture
from workbench.show.widgets import refer_to

EVERY_S = 2.0
"""Seconds between two drawings."""


class LiveTraining:
    """What a training has done so far, drawn again every few seconds.

    Made before the training and given to it as `watcher`. In a notebook it is shown by being the
    last line of a cell before the one that trains. Without widgets it draws nothing, and what it
    saw can be drawn afterwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.lines: list[dict[str, Any]] = []
        self._clock, self._drawn_s = clock, float("-inf")
        self._widgets: dict[str, Any] = {}

    def show(self, lines: list[dict[str, Any]]) -> None:
        """Take the log so far, and draw it if the last drawing is old enough."""
        self.lines = lines
        if self._widgets and self._clock() - self._drawn_s >= EVERY_S:
            self._drawn_s = self._clock()
            self._draw()

    def draw(self) -> Picture:
        """Loss and held-out loss over the steps."""
        loss = [(one["step"], one["loss"]) for one in self.lines if "loss" in one]
        valid = [(one["step"], one["valid_loss"]) for one in self.lines if "valid_loss" in one]
        title = "loss per token of the agent"
        return line({"training": loss, "held out": valid}, title, "step", "loss")

    def describe(self) -> str:
        """Where it is, how fast, and how long it will take."""
        steps = [one for one in self.lines if "loss" in one]
        if not steps:
            return "Nothing is trained yet."
        last = steps[-1]
        held_out = [one["valid_loss"] for one in self.lines if "valid_loss" in one]
        parts = [
            f"step {last['step']:,}",
            f"loss {last['loss']:.3f}",
            f"best held-out loss {min(held_out):.3f}" if held_out else "",
            f"{last['tokens_per_s']:,.0f} tokens a second",
            f"{_measure_memory():.1f} GB of memory",
            f"{last['eta_s'] / 60:.0f} minutes left",
        ]
        return ", ".join(filter(None, parts))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none what is known now."""
        bundle = refer_to(self._build())
        html = f"<p>{escape(self.describe())}</p>" + (self._image() if self.lines else "")
        return bundle | {"text/html": html, "text/plain": self.describe()}

    def _image(self) -> str:
        return self.draw().as_image(self.describe(), 330)

    def _build(self) -> Any:
        import ipywidgets as widgets

        if self._widgets:
            return self._widgets["box"]
        made = self._widgets = {
            "said": widgets.HTML(),
            "chart": widgets.HTML(),
        }
        made["box"] = widgets.VBox([made["said"], made["chart"]])
        self._draw()
        return made["box"]

    def _draw(self) -> None:
        self._widgets["said"].value = escape(self.describe())
        self._widgets["chart"].value = self._image() if self.lines else ""


def _measure_memory() -> float:
    """Memory of this process in GB."""
    import psutil

    return psutil.Process().memory_info().rss / 1e9
