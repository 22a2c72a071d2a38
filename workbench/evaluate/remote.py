"""Agents over the API: what they are asked for each message, and what that took."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workbench.api.breaker import Patience
from workbench.api.call import Answer, Request
from workbench.api.endpoint import find_endpoint
from workbench.api.spending import raise_cap
from workbench.chat_format import JOINING
from workbench.conversation import Message, hash_text
from workbench.domain import Domain, fill_prompt
from workbench.evaluate.conditions import Reply
from workbench.evaluate.orchestrated import build_graph, open_state, walk_on
from workbench.run import Run

ROOM = 1024
"""Tokens that a baseline's message may have: its limit ends what does not end, and cuts nothing."""

AT_ONCE = 64
"""Talks that are held at once with a provider."""

NEAR = 8
"""The same with a server on this machine, which shares its processors."""

ROLES = ("agent", "served")
"""Who is asked here: a baseline, or the compiled model behind a server. The environment may give
each an address and a key of its own, WORKBENCH_SERVED_API_URL for instance."""

_CUSTOMER = ContextVar("customer", default="")
"""Whose talk a call is for. The nodes of a graph, which all talks share, are not told."""

Speak = Callable[[Sequence[Message]], Awaitable[Reply]]
"""The next message of one talk, whose messages it is given, its system prompt first."""


@dataclass
class RemoteModel:
    """A model over the API as an agent's words: the likeliest, and taken as they come."""

    name: str
    """As its provider calls it, e.g. "gpt-6-sol"."""
    run: Run
    role: str = "agent"
    usd: float = 0.0
    """Dollars that all agents over the API may cost in this run; 0: there is no cap."""
    max_tokens: int = ROOM
    at_once: int = 0
    """Talks that are held with it at once; 0: as its place allows."""
    patience: Patience | None = None
    """None: as its place needs."""

    @property
    def places(self) -> int:
        """Talks that are held with it at once, as it is set or as its place allows."""
        return self.at_once or (NEAR if self.is_near else AT_ONCE)

    @property
    def is_near(self) -> bool:
        """Whether it is asked on this machine."""
        return find_endpoint(self.role).is_near

    @cached_property
    def model(self) -> Any:
        """The open model: see `open_model` for what is raised."""
        from workbench.api.model import open_model

        return open_model(
            f"api/{self.name}",
            self.run,
            self.role,
            raise_cap(self.run, ROLES, self.usd),
            self.max_tokens,
            self.places,
            self.patience,
            temperature=0,
        )

    async def ask(self, messages: list[dict[str, str]]) -> Reply:
        """What the model says to the customer of the talk.

        Another customer's question is another call, in the same words too: all talks begin alike,
        and what the first one took, before any cache knew it, is not what the others take.

        Raises:
            CallError: it says nothing at all, whatever is tried, or declines to.
            StoppedError: no call can be made for now, or the cap is reached.
        """
        repeat = int(hash_text(_CUSTOMER.get()), 16)
        return _as_reply(
            await self.model.answer(Request(messages, repeat=repeat, as_it_comes=True))
        )

    def describe(self) -> dict[str, Any]:
        """Who was asked and how, for the result."""
        line = self.model.line
        with line.spending.ledger.use() as ledger:
            answered_by = ledger.list_answering(line.caller)
        return {
            **self.terms(),
            "answered_by": answered_by,
            "sampling": "the provider's own" if "temperature" in line.turned_down else "greedy",
        }

    def terms(self) -> dict[str, Any]:
        """What must be the same in all talks of a condition."""
        endpoint = find_endpoint(self.role)
        return {"model": self.name, "host": endpoint.host, "max_tokens": self.max_tokens}


@dataclass
class PromptedAgent:
    """A model over the API that sees a system prompt and the talk.

    With `system`, the procedure and all facts, it is a baseline: the prompt begins alike in every
    call of every talk, and what was said follows, so that a provider's cache has all but the last
    message. Without, it is a compiled model behind a server, and sees the talk as it was trained.
    """

    name: str
    model: RemoteModel
    system: str = ""

    def open(self, customer: str) -> Speak:
        """Begin a talk."""

        async def speak(messages: Sequence[Message]) -> Reply:
            _CUSTOMER.set(customer)
            asked = [message.model_dump() for message in messages]
            if self.system:
                shown = [Message(role="system", content=self.system), *messages[1:]]
                asked = complete_turns(shown)
            return await self.model.ask(asked)

        return speak


