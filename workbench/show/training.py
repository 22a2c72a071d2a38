"""A training to watch: its losses drawn as they fall, its speed, memory and time left."""

import time
from collections.abc import Callable
from typing import Any

from workbench.show.charts import line
from workbench.show.picture import Panel, Picture
from workbench.show.watched import Watched


class LiveTraining(Watched):
    """What a training has done so far. Made before it and given to it as `watcher`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self.lines: list[dict[str, Any]] = []
        self.is_over = self.is_cut = False

    def show(
        self, lines: list[dict[str, Any]], is_over: bool = False, is_cut: bool = False
    ) -> None:
        """Take the log so far, and draw it if it is over or the last drawing is old."""
        self.lines, self.is_over, self.is_cut = lines, is_over, is_cut
        self._take(is_over)

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
        ]
        if self.is_cut:
            way_on = "Run the cell that trains again: it goes on from its last checkpoint"
            return f"Stopped: {', '.join(filter(None, parts))}. {way_on}."
        if self.is_over:
            return f"Done: {', '.join(filter(None, parts))}."
        memory, left = _measure_memory(), last["eta_s"] / 60
        parts += [f"{memory:.1f} GB of memory", f"{left:.0f} minutes left"]
        return ", ".join(filter(None, parts))

    def _picture(self) -> Panel:
        if not self.lines:
            return Panel("", "")
        drawn = self.draw()
        return Panel(drawn.as_image(self.describe(), 330), drawn.text)


def _measure_memory() -> float:
    """Memory of this process in GB."""
    import psutil

    return psutil.Process().memory_info().rss / 1e9
