"""Conversations: messages as TRL and the API have them, and the labels that stand beside them."""

import hashlib
import random
import re
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, Field

_ACT = re.compile(r"(?P<kind>[a-z_][a-z0-9_]*)(?:\((?P<target>[^=()]*)(?:=(?P<value>[^()]*))?\))?")

UNCLEAR = "unclear"
"""Kind of act of a customer's message that could not be read: what follows on it is not judged."""


@dataclass(frozen=True)
class Act:
    """What a customer's message does, e.g. `give(destination=Lisbon)`, `ask(deposit)`, `leave`."""

    kind: str
    """give, vague, revise, drop, choose, reject, ask, leave, confirm, ..."""

    target: str = ""
    """The slot, fact or offer it is about."""

    value: str = ""
    """The value given, in the domain's standard form."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an act back. Example: "give(dates=early June)" -> Act("give", "dates", "early June")

        Raises:
            ValueError: `text` is not an act.
        """
        found = _ACT.fullmatch(text)
        if not found:
            raise ValueError(f'"{text}" is not an act such as "leave" or "give(size=small)"')
        return cls(**{name: part or "" for name, part in found.groupdict().items()})

    @property
    def name(self) -> str:
        """The act without its value, e.g. "give(destination)"."""
        return f"{self.kind}({self.target})" if self.target else self.kind

    def __str__(self) -> str:
        return f"{self.kind}({self.target}={self.value})" if self.value else self.name


class Message(BaseModel):
    """One message, in the schema of TRL and of the chat API."""

    role: Literal["system", "user", "assistant"]
    content: str


class Label(BaseModel):
    """What one message does. Stands beside the text, never in it."""

    steps: list[str] = []
    """Agent: the steps it realizes in order, each `node` or `hub.route`."""

    asks: list[str] = []
    """Agent: the slots it asks for."""

    facts: list[str] = []
    """Agent: ids of the facts that are due in it."""

    acts: list[str] = []
    """Customer: its acts, e.g. "give(destination=Lisbon)"."""

    def parsed_acts(self) -> list[Act]:
        """The acts, parsed."""
        return [Act.parse(act) for act in self.acts]


class Conversation(BaseModel):
    """One conversation: system, assistant, user, assistant, ... The agent opens and closes."""

    conversation_id: str
    scenario_id: str
    path_id: str
    split: Literal["train", "valid", "test"]
    teacher: str
    """Who wrote the agent's words, e.g. "phrase_book", "api/gpt-6-sol"."""
    customer: str = "phrase_book"
    """Who wrote the customer's."""

    messages: list[Message]
    labels: list[Label] = Field(description="one per message, empty for the system's")
    hashes: dict[str, str] = {}
    """Content hash of each node, route, fact and prompt it used."""

    def walk(self) -> list[list[str]]:
        """The agent's steps message by message, without side trips and messages of nothing else."""
        taken = [
            [step for step in label.steps if not step.startswith("anywhere.")]
            for label in self.agent_labels()
        ]
        return [steps for steps in taken if steps]

    def agent_labels(self) -> list[Label]:
        """Labels of the agent's messages, in order."""
        return [
            label
            for message, label in zip(self.messages, self.labels, strict=True)
            if message.role == "assistant"
        ]


def hash_text(*parts: object, digits: int = 10) -> str:
    """A short content hash in hex. Example: hash_text("a", 1) is the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def seeded(seed: int, stage: str, item: str) -> random.Random:
    """The one random generator of an item, the same whatever was made before it."""
    return random.Random(hash_text(seed, stage, item, digits=32))
