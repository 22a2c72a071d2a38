"""Another model that is told the same in a talk under way, and what it answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workbench.conversation import Message
from workbench.models import LocalModel, ModelError


class Speaker(Protocol):
    """What can be talked with: a `LocalModel`, or whatever writes a reply bit by bit."""

    def stream(self, messages: Sequence[Message], max_new_tokens: int) -> Iterator[str]:
        """The reply so far, again and again; the last is the whole of it."""


def fits(model: Speaker, messages: Sequence[Message], max_new_tokens: int) -> bool:
    """Whether a model can read these and reply; of what is no `LocalModel` nobody knows."""
    if not isinstance(model, LocalModel):
        return True
    return len(model.encode(messages)) + max_new_tokens <= model.most_tokens


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

        Raises:
            ModelError: that is more than it can read.
        """
        messages = list(self.prompt)
        for n in range(len(said) + 1):
            heard = tuple(said[:n])
            messages += [Message(role="user", content=text) for text in said[n - 1 : n] if n]
            if heard not in self._replies:
                model = self.load()
                if not fits(model, messages, max_new_tokens):
                    raise ModelError(f"{self.name} cannot read so long a talk after its prompt")
                *_, self._replies[heard] = model.stream(messages, max_new_tokens)
            messages.append(Message(role="assistant", content=self._replies[heard]))
        return messages
