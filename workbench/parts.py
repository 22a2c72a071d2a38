"""The parts of a domain as they stand in its files: facts, offers, slots, personas."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Fact(BaseModel):
    """A typed record that nodes and side trips cite."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str
    """As it is said, e.g. "20": numbers stay text, so that 010 is not 8."""
    unit: str = ""
    text: str
    """The fact as one sentence."""
    source: str = Field("", repr=False)
    """The page that says so, as "title, address"; "": a rule of the domain's own.

    Nothing that is said depends on it, so neither does the fact's hash, which is made of its repr.
    """

    def spoken(self) -> str:
        """Value and unit. Example: "20 %" """
        return f"{self.value} {self.unit}".strip()


class Offer(BaseModel):
    """One of the things the agent can offer for a value of the offer slot."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, str]

    id: str
    value: str = Field(alias="for")
    """The slot value it is for, e.g. "Lisbon"."""
    name: str

    def fields(self) -> dict[str, str]:
        """The offer's own fields, e.g. {"price": "420", "nights": "3", "includes": "breakfast"}."""
        return dict(self.model_extra or {})


class FactsFile(BaseModel):
    """`facts.yaml`."""

    model_config = ConfigDict(extra="forbid")

    agency: str
    """Who the agent works for."""
    facts: dict[str, Fact]
    offers: list[Offer] = []
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
    say: list[str] | dict[str, list[str]] = ["{value}"]
    """The forms customers use; a dict is per value."""
    vague: Wordings = Wordings(train=[])
    covers: str = ""
    """Field of the offers that a value is never below, e.g. a budget covers the "price"."""

    def on_record(self, value: str) -> str:
        """The standard form of a value. Example: "2" -> "2 people" """
        if isinstance(self.standard, dict):
            return self.standard[value]
        return self.standard.format(value=value)

    def forms(self, value: str) -> list[str]:
        """The ways in which customers say a value."""
        forms = self.say[value] if isinstance(self.say, dict) else self.say
        return [form.format(value=value) for form in forms]


def find_offer_slot(slots: Mapping[str, SlotTalk], offers: Iterable[Offer]) -> str:
    """The slot whose value decides which offers there are; "" if there is none."""
    values = {offer.value for offer in offers}
    return next((slot for slot, talk in slots.items() if values & set(talk.values)), "")


class Persona(BaseModel):
    """Who the customer is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    manner: str
    description: str = ""
    patience: int = 5
    """Useless replies it bears before it leaves."""
