"""Spending: no attempt is sent before the most that it may cost fits under the cap."""

import asyncio
import os
from collections.abc import Collection
from typing import Any
from weakref import WeakValueDictionary

from workbench.api.breaker import StoppedError
from workbench.api.ledger import Caller, Ledger, Tally
from workbench.api.prices import Price, dollars
from workbench.run import Run

_OPEN: WeakValueDictionary[tuple[int, str], "Spending"] = WeakValueDictionary()


class CapError(StoppedError):
    """The next call might cost more than is left."""


class Spending:
    """A run's money: all roles and models together, what was spent in earlier sessions included.

    Get one with `open_spending`, so that all models of a run share it. It is used in one thread.
    """

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self._change = asyncio.Event()

    async def reserve(
        self,
        call_id: str,
        caller: Caller,
        price: Price | None,
        most_usd: float | None,
        cap_usd: float | None,
    ) -> int:
        """Set the most that an attempt may cost aside and write it down; the attempt's number.

        Where it does not fit beside what is in flight, it waits: most replies cost less than was
        set aside for them.

        Raises:
            CapError: nothing is in flight, and it does not fit.
        """
        ledger = self.ledger
        while cap_usd is not None and ledger.committed_usd + (most_usd or 0.0) > cap_usd:
            if not ledger.in_flight:
                raise CapError(
                    f"the cap of {dollars(cap_usd)} is reached: this run has cost"
                    f" {dollars(ledger.committed_usd)}, and the next call of the"
                    f" {caller.role} may cost {dollars(most_usd)}; raise cap_usd and run this"
                    f" again: it goes on from here, and what is in {ledger.file} is not paid twice"
                )
            await self._change.wait()
        return ledger.reserve(call_id, caller, price and price.terms(), most_usd)

    def settle(self, call_id: str, attempt: int, state: str, **facts: Any) -> None:
        """Write down what became of an attempt, and let those go on that wait for room."""
        try:
            self.ledger.settle(call_id, attempt, state, **facts)
        finally:
            self._change.set()
            self._change = asyncio.Event()


def open_spending(run: Run) -> Spending:
    """The one account of a run in this process."""
    # a fork must not go on with the file that its parent has open
    key = (os.getpid(), str(run.folder.resolve()))
    spending = _OPEN.get(key)
    if spending is None:
        spending = _OPEN[key] = Spending(Ledger(run))
    return spending


def raise_cap(run: Run, roles: Collection[str], usd: float) -> float | None:
    """The cap under which these roles may spend so much; 0 is none, and there is no cap.

    A cap is the whole run's. What other roles have spent must not be what these may not.
    """
    if not usd:
        return None
    ledger = open_spending(run).ledger
    if not ledger.file.exists():
        return usd
    with ledger.use():
        return usd + ledger.committed_usd - ledger.count_spent(roles)


def tally_calls(run: Run) -> list[Tally]:
    """What the calls of a run took, by role and model; [] if none were made.

    Example: print(*tally_calls(run), sep="\\n")
    """
    ledger = open_spending(run).ledger
    return ledger.tally() if ledger.file.exists() else []
