"""Talks between people who were told a procedure: labelled turns, one talk a line.

{"id": 1, "happy": true, "turns": [
    ["hidden", "You want to borrow a drill.", null],
    ["user", "Hi, I need a tool", null],
    ["agent", "Hello! Which tool?", "ask_tool"], ...]}
"""

from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from workbench.run import read_jsonl


class Turn(NamedTuple):
    """What one side said or did."""

    speaker: Literal["user", "agent", "hidden", "bank"]
    """`hidden` is what the customer was told to play, `bank` what the agent's system answered."""
    text: str
    label: str | None
    """The action of an agent's turn; None where the agent typed its own words."""


class Dialogue(BaseModel):
    """A talk between two people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: int | str
    happy: bool
    """Whether the customer was to cooperate."""
    turns: list[Turn]

    @property
    def labels(self) -> list[str | None]:
        """The labels of the agent's turns."""
        return [turn.label for turn in self.turns if turn.speaker == "agent"]

    @property
    def is_labelled(self) -> bool:
        """Whether every turn of the agent has a label."""
        return None not in self.labels


def read_dialogues(file: Path) -> list[Dialogue]:
    """Read dialogues, one a line.

    Raises:
        RunError: a line is no dialogue; the message gives its number.
    """
    return read_jsonl(file, Dialogue)