@dataclass
class LedAgent:
    """A model over the API that an orchestrator leads, as it does the base model."""

    name: str
    model: RemoteModel
    domain: Domain

    @cached_property
    def graph(self) -> Any:
        """The flowchart's langgraph; talks share it, and each has a state of its own."""
        return build_graph(self.domain, self)

    def open(self, customer: str) -> Speak:
        """Begin a talk."""
        state = open_state(self.domain)

        async def speak(messages: Sequence[Message]) -> Reply:
            nonlocal state
            _CUSTOMER.set(customer)
            state = await walk_on(self.graph, self.domain, state, messages)
            return add_up(" ".join(part for part in state["said"] if part), state["calls"])

        return speak

    async def write(self, messages: list[Message]) -> Reply:
        """What the model says at a node."""
        return await self.model.ask(complete_turns(messages))

    async def choose(self, messages: list[Message], options: Sequence[str]) -> Reply:
        """The route that the model takes: who names none is asked again, and then goes the first.

        A model over the API cannot be held to its options token by token.
        """
        asked = [{"role": "user", "content": messages[0].content}]
        first = await self.model.ask(asked)
        if letter := read_letter(first.text, options):
            return add_up(letter, [first])
        again = fill_prompt("orchestrator_router_again", letters=", ".join(options))
        asked += [{"role": "assistant", "content": first.text or "…"}]
        second = await self.model.ask([*asked, {"role": "user", "content": again}])
        letter = read_letter(second.text, options)
        return add_up(letter or options[0], [first, second], unread=not letter)


def complete_turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as every provider takes them: turn by turn, a customer's first and last.

    Some refuse a talk that an agent opens, two messages of one side in a row, or to go on after
    an agent's own. Example: a system prompt alone -> it, and a customer's "Hello."
    """
    turns = [message.model_dump() for message in messages]
    first = next((n for n, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
    if first == len(turns) or turns[first]["role"] == "assistant":
        turns.insert(first, {"role": "user", "content": JOINING})
    joined: list[dict[str, str]] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            joined[-1]["content"] += f" {turn['content']}"
        else:
            joined.append(turn)
    if joined[-1]["role"] == "assistant":
        joined.append({"role": "user", "content": fill_prompt("orchestrator_go_on")})
    return joined


def read_letter(text: str, options: Sequence[str]) -> str:
    """The option that an answer names; "" if none.

    It may give reasons, after a letter that it begins with, or before the last that stands by
    itself; the word "A" is none.
    Example: "Not A, so: **B**" is "B", and so is "B. The order is not complete, so not A."
    """
    text = text.strip()
    if bare := re.fullmatch(r"\W*(\w)\W*", text):
        return bare[1].upper() if bare[1].upper() in options else ""
    first = re.match(r"\W*([A-Z])\W*[-–—.:)*\n]", text)
    if first and first[1] in options:
        return first[1]
    found = re.findall(r"(?<![\w'’])([A-Z])(?![\w'’])(?!\s+[a-z])", text)
    return next((letter for letter in reversed(found) if letter in options), "")


def add_up(text: str, calls: Sequence[Reply], unread: bool = False) -> Reply:
    """A message and what all calls for it took together."""
    costs = [call.cost_usd for call in calls]
    names = ("prompt_tokens", "reply_tokens", "seconds", "cached_tokens", "calls", "unread")
    sums: dict[str, Any] = {name: sum(getattr(call, name) for call in calls) for name in names}
    sums["unread"] += unread
    return Reply(
        text,
        cost_usd=None if None in costs else sum(costs),
        is_counted=all(call.is_counted for call in calls),
        **sums,
    )


def _as_reply(answer: Answer) -> Reply:
    usage = answer.usage
    return Reply(
        answer.text.strip(),
        usage.prompt if usage else 0,
        usage.output if usage else 0,
        answer.seconds,
        cached_tokens=usage.cached if usage else 0,
        cost_usd=answer.cost_usd,
        is_counted=usage is not None,
    )
