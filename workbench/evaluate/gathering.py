"""Model calls of many talks at once, gathered until all of them wait and then answered together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, takewhile
from typing import Protocol

from workbench.conversation import Message
from workbench.models import Reply


class Model(Protocol):
    """What answers the gathered calls; `workbench.models.LocalModel` does."""

    def reply(self, batch: Sequence[Sequence[Message]], max_new_tokens: int) -> list[Reply]:
        """The next message in each conversation."""

    def choose(
        self, batch: Sequence[Sequence[Message]], options: Sequence[Sequence[str]]
    ) -> list[Reply]:
        """One of its options in each conversation."""

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of the prompt that it reads for a conversation."""


@dataclass(frozen=True)
class Call:
    """A talk that waits for the model."""

    messages: list[Message]
    options: tuple[str, ...]
    """What to choose from; empty: the model writes."""
    answer: "asyncio.Future[Reply]"


class PrefixCache:
    """Counts what a cache of prompts' beginnings would have of each prompt, however old.

    It stands for those that providers and servers keep: a prompt is read from where it first
    differs from all that were read before it.
    """

    def __init__(self) -> None:
        self._beginnings: set[int] = set()

    def count(self, prompt: Sequence[int]) -> int:
        """How many of the prompt's first tokens some earlier prompt begins with; it is kept."""
        beginnings = [*accumulate(prompt, lambda so_far, token: hash((so_far, token)), initial=0)]
        known = [*takewhile(self._beginnings.__contains__, beginnings[1:])]
        self._beginnings.update(beginnings[1:])
        return len(known)


@dataclass
class Gatherer:
    """Lets talks that run side by side share a model's batches.

    Every talk must either call or leave: the model runs when no talk is left that does neither.
    A call's cached tokens are those that a `PrefixCache` over all calls would have had; the model
    reads each prompt anew, so its seconds are those without one.
    """

    model: Model
    max_new_tokens: int
    running: int = 0
    """Talks that have not left yet."""
    waiting: list[Call] = field(default_factory=list)
    cache: PrefixCache = field(default_factory=PrefixCache)

    def enter(self, talks: int) -> None:
        """Say how many talks will call; what an interrupted run left is forgotten."""
        self.running, self.waiting = talks, []

    async def write(self, messages: list[Message]) -> Reply:
        """The model's next message in a conversation."""
        return await self._call(messages, ())

    async def choose(self, messages: list[Message], options: Sequence[str]) -> Reply:
        """The option that the model takes in a conversation."""
        return await self._call(messages, tuple(options))

    def leave(self) -> None:
        """Say that a talk calls no more."""
        self.running -= 1
        self._answer_if_all_wait()

    async def _call(self, messages: list[Message], options: tuple[str, ...]) -> Reply:
        call = Call(messages, options, asyncio.get_running_loop().create_future())
        self.waiting.append(call)
        self._answer_if_all_wait()
        return await call.answer

    def _answer_if_all_wait(self) -> None:
        if not self.waiting or len(self.waiting) < self.running:
            return
        calls, self.waiting = self.waiting, []
        choices = [call for call in calls if call.options]
        others = [call for call in calls if not call.options]
        answers: list[Reply] = []
        if choices:
            batch = [call.messages for call in choices]
            answers += self.model.choose(batch, [call.options for call in choices])
        if others:
            answers += self.model.reply([call.messages for call in others], self.max_new_tokens)
        for call, answer in zip([*choices, *others], answers, strict=True):
            cached = self.cache.count(self.model.encode(call.messages))
            call.answer.set_result(replace(answer, cached_tokens=cached))
