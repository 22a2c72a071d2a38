"""A training to watch: its losses drawn as they fall, its speed, memory and time left."""

import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.run import Run
from workbench.show.charts import line
from workbench.show.escape import clip, escape
from workbench.show.picture import Panel, Picture
from workbench.show.watched import Watched

SHOWN = 3
"""Sample replies that are shown, the last of all."""


class LiveTraining(Watched):
    """What a training has done so far. Made before it and given to it as `watcher`.

    Of a `run` it says how to end it early.
    """

    def __init__(self, run: Run | None = None, clock: Callable[[], float] = time.monotonic):
        super().__init__(clock)
        self.run = run
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
        title = "loss per token of the agent, on a logarithmic scale"
        # it falls a thousandfold: seen from 0, most of a training would be a flat line
        return line({"training": loss, "held out": valid}, title, "step", "loss", is_log=True)

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
        parts += [*_say_memory(), f"{last['eta_s'] / 60:.0f} minutes left"]
        return ", ".join(filter(None, parts))

    def _picture(self) -> Panel:
        if not self.lines:
            return Panel("", "")
        drawn, samples = self.draw(), self._draw_samples()
        look = "display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start"
        html = f'<div style="{look}">{drawn.as_image(self.describe(), 330)}{samples.html}</div>'
        text = "\n".join(filter(None, (drawn.text, samples.text, self._say_stop())))
        return Panel(f"{html}<p>{escape(self._say_stop())}</p>", text)

    def _say_stop(self) -> str:
        # a button would not be heard while the cell runs that trains
        if self.run is None or self.is_over:
            return ""
        command = shlex.join(
            [sys.executable, "-m", "workbench", "stop", str(self.run.folder.resolve())]
        )
        return f"To end it now with its best weights, say in a terminal: {command}"

    def _draw_samples(self) -> Panel:
        """What the model said last to a customer whom it does not learn from."""
        samples = [one for one in self.lines if "reply" in one][-SHOWN:]
        if not samples:
            return Panel("", "")
        said = {
            "a customer it does not learn from": samples[-1]["heard"],
            **{f"step {one['step']:,}": one["reply"] for one in reversed(samples)},
            "the teacher": samples[-1]["taught"],
        }
        lines = [(name, clip(text, 400)) for name, text in said.items()]
        rows = (f"<div><b>{escape(name)}</b> {escape(text)}</div>" for name, text in lines)
        look = (
            "flex:1 1 280px;max-width:520px;font-size:13px;line-height:1.5;overflow-wrap:anywhere"
        )
        text = "\n".join(f"{name}: {text}" for name, text in lines)
        return Panel(f'<div dir="auto" style="{look}">{"".join(rows)}</div>', text)


def _say_memory() -> list[str]:
    """Memory of this process, and the most that it has held of a GPU if there is one."""
    import psutil
    import torch

    said = [f"{psutil.Process().memory_info().rss / 1e9:.1f} GB of memory"]
    if torch.cuda.is_available():
        said.append(f"at most {torch.cuda.max_memory_allocated() / 1e9:.1f} GB of the GPU's")
    return said
