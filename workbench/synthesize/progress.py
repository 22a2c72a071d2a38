"""A writing as it goes: what was kept and what was not, a bar to watch, and who else watches."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from tqdm import tqdm

from workbench.conversation import Conversation
from workbench.run import Run
from workbench.synthesize.rejections import GIVEN_UP, Rejection, count_written, read_rejections

FEW = 20
"""Conversations that are done before it is said how long the others will take: many are begun
together, so that the first ones seem slow."""


class Watcher(Protocol):
    """Somebody who watches conversations being written."""

    def show(self, log: "WritingLog") -> None:
        """What is written so far; called after each conversation, and at the end."""


class WritingLog:
    """What a writing does, as it does it: its counts, the latest conversation, a bar to watch."""

    def __init__(
        self, run: Run, n_asked: int, progress: bool = True, watcher: Watcher | None = None
    ):
        self.counts = _pick(count_written(run, n_asked))
        """asked, kept, rejected, given_up and mended so far, earlier sessions included."""
        self.n_unanswered = 0
        """Conversations that a model did not answer, to be tried another time."""
        self.cost = ""
        """What the run's calls cost so far, "" if it has none. Example: "$0.12 of $5.00"."""
        self.talk: Conversation | None = None
        """The latest that was kept."""
        self.rejections: list[Rejection] = []
        """What was said against the latest that was rejected."""
        self.is_over = False
        self.watcher = watcher
        lines = read_rejections(run)
        self._known = {line.key for line in lines}
        self._rejected = _list_rejected(lines)
        self._begun_s: float | None = None
        self._n_before = self._n_in_turn = 0
        self.bar = tqdm(
            total=n_asked, initial=self.n_done, desc="conversations", disable=not progress
        )
        self._show()

    @property
    def n_done(self) -> int:
        """Scenarios that have their conversation, or were given up."""
        return self.counts["kept"] + self.counts["given_up"]

    @property
    def n_left(self) -> int:
        """Scenarios that have neither."""
        return self.counts["asked"] - self.n_done

    @property
    def per_minute(self) -> float:
        """Scenarios done in a minute; 0: none was yet."""
        if self._begun_s is None:
            return 0.0
        seconds = time.perf_counter() - self._begun_s
        return 60 * (self.n_done - self._n_before) / max(seconds, 1e-9)

    @property
    def minutes_left(self) -> float | None:
        """None: too few are done, or others follow that are written in another way."""
        n = self.n_done - self._n_before
        if n < FEW or self.n_left > self._n_in_turn - n:
            return None
        return (self.n_left - self.n_unanswered) / self.per_minute

    def begin(self, n: int) -> None:
        """Start the clock: the next n are written in one way, at one speed."""
        self._begun_s, self._n_before, self._n_in_turn = time.perf_counter(), self.n_done, n
        self._show()

    def add(self, talk: Conversation | None, rejections: Sequence[Rejection]) -> None:
        """A conversation was read: it is kept, or None is. Either may have rejections."""
        n_before = self.n_done
        # a resumed writing rejects again what it rejected before it was stopped
        new = [line for line in rejections if line.key not in self._known]
        self._known.update(line.key for line in new)
        rejected = _list_rejected(new) - self._rejected
        self._rejected |= rejected
        self.counts.update(
            kept=int(talk is not None),
            rejected=len(rejected),
            given_up=sum(line.reason == GIVEN_UP for line in new),
            mended=sum(line.is_mended for line in new),
        )
        self.talk = talk or self.talk
        told = [line for line in rejections if line.reason != GIVEN_UP]
        self.rejections = told or self.rejections
        self.bar.update(self.n_done - n_before)
        self._show()

    def note_cost(self, cost: str, n_unanswered: int) -> None:
        """What it has cost so far, and how many conversations lack an answer."""
        self.cost, self.n_unanswered = cost, n_unanswered
        failed = f", {n_unanswered} failed" if n_unanswered else ""
        self.bar.set_postfix_str(cost + failed, refresh=False)

    def end(self, counts: dict[str, Any]) -> None:
        """Close the bar; `counts` are those on record."""
        self.bar.close()
        self.counts, self.is_over = _pick(counts), True
        self._show()

    def _show(self) -> None:
        if self.watcher:
            self.watcher.show(self)


def _list_rejected(lines: Sequence[Rejection]) -> set[str]:
    """Ids of the conversations that were rejected as a whole."""
    return {line.conversation_id for line in lines if line.conversation_id and not line.is_mended}


def _pick(counts: dict[str, Any]) -> Counter[str]:
    return Counter({name: n for name, n in counts.items() if isinstance(n, int)})
