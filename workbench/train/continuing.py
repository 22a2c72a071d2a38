"""Going on from an older run's model: whether, and with which rows.

The model has learnt all rows that the older run had. Those that it has not seen are trained, each
several times if they are few, and among them a share of those that it knows, or it would forget.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.conversation import hash_text
from workbench.design.older import find_older
from workbench.inspect.reviews import read_reviews
from workbench.inspect.rows import hash_rows
from workbench.run import Run
from workbench.train.base_model import hash_weights
from workbench.train.progress import TrainError

BASE, OLDER = "base", "older"

MOST_REPEATS = 3
"""Times that a changed row is trained, where there are few."""

REPLAY_SHARE = 1 / 3
"""Of what is trained, rows that the older model knows. Our choice; nothing was measured."""

RATE_SHARE = 0.25
"""Of the highest learning rate of a whole training, what one from an older model takes: it is to
learn a little, and to leave the rest where it is. Our choice; nothing was measured."""

BUDGETS = {False: 0.2, True: 0.4}
"""Rows trained, repeats counted, as a share of all; more where walks have changed."""


@dataclass(frozen=True)
class Start:
    """Where a training starts."""

    kind: str
    """base or older."""

    why: str
    older: Run | None = None
    """Where the run goes on from one: that one."""

    budget: float = 1.0
    """Rows trained, repeats counted, as a share of all; 1 from the base."""

    @property
    def is_older(self) -> bool:
        return self.kind == OLDER

    @property
    def folder(self) -> Path:
        """The older run's model."""
        if self.older is None:
            raise TrainError("the run goes on from no other; set since")
        return self.older.file("model")

    def ease(self, learning_rate: float) -> float:
        """The highest learning rate from here on; `learning_rate` is that of a whole training."""
        return learning_rate * RATE_SHARE if self.is_older else learning_rate

    def list_inputs(self) -> dict[str, Any]:
        """What a training is known by again; nothing for a run that goes on from no other."""
        if self.older is None:
            return {}
        inputs = {"since": self.older.name, "start_from": self.kind}
        if self.is_older:
            inputs |= {"start_sha256": hash_weights(self.folder), "budget": self.budget}
        return inputs

    def __str__(self) -> str:
        what = f"the model of {self.older.name}" if self.older and self.is_older else "the base"
        return f"starts from {what}: {self.why}"


@dataclass(frozen=True)
class Picked:
    """The rows of a training, and how they were come by."""

    rows: list[dict[str, Any]]
    n_changed: int
    """Different rows that the older model has not seen, of which some may be left out."""
    n_trained: int
    """Those of them that are trained."""
    repeats: int
    n_replayed: int

    def describe(self) -> dict[str, int]:
        """For the manifest, the card and the report."""
        return {name: value for name, value in vars(self).items() if name != "rows"}


def choose_start(
    run: Run, base_model: str, since: str = "", start_from: str = "", budget: float = 0.0
) -> Start:
    """Whether a training starts from the base model or from that of the run called `since`.

    `start_from` is base or older; "" chooses: older where that can be, but base where something is
    gone from the procedure, or a conversation that it learnt was rejected by hand since, for no row
    says what is not to be done any more. `budget` 0 means a
    fifth of the rows where only words and facts have changed, two fifths where walks have.

    Raises:
        TrainError: the older model is asked for and cannot be started from, or rows of this run
            were not made since that run.
        UnknownRunError: that run is gone.
    """
    if start_from not in ("", BASE, OLDER):
        raise TrainError(f'start_from is "{start_from}", but must be base or older')
    if not 0 <= budget <= 1:
        raise TrainError(f"budget is {budget}, but must be from 0 to 1; 0 means as the change asks")
    if not since:
        if start_from == OLDER:
            raise TrainError("start_from is older, but since names no run to start from")
        return Start(BASE, "it goes on from no other run")
    carried = run.manifest.get("synthesize", {}).get("carried", {})
    if carried.get("since") != since:
        raise TrainError(
            f'the rows of {run.folder} were not made since "{since}"; give stages 1, 2 and 4 the'
            " same since"
        )
    older = find_older(run, since)
    if start_from == BASE:
        return Start(BASE, "it was asked for", older)
    hindrance = _find_hindrance(older, base_model)
    if hindrance and start_from == OLDER:
        raise TrainError(f"{hindrance}; start from the base instead")
    if hindrance:
        return Start(BASE, hindrance, older)
    if not start_from:
        if carried["is_something_gone"]:
            return Start(BASE, "what is gone from the procedure is unlearnt only so", older)
        if _was_rejected_since(run, older):
            return Start(BASE, "what was rejected by hand since is unlearnt only so", older)
    why = "it was asked for" if start_from else "it has learnt what has not changed"
    return Start(OLDER, why, older, budget or BUDGETS[bool(carried["are_walks_changed"])])


def _find_hindrance(older: Run, base_model: str) -> str:
    """Why the older model cannot be started from; "" if it can."""
    trained = older.manifest.get("train", {})
    if "result" not in trained or not older.file("model/model.safetensors").exists():
        return f"{older.name} has no finished model"
    if trained["base"]["name"] != base_model:
        return f"the model of {older.name} is made of another base, {trained['base']['name']}"
    known = trained.get("inputs", {}).get("rows")
    # runs that have no rows any more, or none on record, are taken as they are
    has_rows = older.file("rows/train.jsonl").exists()
    if known and has_rows and known != hash_rows(older):
        return f"the rows of {older.name} are others now than its model was trained with"
    return ""


def _was_rejected_since(run: Run, older: Run) -> bool:
    """Whether a verdict leaves out a conversation that became a row of the older run."""
    talks = older.iterate("conversations.jsonl", missing_ok=True)
    learnt = {line["conversation_id"] for line in talks}
    learnt -= {line["conversation_id"] for line in older.read("dropped.jsonl", missing_ok=True)}
    reviews = read_reviews(run).items()
    return any(made.verdict == "reject" and id_ in learnt for id_, made in reviews)


def pick_rows(start: Start, rows: Sequence[dict[str, Any]], seed: int) -> Picked:
    """The rows to train: from the base all, else those that changed and a share of the others.

    Example: of 2,000 rows 40 have changed: each of them three times, and 60 others once
    """
    if not start.is_older or start.older is None:
        return Picked([*rows], len(rows), len(rows), 1, 0)
    known = {hash_text(row["messages"]) for row in start.older.read("rows/train.jsonl")}
    changed = [row for row in rows if hash_text(row["messages"]) not in known]
    kept = [row for row in rows if hash_text(row["messages"]) in known]
    if not changed:
        return Picked([], 0, 0, 1, 0)
    rng = random.Random(hash_text(seed, "rows to train again"))
    n_own, repeats, n_replayed = share_out(start.budget, len(rows), len(changed))
    own = changed if n_own == len(changed) else rng.sample(changed, n_own)
    replayed = rng.sample(kept, min(len(kept), n_replayed))
    return Picked([*own * repeats, *replayed], len(changed), len(own), repeats, len(replayed))


def share_out(budget: float, n_rows: int, n_changed: int) -> tuple[int, int, int]:
    """How many changed rows are trained, how often each, and how many others among them.

    Example: share_out(0.2, 1_000, 60) is (60, 2, 60)
    """
    room = max(1, round(budget * n_rows * (1 - REPLAY_SHARE)))
    n_own, repeats = min(room, n_changed), max(1, min(MOST_REPEATS, room // n_changed))
    return n_own, repeats, round(repeats * n_own * REPLAY_SHARE / (1 - REPLAY_SHARE))
