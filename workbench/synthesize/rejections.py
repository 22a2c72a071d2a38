"""Rejections: what was not kept at first, and what became of it; and the counts of a writing."""

from collections import Counter
from typing import Any

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from workbench.conversation import Conversation
from workbench.run import Run

FILE = "rejected.jsonl"

GIVEN_UP = "given up"
"""The reason of the last line of a scenario that gets no conversation."""


class Rejection(BaseModel):
    """A conversation that was not kept, or a message that was written anew."""

    conversation_id: str
    scenario_id: str
    step: str
    """The agent's step at which the reading differed, "" if it is none in particular."""
    reason: str
    text: list[str]
    """The conversation; of a message that was written anew, that message as it was."""
    role: str = ""
    """Whose message it was, where a model spoke: teacher or customer."""
    is_mended: bool = False
    """Whether it is about a message that was written anew and then taken."""

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict:
        # a line of a conversation without models stays as it was before any spoke
        own = {"role", "is_mended"}
        return {name: part for name, part in write(self).items() if part or name not in own}

    @property
    def key(self) -> tuple:
        """What it is known by: written twice it counts once."""
        return (self.conversation_id, self.scenario_id, self.step, self.reason, self.role)


def give_up(scenario_id: str) -> Rejection:
    """The line that says that a scenario gets no conversation."""
    return Rejection(conversation_id="", scenario_id=scenario_id, step="", reason=GIVEN_UP, text=[])


def read_rejections(run: Run) -> list[Rejection]:
    """The rejections of a run, each once.

    A resumed writing tries again, and rejects again, what had not been kept when it was killed.
    """
    lines = run.read(FILE, Rejection, missing_ok=True)
    return [*{line.key: line for line in lines}.values()]


def list_done(run: Run) -> set[str]:
    """Ids of the scenarios that have their conversation, or were given up."""
    talks = run.iterate("conversations.jsonl", Conversation, missing_ok=True)
    lost = (r.scenario_id for r in read_rejections(run) if r.reason == GIVEN_UP)
    return {talk.scenario_id for talk in talks} | {*lost}


def count_written(run: Run, n_asked: int) -> dict[str, Any]:
    """How many conversations were asked for, kept, rejected and given up, and where."""
    rejected = read_rejections(run)
    whole = [line for line in rejected if not line.is_mended]
    counts = {
        "asked": n_asked,
        "kept": sum(1 for _ in run.iterate("conversations.jsonl", Conversation, missing_ok=True)),
        "rejected": len({r.conversation_id for r in whole if r.conversation_id}),
        "given_up": sum(r.reason == GIVEN_UP for r in whole),
        "rejected_by_step": dict(Counter(r.step for r in whole if r.step).most_common()),
    }
    mended = sum(r.is_mended for r in rejected)
    return counts | ({"mended": mended} if mended else {})
