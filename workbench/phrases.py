"""The phrase book: many ways of saying each step and act, split into training and test wordings."""

import random
import string
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from workbench.conversation import hash_text

FOLDS = 3
"""Each conversation speaks from one fold of the training wordings and is checked by the others."""

T = TypeVar("T")

MANNERS = ("terse", "chatty", "formal", "anxious", "blunt", "curt")
"""Manners of speaking. "curt" is that of customers who answer in a word or two."""

DEMANDS = ("skip", "authority", "play", "reveal", "paste", "tokens")
"""What a customer's take_over(...) is: skip steps, claim authority, have the agent play a part,
have the procedure revealed, paste foreign instructions, write control tokens."""


@dataclass(frozen=True)
class Wording:
    """One way of saying something, with {placeholders}."""

    text: str
    split: Literal["train", "test"]
    """Test wordings never reach a training row."""
    manner: str = ""
    """terse, chatty, ...; empty: any."""

    # looked up for every sentence that is said, so worked out once
    @cached_property
    def fold(self) -> int:
        """Which part of the training wordings it belongs to: by its text, not by its place."""
        return int(hash_text(self.text), 16) % FOLDS

    @cached_property
    def id(self) -> str:
        """What it is known by. Of the text alone: another place or manner leaves it as it is."""
        return hash_text(self.text, digits=8)

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """Names in braces. Example: "To {destination}!" -> {"destination"}"""
        return frozenset(find_placeholders(self.text))


def find_placeholders(text: str) -> list[str]:
    """Names in braces, in order. Example: "From {price} on" -> ["price"]"""
    return [name for _, name, _, _ in string.Formatter().parse(text) if name]


def _by_manner(wordings: list[str] | dict[str, list[str]]) -> dict[str, list[str]]:
    return wordings if isinstance(wordings, dict) else {"": wordings}


ByManner = Annotated[dict[str, list[str]], BeforeValidator(_by_manner)]


class Entry(BaseModel):
    """One entry of a phrase book's file: what is said, and the wordings for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: tuple[str, ...] = ()
    """Agent steps that share these wordings."""
    acts: tuple[str, ...] = ()
    """Customer acts that one of these sentences does together."""
    part: str = ""
    """A piece that goes with other wordings: offer, noted, lacking, unclear, hello, lead, ..."""
    pending: str = ""
    """The user node whose question is put again."""
    answers: str = ""
    """The fact these wordings state."""
    slot: str = ""
    """The slot it is about, for a step that has wordings per slot."""
    single: bool = False
    """For one further offer rather than several."""
    train: ByManner = {}
    test: ByManner = {}

    def list_keys(self) -> list[str]:
        """What the entry is looked up by, e.g. "opening", "give(dates)+give(travellers)"."""
        if self.steps:
            tail = (f"/{self.slot}" if self.slot else "") + ("/single" if self.single else "")
            return [step + tail for step in self.steps]
        if self.acts:
            return ["+".join(sorted(self.acts))]
        kinds = {"part": self.part, "pending": self.pending, "answers": self.answers}
        return [f"{kind}/{name}" for kind, name in kinds.items() if name]

    def wordings(self) -> list[Wording]:
        """All wordings, training first."""
        return [
            Wording(text, split, manner)
            for split, lists in (("train", self.train), ("test", self.test))
            for manner, texts in lists.items()
            for text in texts
        ]


@dataclass(frozen=True)
class Voice:
    """Which wordings a speaker may use."""

    split: Literal["train", "test"] = "train"
    fold: int | None = None
    """One fold of the training wordings; None: all of them."""
    manner: str = ""
    is_settled: bool = False
    """Whether what may be said in several ways is always said in the first of them."""

    def choose(self, options: Sequence[T], rng: random.Random) -> T:
        """One of the options: any, or the first of them if the voice is settled."""
        return options[0] if self.is_settled else rng.choices(options)[0]

    def admits(self, wording: Wording) -> bool:
        """Whether split and fold allow the wording."""
        if wording.split != self.split:
            return False
        return self.split == "test" or self.fold is None or wording.fold == self.fold


@dataclass
class PhraseBook:
    """Wordings by key. Keys of steps that share an entry share its wordings."""

    entries: list[Entry]
    _by_key: dict[str, list[Wording]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for entry in self.entries:
            for key in entry.list_keys():
                self._by_key.setdefault(key, []).extend(entry.wordings())
        self._admitted: dict[tuple[str, Voice], list[Wording]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    @property
    def keys(self) -> list[str]:
        """All keys, in the order of the files."""
        return list(self._by_key)

    def wordings(self, key: str, voice: Voice | None = None) -> list[Wording]:
        """Wordings of `key` that the voice admits; all training wordings if its fold has none.

        Raises:
            ValueError: the phrase book has no such entry, or none that training may use.
        """
        if key not in self._by_key:
            raise ValueError(f'the phrase book has no wording for "{key}"; add an entry for it')
        if voice is None:
            return self._by_key[key]
        if (key, voice) not in self._admitted:
            found = [wording for wording in self._by_key[key] if voice.admits(wording)]
            found = found or [w for w in self._by_key[key] if w.split == voice.split]
            if not found and voice.split == "train":
                raise ValueError(f'all wordings for "{key}" are kept for tests')
            self._admitted[key, voice] = found or self._by_key[key]
        return self._admitted[key, voice]

    def pick(
        self,
        key: str,
        voice: Voice,
        rng: random.Random,
        values: Mapping[str, object] | None = None,
        dealt: str = "",
        needed: Collection[str] = (),
    ) -> str:
        """One wording of `key`, usually in the voice's manner, filled with `values`.

        Wordings that need a value which is not known, or leave out one that is `needed`, are passed
        over; where a fold has no others, those of all folds do. The one whose id is `dealt` is
        taken, if the voice admits it.
        """
        known = set(values or {})
        for own in (voice, replace(voice, fold=None)):
            fitting = [w for w in self.wordings(key, own) if w.placeholders <= known]
            fitting = [w for w in fitting if w.placeholders.issuperset(needed)]
            if fitting:
                break
        if dealt:
            fitting = [w for w in fitting if w.id == dealt] or fitting
        mannered = [w for w in fitting if w.manner == voice.manner]
        if mannered and rng.random() < 0.8:
            fitting = mannered
        if not fitting:
            raise ValueError(f'every wording for "{key}" needs more than {sorted(known)}')
        return voice.choose(fitting, rng).text.format_map(dict(values or {}))

    def shared_steps(self) -> list[tuple[str, ...]]:
        """Groups of steps that cannot be told apart by their words."""
        return [entry.steps for entry in self.entries if len(entry.steps) > 1]


def join_clauses(clauses: Iterable[str], last: str = "and", comma: str = ", ") -> str:
    """Example: join_clauses(["a", "b", "c"]) -> "a, b and c" """
    *head, tail = list(clauses)
    return f"{comma.join(head)} {last} {tail}" if head else tail
