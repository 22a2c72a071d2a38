"""Another model that is told the same in a talk under way, and what it answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workbench.conversation import Message


class Speaker(Protocol):
    """What can be talked with: a `LocalModel`, or whatever writes a reply bit by bit."""

    def stream(self, messages: Sequence[Message], max_new_tokens: int) -> Iterator[str]:
        """The reply so far, again and again; the last is the whole of it."""


@dataclass
class Baseline:
    """A model with its prompt, in a talk of its own."""

    name: str
    """The condition, e.g. "floor/base"."""

    load: Callable[[], Speaker]
    """Gives the model; called when it is first asked, as its weights take memory."""

    prompt: Sequence[Message]
    """What it reads before the talk."""

    _replies: dict[tuple[str, ...], str] = field(default_factory=dict)

    def answer(self, said: Sequence[str], max_new_tokens: int) -> list[Message]:
        """Its talk with somebody who says these things one after the other; it opens and closes.

        What it has answered once is kept, so that taking something back costs nothing.
        """
        messages = list(self.prompt)
        for n in range(len(said) + 1):
            heard = tuple(said[:n])
            messages += [Message(role="user", content=text) for text in said[n - 1 : n] if n]
            if heard not in self._replies:
                *_, self._replies[heard] = self.load().stream(messages, max_new_tokens)
            messages.append(Message(role="assistant", content=self._replies[heard]))
        return messages
