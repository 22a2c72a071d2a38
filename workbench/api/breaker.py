"""The circuit breaker: one trouble is met once, not by every call that is in flight."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


class StoppedError(ValueError):
    """Calls make no sense for now; the message says why, and how to go on."""


@dataclass(frozen=True)
class Patience:
    """How long troubles are borne."""

    timeout_s: float = 120
    """For one attempt, from sending it to the end of its reply."""
    attempts: int = 8
    """Of one call that a provider in good health does not answer."""
    outage_s: float = 120
    """Without any reply at all, whatever is sent."""
    first_delay_s: float = 0.5
    """Before a second attempt; it doubles with each further one."""
    longest_delay_s: float = 8

    def delay_s(self, n_failed: int) -> float:
        """Seconds to wait after so many failures in a row."""
        return min(self.longest_delay_s, self.first_delay_s * 2 ** min(n_failed - 1, 30))


class Breaker:
    """Lets calls through while a provider answers; after failures in a row, one at a time.

    A stop is for all calls that had begun by then; a later one is given a chance again.
    """

    MANY = 8
    """Failures in a row after which calls are sent one at a time."""

    USELESS = 12
    """Replies in a row that are of no use, after which no more are paid for."""

    def __init__(self, patience: Patience, explain: Callable[[str], str] = str):
        self.patience = patience
        self.explain = explain
        """Makes a whole sentence of a reason to stop."""
        self.round = 0
        """How often it has stopped."""
        self.why = ""
        """What the last stop was for."""
        self._change = asyncio.Event()
        self._begin()

    async def admit(self, begun_in: int) -> None:
        """Wait until an attempt may be sent. Each must be followed by one `report` or `release`.

        Raises:
            StoppedError: there was a stop since the round in which the call began.
        """
        while True:
            self.check(begun_in)
            wait_s = self._resume_at - time.monotonic()
            if wait_s > 0:
                await self._wait(wait_s)
            elif self._n_failed >= self.MANY and self._is_probing:
                await self._wait(None)
            else:
                self._is_probing = self._n_failed >= self.MANY
                return

    def check(self, begun_in: int) -> None:
        """Raise if there was a stop since the round in which a call began."""
        if begun_in != self.round:
            raise StoppedError(self.why)

    def pause(self, wait_s: float) -> None:
        """Let nothing through for a while: the provider asked for it."""
        self._resume_at = max(self._resume_at, time.monotonic() + wait_s)

    def report(self, is_reply: bool, is_useful: bool, trouble: str = "") -> None:
        """Say how an attempt went: whether a reply came, and whether it was of any use.

        `trouble` says what became of it, should it be time to stop.
        """
        now = time.monotonic()
        self._n_useless = 0 if is_useful else self._n_useless + is_reply
        if is_reply:
            self._n_failed, self._failing_since = 0, now
        else:
            self._failing_since = self._failing_since if self._n_failed else now
            self._n_failed += 1
        if self._n_useless >= self.USELESS:
            self.stop(f"{self._n_useless} replies in a row were of no use; the last one {trouble}")
        elif self._n_failed >= self.MANY:
            outage_s = now - self._failing_since
            if outage_s > self.patience.outage_s:
                self.stop(
                    f"it has not answered for {outage_s:.0f} seconds; the last call {trouble}"
                )
            else:
                self.pause(self.patience.delay_s(self._n_failed - self.MANY + 1))
        self.release()

    def release(self) -> None:
        """Let others try: an attempt is over, or was not sent after all."""
        self._is_probing = False
        self._change.set()
        self._change = asyncio.Event()

    def stop(self, why: str) -> None:
        """Send nothing more for the calls that have begun."""
        self.round += 1
        self.why = self.explain(why)
        self._begin()
        self.release()

    def _begin(self) -> None:
        self._n_failed = self._n_useless = 0
        self._resume_at = self._failing_since = 0.0
        self._is_probing = False

    async def _wait(self, wait_s: float | None) -> None:
        # whoever waits hears of a stop at once
        try:
            await asyncio.wait_for(self._change.wait(), wait_s)
        except TimeoutError:
            return
