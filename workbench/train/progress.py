"""A training as it goes: a line a step in a file, a bar to watch, an end when time is over."""

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.models import release_memory
from workbench.run import append_jsonl, read_jsonl, write_jsonl
from workbench.train.processes import is_any, is_main
from workbench.train.sample import Sampler

if TYPE_CHECKING:
    from trl import SFTTrainer

STEPS_TO_RELEASE = 10
"""Steps after which kept memory is handed back: it costs less than a fiftieth of the time."""

SECONDS_TO_SAVE = 600
"""A kill loses at most so much training: a checkpoint of a small model is written in seconds."""

PATIENCE = 3
"""Times that held-out loss is measured without having fallen before training ends: it is measured
twice an epoch, and a training of one epoch always goes to its end."""

STEPS_TO_JUDGE = 20
"""Steps whose losses are averaged to see whether training has come apart."""

COMES_APART = 2.0
"""It has, when their average is so many times that of the first steps."""

APART_FROM = 0.5
"""Under that average it has not: who goes on from a model that has learnt begins at a hundredth of
it, and rises a little before it falls."""

STOP = "stop"
"""Name of a file beside the log; while it is there, training ends after the step it is at."""

LOWER = "choose a lower learning_rate (a third, say) or a larger batch_size"


class TrainError(ValueError):
    """Training cannot start or go on; the message says what to do."""


class Watcher(Protocol):
    """Somebody who watches a training."""

    def show(
        self, lines: list[dict[str, Any]], is_over: bool = False, is_cut: bool = False
    ) -> None:
        """All lines of the log so far; called after each, and at the end.

        The end is cut where an interrupt or an error came before it.
        """


