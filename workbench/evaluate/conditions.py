"""Conditions: the ways of running the agent that an evaluation compares."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from workbench.conversation import Label, Message, seeded
from workbench.domain import Domain
from workbench.phrases import Voice
from workbench.run import Run
from workbench.synthesize.talk import Talk
from workbench.synthesize.teacher import PhraseBookAgent

Key = tuple[str, str]
"""Stratum and scenario id."""


@dataclass(frozen=True)
class Reply:
    """One message of an agent and what it cost."""

    text: str
    prompt_tokens: int = 0
    reply_tokens: int = 0
    seconds: float = 0.0
    label: Label | None = None
    """What a scripted agent means by it."""
    fault: str = ""
    """What a scripted agent does wrong in it, on purpose."""
    cached_tokens: int = 0
    """Of the prompt's tokens those that were remembered or shared, and not read for it."""
    calls: int = 1
    """How often a model was asked for it."""
    cost_usd: float | None = None
    """What a provider takes for it; None: nobody is paid by the token, or no price is known."""
    is_counted: bool = True
    """Whether all its tokens are known; some providers do not count them."""
    reading_s: float = 0.0
    """Of its seconds those in which prompts were read, where that is known."""
    unread: int = 0
    """How often an orchestrator's router gave an answer that names no route."""


@runtime_checkable
class Agent(Protocol):
    """Something that replies in many talks at once."""

    name: str
    is_scripted: bool
    has_true_ears: bool
    """The customer is told what the agent means, instead of reading it off the words."""

    def begin(self, talks: dict[Key, Talk]) -> None:
        """Get ready for these talks."""

    def reply(self, talks: dict[Key, Talk]) -> dict[Key, Reply]:
        """The next message in each talk."""


def name_local(run: Run) -> str:
    """The condition in which a run's compiled model meets the customers of another run.

    Example: "local/travel_booking/demo"
    """
    return f"local/{run.domain}/{run.name}"


@dataclass
class ModelAgent:
    """A model that sees a system prompt and the talk.

    `compiled` and `floor/base` see the talk's own system prompt, of one line; `in_context/base`
    sees `system` in its place, which the talk and its customer never see.
    """

    name: str
    folder: Path
    max_new_tokens: int = 160
    system: str = ""
    """What stands in the place of the talk's system prompt; empty: nothing does."""
    identity: str = ""
    """By which a model that is not of the run itself is known again."""
    is_scripted: bool = False
    has_true_ears: bool = False

    def begin(self, talks: dict[Key, Talk]) -> None:
        from workbench.models import LocalModel

        self.model = LocalModel(self.folder).load()

    def reply(self, talks: dict[Key, Talk]) -> dict[Key, Reply]:
        batch = [self._shown(talk.messages) for talk in talks.values()]
        replies = self.model.reply(batch, self.max_new_tokens, list(talks))
        return {
            key: Reply(
                reply.text or "…",
                reply.prompt_tokens,
                reply.reply_tokens,
                reply.seconds,
                cached_tokens=reply.cached_tokens,
                reading_s=reply.reading_s,
            )
            for key, reply in zip(talks, replies, strict=True)
        }

    def _shown(self, messages: list[Message]) -> list[Message]:
        """The talk as the model sees it."""
        if not self.system:
            return messages
        return [Message(role="system", content=self.system), *messages[1:]]


@dataclass
class Walker:
    """The scripted agent that follows the flowchart, in wordings that training never showed.

    With true ears it checks the harness; through the recognizer it checks the reading.
    """

    domain: Domain
    name: str = "walker"
    has_true_ears: bool = False
    is_scripted: bool = True
    agents: dict[Key, PhraseBookAgent] = field(default_factory=dict)

    def begin(self, talks: dict[Key, Talk]) -> None:
        self.agents = {
            key: PhraseBookAgent(self.domain, Voice("test"), seeded(0, "walker", "/".join(key)))
            for key in talks
        }

    def reply(self, talks: dict[Key, Talk]) -> dict[Key, Reply]:
        return {key: self._say(key, talk) for key, talk in talks.items()}

    def _say(self, key: Key, talk: Talk) -> Reply:
        text, label = self.agents[key].reply(talk.record, talk.acts)
        return Reply(text, label=label)
