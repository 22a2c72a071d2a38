"""Calling: a call is tried until it has an answer, or until trying makes no sense any more."""

import asyncio
import random
import re
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import Any

from workbench.api.breaker import Breaker, Patience, StoppedError
from workbench.api.call import Call, CallError
from workbench.api.endpoint import Endpoint
from workbench.api.ledger import Caller, Entry
from workbench.api.portal import hang_up, start_attempt
from workbench.api.prices import Price, dollars
from workbench.api.sending import Outcome, send
from workbench.api.spending import Spending

USELESS_ATTEMPTS = 4
"""Replies of no use that are paid for before a call is given up."""

LIMITED_ATTEMPTS = 30
"""Times that a call may be one of too many before it is given up."""

ROOM_TO_THINK = 8
"""Times its room that an answer gets where thoughts have used that up: nobody can tell beforehand
how long a model thinks. What is merely long gets twice its room."""

_UNKNOWN = re.compile("unsupported|not supported|un(?:known|recognized|expected)|extra", re.I)
_FORMAT = re.compile("response_format|json_schema|invalid schema", re.I)
_LEFT_OUT = re.compile(r"\b(?:temperature|top_p|seed)\b")
"""Parameters that some models leave to themselves: without them they can be asked."""
_WAYS_OUT = {
    "key": "refused the key; put a valid one into {key}",
    "money": "says that the account is out of money; top it up or use another account",
    "model": "does not know the model, or is no such endpoint; mend its name or the address",
    "client": "cannot be called from here; mend the proxy or certificates in the environment",
    "": "cannot be used for now: {why}; see whether it is up",
}


