"""Speakers: who writes the agent's words and the customer's, the phrase book, a model, or both."""

import re
from dataclasses import dataclass, field
from typing import Any

from workbench.conversation import hash_text, seeded
from workbench.domain import Domain
from workbench.run import Run
from workbench.source import FOR_MODELS
from workbench.synthesize.teacher import NAME

ROLES = ("teacher", "customer")

MAX_TOKENS = {"teacher": 800, "customer": 400}
"""Room for one message; reasoning counts too."""

AT_ONCE = 32
"""Conversations that are under way at the same time."""


class SpeakerError(ValueError):
    """Nobody can speak as asked; the message says why."""

    exit_code = 2


@dataclass(frozen=True)
class Speaker:
    """Who speaks in a role."""

    name: str = NAME
    """As it is asked for, e.g. "phrase_book", "api/gpt-6-sol", "phrase_book+api/gpt-6-sol"."""
    model: str = ""
    """The model over the API, "" if there is none."""
    share: float = 0.0
    """Of the conversations it speaks in that many, the phrase book in the others."""

    @property
    def needs_phrases(self) -> bool:
        """Whether the phrase book is needed."""
        return self.share < 1

    def choose(self, role: str, seed: int, scenario_id: str) -> str:
        """Who speaks in one conversation: the model's name or "phrase_book", by lot."""
        is_model = self.model and seeded(seed, role, scenario_id).random() < self.share
        return self.model if is_model else NAME


@dataclass(frozen=True)
class Cast:
    """Who writes the conversations of a run, and what that may cost."""

    teacher: Speaker = field(default_factory=Speaker)
    customer: Speaker = field(default_factory=Speaker)
    cap_usd: float | None = None
    """What all calls of the run may cost together; None: there is no cap."""
    temperature: float | None = None
    """Of the models; None: as the provider has it."""

    @property
    def models(self) -> dict[str, str]:
        """Role to its model, for the roles that have one."""
        speakers = {"teacher": self.teacher, "customer": self.customer}
        return {role: speaker.model for role, speaker in speakers.items() if speaker.model}

    @property
    def needs_phrases(self) -> bool:
        """Whether anything is said in the phrase book's words."""
        return self.teacher.needs_phrases or self.customer.needs_phrases

    def choose(self, seed: int, scenario_id: str) -> dict[str, str]:
        """Role to who speaks in one conversation: the model's name or "phrase_book", by lot."""
        speakers = {"teacher": self.teacher, "customer": self.customer}
        return {role: who.choose(role, seed, scenario_id) for role, who in speakers.items()}

    def has_model(self, seed: int, scenario_id: str) -> bool:
        """Whether a model speaks in one conversation, be it in one role only."""
        return any(name != NAME for name in self.choose(seed, scenario_id).values())

    def describe_inputs(self, domain: Domain) -> dict[str, Any]:
        """What the conversations rest on beside the scenarios; nothing where no model speaks."""
        if not self.models:
            return {}
        speakers = {"teacher": self.teacher, "customer": self.customer}
        told = {name: text for name, text in hash_told(domain).items() if FOR_MODELS.match(name)}
        return {
            **{role: speaker.name for role, speaker in speakers.items()},
            "model_shares": {role: speakers[role].share for role in self.models},
            "temperature": self.temperature,
            "told": hash_text(sorted(told.items())),
        }

    def open_models(self, run: Run, progress: bool = True) -> dict[str, Any]:
        """Role to its open model, for the roles that have one; says who answers at which price.

        Raises:
            EndpointError: no provider is set.
            CapError: there is a cap, but no price of a model is known.
            LedgerError: the run has calls at another price.
        """
        from workbench.api.model import open_model

        terms = {} if self.temperature is None else {"temperature": self.temperature}
        opened = {
            role: open_model(
                name,
                run,
                role,
                self.cap_usd,
                max_tokens=MAX_TOKENS[role],
                at_once=AT_ONCE,
                **terms,
            )
            for role, name in self.models.items()
        }
        for model in opened.values() if progress else ():
            print(model.describe())
        return opened


def read_cast(
    teacher: str = NAME,
    customer: str = NAME,
    model_share: float = 0.5,
    cap_usd: float = 0.0,
    temperature: float = 0.0,
) -> Cast:
    """The cast of a run as a notebook's parameters say it.

    `model_share` is that of the model where both it and the phrase book speak; 0 dollars mean that
    there is no cap, a temperature of 0 that it is left to the provider.

    Example: read_cast("phrase_book+api/gpt-6-sol", "phrase_book", model_share=0.25, cap_usd=20)

    Raises:
        SpeakerError: a name or a number makes no sense.
    """
    for what, number in (("cap_usd", cap_usd), ("temperature", temperature)):
        if not number >= 0:
            raise SpeakerError(f"{what} is {number}, but must be 0 or more")
    speakers = [
        read_speaker(r, n, model_share) for r, n in zip(ROLES, (teacher, customer), strict=True)
    ]
    return Cast(*speakers, cap_usd or None, temperature or None)


def read_speaker(role: str, name: str, model_share: float = 0.5) -> Speaker:
    """Who speaks, by name; `model_share` counts where the phrase book speaks too.

    Raises:
        SpeakerError: it is nobody, or a share leaves one of two without a word.
    """
    model = name.removeprefix(f"{NAME}+").removesuffix(f"+{NAME}")
    is_mixed = model != name
    if name == NAME:
        return Speaker()
    if not re.fullmatch(r"api/[!-~]{1,200}", model):
        raise SpeakerError(
            f'{role} is "{name}", but must be {NAME}, a model such as api/gpt-6-sol, or both with a'
            f" plus between: {NAME}+api/gpt-6-sol"
        )
    if is_mixed and not 0 < model_share < 1:
        raise SpeakerError(f"model_share is {model_share}, but must lie between 0 and 1")
    return Speaker(name, model, model_share if is_mixed else 1.0)


def hash_told(domain: Domain) -> dict[str, str]:
    """Content hashes of all that models are told, by name, beside the parts of a flowchart."""
    return {name: text for name, text in domain.hashes.items() if name.startswith("prompt.")}
