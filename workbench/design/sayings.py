"""What may be said in training: each wording, and each form of a detail, beside whose it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from workbench.conversation import Act, Label
from workbench.design.renames import Renames
from workbench.domain import Domain

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, order=True)
class Saying:
    """One thing that may be said in training."""

    role: str
    """assistant or user."""

    key: str
    """The phrase book's key, e.g. "opening" or "give(dates)", or "slot/dates"."""

    text: str
    """With {placeholders}."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it in a message, whatever stands for its placeholders."""
        parts = [re.escape(part) for part in _PLACEHOLDER.split(self.text.rstrip("."))[::2]]
        start = r"(?<!\w)" if self.text[:1].isalnum() else ""
        end = r"(?!\w)" if self.text.rstrip(".")[-1:].isalnum() else ""
        # sentences are joined, and their first letters made small or large
        return re.compile(start + r".+?".join(parts) + end, re.IGNORECASE)

    def is_in(self, role: str, text: str, label: Label) -> bool:
        """Whether a message says it: its words are there, and it does what they are for."""
        return role == self.role and self._is_due(label) and bool(self.pattern.search(text))

    def _is_due(self, label: Label) -> bool:
        first = self.key.split("/")[0]
        if first in {"part", "pending", "answers", "slot"}:
            return True
        if self.role == "assistant":
            return first in label.steps
        acts = [Act.parse(act) for act in label.acts]
        said = {act.name for act in acts} | {act.kind for act in acts}
        return {act.removesuffix("_only") for act in self.key.split("+")} <= said


def list_sayings(domain: Domain, renames: Renames | None = None) -> set[Saying]:
    """All that training may say, under today's names."""
    renames = renames or Renames()
    return {*_list_wordings(domain, renames), *_list_forms(domain)}


def _list_wordings(domain: Domain, renames: Renames) -> Iterator[Saying]:
    for role, book in (("assistant", domain.agent), ("user", domain.customer)):
        for key in book.keys:
            for wording in book.wordings(key):
                if wording.split == "train":
                    text = _PLACEHOLDER.sub(
                        lambda found: "{" + renames.facts.get(found[1], found[1]) + "}",
                        wording.text,
                    )
                    yield Saying(role, _rename_key(role, key, renames), text)


def _rename_key(role: str, key: str, renames: Renames) -> str:
    if role == "user":
        return "+".join(sorted(renames.act(act) for act in key.split("+")))
    first, slash, rest = key.partition("/")
    if first == "part":
        return key
    if first in {"pending", "answers"}:
        return f"{first}/{renames.node(rest) if first == 'pending' else renames.fact(rest)}"
    return renames.step(first) + slash + rest


def _list_forms(domain: Domain) -> Iterator[Saying]:
    """How details are asked for, said and put on record."""
    for slot, talk in domain.slots.items():
        key = f"slot/{slot}"
        yield Saying("assistant", key, talk.name)
        yield from (Saying("assistant", key, text) for text in talk.ask.train)
        yield from (Saying("user", key, text) for text in talk.vague.train)
        for value in talk.values:
            yield Saying("assistant", key, talk.on_record(value))
            yield from (Saying("user", key, text) for text in talk.forms(value, "train"))