class Line:
    """The line to one model at one provider: bounded, patient, and paid for within the cap.

    Used in the portal's thread only.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        caller: Caller,
        price: Price | None,
        spending: Spending,
        cap_usd: float | None,
        at_once: int,
        patience: Patience,
    ):
        self.endpoint, self.caller, self.price = endpoint, caller, price
        self.spending, self.cap_usd, self.patience = spending, cap_usd, patience
        self.breaker = Breaker(patience, self._explain)
        self._places = asyncio.Semaphore(at_once)
        self._same: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._client: Any = None
        is_openai = endpoint.host.endswith(("openai.com", "azure.com"))
        self._limit_name = "max_completion_tokens" if is_openai else "max_tokens"
        self._has_formats, self._has_swapped = True, False
        self.turned_down: set[str] = set()
        """Parameters that the model would not take, and is asked without."""
        self.is_thinker = False
        """Whether its thoughts have used the room up once: it has more from the start then."""

    async def complete(self, call: Call) -> tuple[Entry, bool]:
        """The call's answer, and whether it was in the ledger already.

        Raises:
            CallError: this call has no answer.
            StoppedError: no call can be made for now; everything that came is kept.
            RunError: another process is making calls for this run.
        """
        lock = self._same.setdefault(call.id, asyncio.Lock())
        with self.spending.ledger.use() as ledger:
            # who asks the same at the same time waits for the one answer
            async with lock:
                if known := ledger.find(call.id):
                    return known, True
                return await self._try(call), False

    async def _try(self, call: Call) -> Entry:
        begun_in = self.breaker.round
        n_failed = n_useless = n_limited = n_silent = 0
        max_tokens = call.max_tokens * (ROOM_TO_THINK if self.is_thinker else 1)
        while True:
            way = self._way()
            takes_silence = call.as_it_comes and n_silent > 0
            outcome = await self._attempt(call, max_tokens, begun_in, way, takes_silence)
            # what came is on record; that something is amiss should be known at once
            self.breaker.check(begun_in)
            if outcome.state in ("answered", "refused"):
                return self.spending.ledger.find(call.id)
            if self._adapts(outcome, way):
                continue
            n_silent += outcome.is_silent or outcome.is_cut
            self.is_thinker |= outcome.is_cut and outcome.is_thinking
            more = call.max_tokens * (ROOM_TO_THINK if outcome.is_thinking else 2)
            # silence must be met twice, though there may be no more room to give
            if outcome.is_cut and (max_tokens < more or (call.as_it_comes and n_silent == 1)):
                max_tokens = max(max_tokens, more)
                continue
            n_useless += outcome.state == "unusable"
            n_limited += outcome.is_limited
            n_failed += 1
            if (
                outcome.is_final
                or outcome.is_cut
                or n_useless >= USELESS_ATTEMPTS
                or n_limited >= LIMITED_ATTEMPTS
                or n_failed - n_limited >= self.patience.attempts
            ):
                error = CallError(self._give_up(outcome, max_tokens, n_failed))
                error.is_lasting = outcome.is_final or outcome.is_cut
                raise error
            await self._wait(outcome, n_failed)

    async def _attempt(
        self, call: Call, max_tokens: int, begun_in: int, way: tuple, takes_silence: bool
    ) -> Outcome:
        """One attempt, once there is a place, the provider is well and there is money for it."""
        # before anything is set aside for it
        client, body = self._connect(), self._body(call, max_tokens, way)
        await self._places.acquire()
        is_sent = False
        try:
            await self.breaker.admit(begun_in)
            most = self.most_usd(call, max_tokens)
            try:
                attempt = await self.spending.reserve(
                    call.id, self.caller, self.price, most, self.cap_usd
                )
                # while it waited for money the others may have learnt that it is of no use
                is_late = begun_in != self.breaker.round
                if is_late:
                    self.spending.settle(call.id, attempt, "failed", reason="was not sent")
                    self.breaker.check(begun_in)
                sending = self._send(call, attempt, client, body, most, way, takes_silence)
                task = start_attempt(sending)
                is_sent = True
            finally:
                if not is_sent:
                    self.breaker.release()
        finally:
            if not is_sent:
                self._places.release()
        return await asyncio.shield(task)

    async def _send(
        self,
        call: Call,
        attempt: int,
        client: Any,
        body: dict[str, Any],
        most_usd: float | None,
        way: tuple,
        takes_silence: bool,
    ) -> Outcome:
        settle = self.spending.settle
        with self.spending.ledger.use():
            try:
                outcome = await send(client, body, self.patience.timeout_s)
            except asyncio.CancelledError:
                settle(call.id, attempt, "unknown", reason="was broken off")
                self.breaker.release()
                raise
            finally:
                self._places.release()
            if call.as_it_comes:
                outcome = _take(outcome, takes_silence)
            cost = outcome.usage and self.price and self.price.cost(outcome.usage)
            scrub = self.endpoint.scrub
            try:
                settle(
                    call.id,
                    attempt,
                    outcome.state,
                    usage=outcome.usage,
                    cost_usd=cost,
                    seconds=outcome.seconds,
                    answer=scrub(outcome.text) or None,
                    answered_by=scrub(outcome.answered_by or "") or None,
                    reason=scrub(outcome.trouble) or None,
                )
            finally:
                self._report(outcome, way)
            if cost and most_usd is not None and cost > most_usd * (1 + 1e-9):
                n_most = body[way[0]]
                self.breaker.stop(f"it wrote more than the {n_most} tokens it was asked for")
            return outcome

    def most_usd(self, call: Call, max_tokens: int) -> float | None:
        """Dollars that one attempt can cost at most; None: no price is known."""
        return self.price and self.price.most(call.most_prompt_tokens, max_tokens)

    def describe_cost(self) -> str:
        """What the run has cost so far, for a progress bar. Example: "$0.12 of $5.00"."""
        if self.price is None:
            return "price unknown"
        cap = "" if self.cap_usd is None else f" of {dollars(self.cap_usd)}"
        return dollars(self.spending.ledger.committed_usd) + cap

    def _connect(self) -> Any:
        if self._client is None:
            from openai import AsyncOpenAI

            # retries are ours: one that is made out of sight may be paid for out of sight
            with suppress(Exception):
                self._client = AsyncOpenAI(
                    api_key=self.endpoint.key,
                    base_url=self.endpoint.base,
                    default_query=self.endpoint.query,
                    max_retries=0,
                )
            # what is wrong would quote a proxy's address, with its password
            if self._client is None:
                raise StoppedError(self._explain("client"))
            self.endpoint.keep_out_of_logs()
            # its connections go when nobody has the line any more
            weakref.finalize(self, hang_up, self._client).atexit = False
        return self._client

    def _way(self) -> tuple[str, bool, frozenset[str]]:
        """How the provider is asked, as far as it has been learnt how it wants to be."""
        return self._limit_name, self._has_formats, frozenset(self.turned_down)

    def _body(self, call: Call, max_tokens: int, way: tuple) -> dict[str, Any]:
        limit_name, has_formats, turned_down = way
        own = {name: value for name, value in call.parameters.items() if name not in turned_down}
        body = {"model": self.caller.model, "messages": call.messages, **own}
        body[limit_name] = max_tokens
        if call.format and has_formats:
            body["response_format"] = call.format
        return body

    def _adapts(self, outcome: Outcome, way: tuple) -> bool:
        """Whether the provider turned down how it was asked, and can be asked otherwise."""
        if not outcome.is_final or outcome.stop:
            return False
        limit_name, has_formats, _ = way
        # one that is merely too large must not become one that the provider does not know
        is_unknown = limit_name in outcome.trouble and _UNKNOWN.search(outcome.trouble)
        if is_unknown and limit_name == self._limit_name and not self._has_swapped:
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
            self._has_swapped, self._limit_name = True, other[limit_name]
        if has_formats and _FORMAT.search(outcome.trouble):
            self._has_formats = False
        if _UNKNOWN.search(outcome.trouble):
            self.turned_down.update(_LEFT_OUT.findall(outcome.trouble))
        return way != self._way()

    def _report(self, outcome: Outcome, way: tuple) -> None:
        breaker, trouble = self.breaker, self.endpoint.scrub(outcome.trouble)
        if outcome.stop:
            breaker.stop(outcome.stop)
            return
        if self._adapts(outcome, way):
            breaker.release()
            return
        if outcome.wait_s is not None:
            if outcome.wait_s > self.patience.outage_s:
                breaker.stop(f"it asks to wait for {outcome.wait_s:.0f} seconds")
                return
            breaker.pause(outcome.wait_s)
        is_useful = outcome.state in ("answered", "refused")
        is_reply = is_useful or outcome.is_final or outcome.state == "unusable"
        breaker.report(is_reply, is_useful, trouble)

    async def _wait(self, outcome: Outcome, n_failed: int) -> None:
        delay_s = self.patience.delay_s(n_failed) * random.uniform(0.75, 1)
        # what the provider asked for, the breaker sees to
        await asyncio.sleep(max(0.0, delay_s - (outcome.wait_s or 0.0)))

    def _give_up(self, outcome: Outcome, max_tokens: int, n_failed: int) -> str:
        way_out = "run this again to try once more"
        if outcome.is_cut:
            way_out = f"give it more than {max_tokens} tokens with max_tokens"
        elif outcome.is_final:
            way_out = "change what is asked, or the model"
        times = "" if n_failed == 1 else f" at the last of {n_failed} attempts"
        trouble = self.endpoint.scrub(outcome.trouble)
        return f"a call of the {self._who()} {trouble}{times}; {way_out}"

    def _who(self) -> str:
        return f"{self.caller.role} (api/{self.caller.model} at {self.caller.host})"

    def _explain(self, why: str) -> str:
        """The sentence of a stop."""
        way_out = _WAYS_OUT.get(why, _WAYS_OUT[""]).format(why=why, key=self.endpoint.variable)
        ledger = self.spending.ledger
        cost = f" (this run has cost at most {dollars(ledger.committed_usd)})" if self.price else ""
        return (
            f"the provider of the {self._who()} {way_out}, and run this again: it goes on from"
            f" here, and the replies in {ledger.file} are not paid twice{cost}"
        )


def _take(outcome: Outcome, takes_silence: bool) -> Outcome:
    """What came as an answer, if it has words or silence is one too; what was amiss stays noted.

    Who was cut off without a word said none: only who thinks might speak if there was more room.
    """
    is_said = outcome.is_cut and (outcome.text.strip() or not outcome.is_thinking)
    if not is_said and not (takes_silence and (outcome.is_silent or outcome.is_cut)):
        return outcome
    return replace(outcome, state="answered", is_cut=False, is_silent=False)
