"""One call: what is asked of a model, by what it is known again, and what came of it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from workbench.api.ledger import Caller
from workbench.api.prices import Usage
from workbench.conversation import Message, hash_text

Messages = Sequence[Message | Mapping[str, Any]]

_AROUND = 256
"""Tokens that chat templates put around a prompt, generously: some add a system message."""


class CallError(ValueError):
    """A call has no answer; the message says why, and how to go on."""

    is_lasting = False
    """Whether asking the same again cannot help."""


@dataclass(frozen=True)
class Request:
    """Something to ask a model.

    Example: Request([{"role": "user", "content": "Hello"}], name="scenario-7")
    """

    messages: Messages
    schema: type[BaseModel] | None = None
    """What the answer must fit, if it is to be JSON."""
    repeat: int = 0
    """The same request with another number is another call: for several answers to one question.

    Where the model has a seed, this is added to it, so that the answers can differ.
    """
    max_tokens: int = 0
    """Room for the answer; 0: as the model has it."""
    name: str = ""
    """Yours, to know the answer by. It is not part of what is asked."""
    as_it_comes: bool = False
    """Whether what is cut off at the limit of tokens is an answer too, and silence if it is met
    twice: for a model whose words are under test, not for one that does some work."""
    check: Callable[[Any], str] | None = None
    """What is wrong with an answer that fits its schema; "" if nothing is."""


@dataclass(frozen=True)
class Answer:
    """What came of a request. Reading `text` or `parsed` of one that failed raises CallError."""

    request: Request
    failure: str = ""
    """Why there is no answer; "" if there is one."""
    is_lasting: bool = False
    """Whether asking the same again cannot help: it was refused, or does not fit its room."""
    usage: Usage | None = None
    """Tokens of the reply that was used; None if the provider did not count them."""
    cost_usd: float | None = None
    """What that reply costs, or cost when it came; None if no price is known."""
    seconds: float = 0.0
    is_from_ledger: bool = False
    """Whether it was there already, and so cost nothing now."""
    _text: str = field(default="", repr=False)
    _parsed: Any = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """What the model wrote."""
        return self._require(self._text)

    @property
    def parsed(self) -> Any:
        """The answer as its schema's object."""
        return self._require(self._parsed)

    def _require(self, value: Any) -> Any:
        if self.failure:
            raise CallError(self.failure)
        return value


@dataclass(frozen=True)
class Call:
    """One thing to send, apart from how often it has to be tried."""

    caller: Caller
    endpoint_id: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any]
    """Temperature, seed and the like."""
    max_tokens: int
    format: dict[str, Any] | None = None
    """The form of the answer, for providers that can keep to one."""
    repeat: int = 0
    as_it_comes: bool = False

    @cached_property
    def id(self) -> str:
        """A hash of all that decides the answer: what is asked, of whom, how, in which role."""
        asked = [self.messages, self.parameters, self.max_tokens, self.format, self.repeat]
        # an answer that was cut must not be found by who has no use for it
        asked += ["as it comes"] if self.as_it_comes else []
        given = json.dumps(asked, sort_keys=True)
        who = (self.caller.role, self.caller.model, self.endpoint_id)
        return hash_text(*who, given, digits=32)

    @cached_property
    def most_prompt_tokens(self) -> int:
        """Tokens that the prompt has at most: one a byte of all that is sent, and a template's."""
        sent = [self.messages, self.parameters, self.format]
        return len(json.dumps(sent, ensure_ascii=False).encode()) + _AROUND

    @property
    def likely_prompt_tokens(self) -> int:
        """Tokens that the prompt is likely to have: one for each four letters."""
        return sum(len(str(m.get("content") or "")) // 4 + 4 for m in self.messages) + 4


def plain_messages(messages: Messages) -> list[dict[str, Any]]:
    """Messages as the API wants them.

    Raises:
        CallError: there are none, or one is none.
    """
    plain = [
        m.model_dump() if isinstance(m, BaseModel) else dict(m) if isinstance(m, Mapping) else m
        for m in messages
    ]
    for message in plain:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise CallError(
                f"a message is {str(message)[:60]!r}, but must be like"
                ' {"role": "user", "content": "Hello"}'
            )
        try:
            message["content"].encode()
        except UnicodeEncodeError:
            raise CallError("a message has half a letter (a lone surrogate); mend it") from None
    if not plain:
        raise CallError("there are no messages to answer; give at least one")
    return plain
