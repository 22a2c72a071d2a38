"""The parts of a domain as they stand in its files: facts, offers, slots, personas."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from workbench.quantities import NUMBER
from workbench.rules import Needs


class Part(BaseModel):
    """A part of a domain whose hash is made of its repr."""

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        # what needs nothing keeps the hash that it had before parts could need anything
        return [(name, part) for name, part in super().__repr_args__() if part or name != "needs"]


class Fact(Part):
    """A typed record that nodes and side trips cite."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str
    """As it is said, e.g. "20": numbers stay text, so that 010 is not 8."""
    unit: str = ""
    text: str
    """The fact as one sentence."""
    needs: Needs = Field({}, alias="for")
    """What must be on record for a step that cites it to state it. Empty: it always does."""
    source: str = Field("", repr=False)
    """The page that says so, as "title, address"; "": a rule of the domain's own.

    Nothing that is said depends on it, so neither does the fact's hash, which is made of its repr.
    """

    @property
    def is_name(self) -> bool:
        """Whether its value is no plain number but a name, e.g. "Tools > Align" or "5.17.11"."""
        return not NUMBER.fullmatch(self.value)

    def spoken(self) -> str:
        """Value and unit. Example: "20 %" """
        return f"{self.value} {self.unit}".strip()


class Offer(BaseModel):
    """One of the things the agent can offer for what is on record."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str]

    id: str
    value: str | Needs = Field(alias="for")
    """What it is for: one value, e.g. "Lisbon", or values of several slots, e.g. {"size":
    ("small", "large"), "drink": ("mocha",)}."""
    name: str

    def fields(self) -> dict[str, str]:
        """The offer's own fields, e.g. {"price": "420", "nights": "3", "includes": "breakfast"}.

        A field may name facts in braces: they are cited where it is said.
        """
        return dict(self.model_extra or {})

    def list_values(self, slot: str) -> tuple[str, ...]:
        """The values that it is for, as far as they may be a slot's: a plain one names no slot."""
        return (self.value,) if isinstance(self.value, str) else tuple(self.value.get(slot, ()))


class Offering(BaseModel):
    """How offers are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_once: PositiveInt = 2
    """How many at most, the first ones first."""
    again: bool = True
    """Whether all are made again, one more than otherwise, when there are no others left."""


class FactsFile(BaseModel):
    """`facts.yaml`."""

    model_config = ConfigDict(extra="forbid")

    agency: str
    """Who the agent works for."""
    facts: dict[str, Fact]
    offers: list[Offer] = []
    """In the order in which they are made."""
    offering: Offering = Offering()
    offer_units: dict[str, str] = {}
    """Units of the offers' numbers, e.g. {"price": "euros"}."""


class Wordings(BaseModel):
    """Pieces of text split into training and test."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: list[str]
    test: list[str] = []


class SlotTalk(BaseModel):
    """How a slot is asked for, which values it has and how they are said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """What the agent calls it, a singular noun with its article, e.g. "the travel date"."""
    ask: Wordings
    """Noun clauses, e.g. "when you would like to travel"."""
    values: list[str] | Literal["offers"]
    """All values; "offers": those that the offers are for."""
    standard: str | dict[str, str] = "{value}"
    """The form on record, as the agent says it."""
    say: list[str] | dict[str, list[str] | Wordings] = ["{value}"]
    """The forms customers use; a dict is per value, and may keep some for tests."""
    vague: Wordings = Wordings(train=[])
    only: dict[str, Needs] = {}
    """Value to the values of other slots that it can come with, where these are not all."""
    unlike: list[str] = []
    """What begins like a value and is none, e.g. "May I" where months are values."""
    covers: str = ""
    """Field of the offers that a value is never below, e.g. a budget covers the "price"."""

    def on_record(self, value: str) -> str:
        """The standard form of a value. Example: "2" -> "2 people" """
        if isinstance(self.standard, dict):
            return self.standard[value]
        return self.standard.format(value=value)

    @property
    def test_forms(self) -> list[str]:
        """The forms of all values that are kept for tests."""
        split = self.say.values() if isinstance(self.say, dict) else ()
        return [form for forms in split if isinstance(forms, Wordings) for form in forms.test]

    def forms(self, value: str, split: str = "") -> list[str]:
        """The ways in which customers of a split ("": of any) say a value."""
        forms = self.say[value] if isinstance(self.say, dict) else self.say
        if isinstance(forms, Wordings):
            sides = {"train": forms.train, "test": forms.test or forms.train}
            forms = sides.get(split, [*forms.train, *forms.test])
        return [form.format(value=value) for form in forms]


def find_offer_slot(slots: Mapping[str, SlotTalk], offers: Iterable[Offer]) -> str:
    """The slot that offers are for which name one value and no slot; "" if there is none."""
    values = {offer.value for offer in offers if isinstance(offer.value, str)}
    return next((slot for slot, talk in slots.items() if values & set(talk.values)), "")


class Persona(BaseModel):
    """Who the customer is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    manner: str
    description: str = ""
    patience: int = 5
    """Useless replies it bears before it leaves."""