class TrainingLog:
    """What a training does, as it does it: one line a step in a file, and a bar to watch."""

    def __init__(
        self,
        file: Path,
        tokens_of_steps: list[int],
        limit_s: float,
        is_main: bool = True,
        watcher: Watcher | None = None,
    ):
        self.file = file
        self.tokens_of_steps = tokens_of_steps
        """Tokens of each step, padding not counted."""
        self.limit_s = limit_s
        """Seconds after which training ends; 0: never."""
        self.is_main = is_main
        """Whether this process writes; others that train with it follow in silence."""
        self.watcher = watcher
        self.lines: list[dict[str, Any]] = []
        self._is_going = False
        self._begun = time.perf_counter()

    def begin(self, step: int) -> None:
        """Start, or go on after `step` steps: what was logged later is about to be repeated."""
        from tqdm import tqdm

        if step and self.file.exists():
            self.lines = [line for line in read_jsonl(self.file) if line["step"] <= step]
        if self.is_main:
            write_jsonl(self.file, self.lines)
        before_s = self.lines[-1]["seconds"] if self.lines else 0.0
        self._begun = time.perf_counter() - before_s
        self._bar = tqdm(
            total=sum(self.tokens_of_steps),
            unit="token",
            desc="training",
            disable=not self.is_main,
        )
        self._bar.update(sum(self.tokens_of_steps[:step]))
        self._is_going = True

    def add(self, step: int, loss: float, learning_rate: float) -> None:
        """One step is done.

        Raises:
            TrainError: the loss is no number, or far above what it was at first.
        """
        seconds, tokens = self.seconds, sum(self.tokens_of_steps[:step])
        speed = tokens / seconds
        self._write(
            step=step,
            loss=round(loss, 5),
            learning_rate=learning_rate,
            tokens=tokens,
            seconds=round(seconds, 2),
            tokens_per_s=round(speed, 1),
            eta_s=round((sum(self.tokens_of_steps) - tokens) / speed, 1),
        )
        self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self._bar.update(self.tokens_of_steps[step - 1])
        self._check_loss(step, learning_rate)

    def add_valid(self, step: int, valid_loss: float) -> None:
        """The held-out loss was measured.

        Raises:
            TrainError: it is no number.
        """
        if not math.isfinite(valid_loss):
            raise TrainError(f"held-out loss is {valid_loss} at step {step}: {LOWER}")
        self._write(step=step, valid_loss=round(valid_loss, 5), seconds=round(self.seconds, 2))

    def add_sample(self, step: int, sample: dict[str, str]) -> None:
        """The model as it is now replied to a customer: heard, reply and taught, see `Sampler`."""
        self._write(step=step, **sample, seconds=round(self.seconds, 2))

    def end(self, is_cut: bool = False) -> None:
        """Close the bar, once; cut where an interrupt or an error came before the end."""
        if not self._is_going:
            return
        self._is_going = False
        self._bar.close()
        if self.watcher:
            self.watcher.show(self.lines, is_over=True, is_cut=is_cut)

    @property
    def seconds(self) -> float:
        """Spent on training, before a kill and after."""
        return time.perf_counter() - self._begun

    @property
    def is_over_time(self) -> bool:
        """Whether the time given is used up."""
        return bool(self.limit_s) and self.seconds > self.limit_s

    @property
    def is_stopped(self) -> bool:
        """Whether somebody wants it to end now: `python -m workbench stop` leaves a file."""
        return self.file.with_name(STOP).exists()

    @property
    def is_flat(self) -> bool:
        """Whether held-out loss has not fallen for so long that it will hardly fall again."""
        valid = self._valid_losses()
        return len(valid) > PATIENCE and min(valid[-PATIENCE:]) >= min(valid[:-PATIENCE])

    def result(self) -> dict[str, Any]:
        """The training in a few numbers."""
        steps = [line for line in self.lines if "loss" in line]
        valid = self._valid_losses()
        last = [line["loss"] for line in steps[-max(1, len(steps) // 10) :]]
        seconds = self.lines[-1]["seconds"]
        return {
            "seconds": seconds,
            "tokens": steps[-1]["tokens"],
            "tokens_per_s": round(steps[-1]["tokens"] / seconds, 1),
            "loss": round(sum(last) / len(last), 5),
            "valid_loss": min(valid) if valid else None,
            "steps": steps[-1]["step"],
            "ended": self._why_ended(steps[-1]["step"]),
        }

    def _why_ended(self, step: int) -> str:
        if step == len(self.tokens_of_steps):
            return "all steps are done"
        if self.is_stopped:
            return "it was stopped"
        return "held-out loss no longer fell" if self.is_flat else "its time was over"

    def _check_loss(self, step: int, learning_rate: float) -> None:
        """End a training that makes the model worse than it was."""
        losses = [line["loss"] for line in self.lines if "loss" in line]
        first, last = losses[:STEPS_TO_JUDGE], losses[-STEPS_TO_JUDGE:]
        most = max(COMES_APART * sum(first), APART_FROM * STEPS_TO_JUDGE)
        has_risen = len(losses) >= 2 * STEPS_TO_JUDGE and sum(last) > most
        if has_risen or not math.isfinite(losses[-1]):
            raise TrainError(
                f"the loss is {losses[-1]:.3g} at step {step} and was {losses[0]:.3g} at the first:"
                f" training has come apart at a learning rate of {learning_rate:.1e}; {LOWER}"
            )

    def _valid_losses(self) -> list[float]:
        return [line["valid_loss"] for line in self.lines if "valid_loss" in line]

    def _write(self, **line: Any) -> None:
        self.lines.append(line)
        if self.is_main:
            append_jsonl(self.file, [line])
        if self.watcher:
            self.watcher.show(self.lines)


def follow(
    trainer: "SFTTrainer",
    log: TrainingLog,
    on_saved: Callable[[Path], None] | None = None,
    sampler: Sampler | None = None,
) -> None:
    """Let the log hear of each step, and end training when its time is over.

    `on_saved` is called with the folder of each checkpoint, by the main process alone. `sampler`
    writes a reply whenever held-out loss is measured.
    """
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    class Follower(TrainerCallback):
        saved_s = 0.0
        can_sample = sampler is not None

        def on_train_begin(self, args, state, control, **_):
            log.begin(state.global_step)
            self.saved_s = log.seconds

        def on_save(self, args, state, control, **_):
            self.saved_s = log.seconds
            if on_saved and is_main():
                on_saved(Path(args.output_dir) / f"checkpoint-{state.global_step}")

        def on_log(self, args, state, control, logs, model=None, **_):
            if "loss" in logs:
                log.add(state.global_step, logs["loss"], logs["learning_rate"])
            if "eval_loss" in logs:
                log.add_valid(state.global_step, logs["eval_loss"])
                control.should_training_stop |= log.is_flat
                self.sample(state.global_step, model)

        def sample(self, step, model):
            if self.can_sample:
                try:
                    sample = sampler.write(model)
                except Exception as error:
                    # hours of training are worth more than what is read meanwhile
                    self.can_sample = False
                    warnings.warn(f"no sample replies are written: {error}", stacklevel=2)
                else:
                    log.add_sample(step, sample)

        def on_step_end(self, args, state, control, **_):
            if state.global_step % STEPS_TO_RELEASE == 0:
                release_memory()
            # one may see the file to stop at, and another at the same step not yet
            is_ended = is_any(log.is_over_time or log.is_stopped)
            if is_ended or state.global_step == state.max_steps:
                control.should_training_stop = True
                control.should_evaluate = args.eval_strategy != "no"
                control.should_save = True
            elif args.world_size == 1 and log.seconds - self.saved_s > SECONDS_TO_SAVE:
                # clocks of several processes differ, and all must save at the same step
                control.should_save = True

        def on_train_end(self, *_, **__):
            log.end()

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Follower())
