"""What a message states: amounts, dates, counts and percentages, and whether they are right."""

import re
from collections.abc import Iterable

from workbench.conversation import UNCLEAR, Act, Conversation
from workbench.domain import Domain
from workbench.record import Record

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_UNITS = (
    r"%|percent|euros?|days?|nights?|hours?|minutes?|weeks?|months?|years?|kg"
    r"|people|persons?|adults?"
)
_QUANTITY = re.compile(
    rf"(?<![\w.])(?:€ ?)?(?P<number>\d[\d,]*(?:\.\d+)?|(?:{'|'.join(WORDS)})(?= (?:{_UNITS})\b))"
    rf"(?: ?(?P<unit>{_UNITS}|€)(?!\w))?",
    re.I,
)
GIVING = {"give", "revise"}
"""Kinds of acts that put a value on record."""

_ALIKE = {"percent": "%", "€": "euro", "people": "person", "adult": "person"}


def find_quantities(text: str) -> list[tuple[str, str]]:
    """Numbers with their units, both normalized.

    Example: "1,240 euros for two people, 20 %" -> [("1240", "euro"), ("2", "person"), ("20", "%")]
    """
    found = []
    for match in _QUANTITY.finditer(text):
        number = match["number"].lower().replace(",", "")
        number = str(WORDS.index(number) + 1) if number in WORDS else number
        unit = (match["unit"] or ("euro" if match.group().startswith("€") else "")).lower()
        unit = unit if unit in {"%", "kg"} else _ALIKE.get(unit, unit.removesuffix("s"))
        found.append((number, _ALIKE.get(unit, unit)))
    return found


class FactCheck:
    """Follows one conversation and finds, message by message, facts that are missing or wrong."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.known: set[tuple[str, str]] = set()
        """Quantities that a cited fact, or a value the customer gave, has brought in."""
        self._given: dict[str, str] = {}

    def hear_acts(self, text: str, acts: Iterable[Act]) -> None:
        """Take what the customer gave. What it merely says, or demands, is not so for that.

        Of a message that could not be read, every number counts as given.
        """
        for act in acts:
            if act.kind == UNCLEAR:
                self.known |= set(find_quantities(text))
            elif act.kind in GIVING and act.value and act.target in self.domain.slots:
                self.hear_value(act.target, act.value)

    def hear_value(self, slot: str, value: str) -> None:
        """Take a value in its standard form; the numbers of one that it replaces are not so."""
        before = self._given.get(slot, value)
        if before != value:
            self._drop(self._quantities(slot, before))
        self.known |= set(self._quantities(slot, value))
        self._given[slot] = value

    def _quantities(self, slot: str, value: str) -> list[tuple[str, str]]:
        talk = self.domain.slots[slot]
        # a value that the domain does not have stands for itself
        own = value in talk.values or isinstance(talk.standard, str)
        return find_quantities(talk.on_record(value) if own else value)

    def _drop(self, quantities: list[tuple[str, str]]) -> None:
        self.known = {known for known in self.known if not _belongs(known, quantities)}

    def check_agent(self, text: str, due: Iterable[str], record: Record) -> list[str]:
        """Problems of one agent message: due facts it lacks, and anything stated that is not so.

        Wrong is a number that belongs to no cited fact and to nothing the customer gave; a slot
        value other than the one on record; an offer that is not for what the customer wants. Where
        several offers are named, the numbers of each must stand beside its name. What is claimed in
        words alone is not checked.
        """
        stated, due = find_quantities(text), list(due)
        readings = [self._lacking(due, text, parts) for parts in split_offers(text, self.domain)]
        problems = [f"{fact} is missing" for fact in min(readings, key=len)]
        for fact in due:
            self.known |= set(find_quantities(self.domain.spoken_fact(fact)))
        for fact in self.domain.citable(due):
            self.known |= set(find_quantities(self.domain.spoken_fact(fact)))
        problems += [
            f"{' '.join(q).strip()} is no fact" for q in stated if not _belongs(q, self.known)
        ]
        for slot, values in self.domain.find_mentions(text).items():
            wrong = [value for value in values if value != record.given.get(slot)]
            problems += [f"{slot} is not {value}" for value in wrong]
        offers = {offer.id for offer in self.domain.offers_for(record.given)}
        problems += [
            f"{offer.name} is not on offer"
            for offer in self.domain.offers.values()
            if offer.name.lower() in text.lower() and offer.id not in offers
        ]
        return problems

    def _lacking(self, due: Iterable[str], text: str, parts: dict[str, str]) -> list[str]:
        """The due facts of which a number is lacking in the text, or in its part on their offer."""
        return [
            fact
            for fact in due
            for quantity in find_quantities(self.domain.spoken_fact(fact))
            if not _belongs(quantity, find_quantities(parts.get(fact.partition(".")[0], text)))
        ]

    def find_restated(self, text: str, record: Record) -> list[tuple[str, str, bool]]:
        """What an agent message says again of what the customer gave: (slot, value, is it so).

        Call it after `check_agent`: a number that belongs to a cited fact restates nothing. Where
        offers are in the unit of a slot, only numbers that are values of the slot count.
        """
        mentions, stated = self.domain.find_mentions(text), find_quantities(text)
        restated = []
        given = {slot: v for slot, v in record.given.items() if slot in self.domain.slots}
        for slot, value in given.items():
            restated += [(slot, said, said == value) for said in mentions.get(slot, [])]
            own = self._quantities(slot, value)
            units = {unit for _, unit in own if unit}
            if not units & {*map(_unit_of, self.domain.offer_units.values())}:
                among = [q for q in stated if q[1] in units]
            else:
                talk = self.domain.slots[slot]
                among = [q for v in talk.values for q in self._quantities(slot, v) if q in stated]
            restated += [
                (slot, " ".join(q), q in own)
                for q in dict.fromkeys(among)
                if q in own or not _belongs(q, self.known)
            ]
        return restated


def _unit_of(unit: str) -> str:
    """A unit as it is found in a text. Example: "euros" -> "euro" """
    return next((found for _, found in find_quantities(f"1 {unit}")), unit)


def _belongs(quantity: tuple[str, str], among: Iterable[tuple[str, str]]) -> bool:
    """Whether it is among them; a number without a unit is that number of anything."""
    number, unit = quantity
    return any(number == n and (unit == u or not unit or not u) for n, u in among)


def check_facts(conversation: Conversation, domain: Domain) -> list[tuple[int, str]]:
    """All fact problems of a conversation, as (index of the message, problem).

    Which facts are due is read from the agent's labels, what was given from the customer's.
    """
    check, record, problems = FactCheck(domain), Record(domain.flowchart.slots), []
    for i, (message, label) in enumerate(
        zip(conversation.messages, conversation.labels, strict=True)
    ):
        if message.role == "user":
            acts = label.parsed_acts()
            record.hear(acts)
            check.hear_acts(message.content, acts)
        if message.role == "assistant":
            found = check.check_agent(message.content, label.facts, record)
            problems += [(i, problem) for problem in found]
    return problems


def split_offers(text: str, domain: Domain) -> list[dict[str, str]]:
    """The part of a text that is about each offer it names, if it names several: two readings.

    From each name up to the next, as in "Lisbon Tram for 420 euros", or from the one before it, as
    in "for 420 euros the Lisbon Tram". Both are empty where one offer or none is named.
    """
    named = offers_named(text, domain)
    if len(named) < 2:
        return [{}]
    places = [text.lower().find(domain.offers[offer].name.lower()) for offer in named]
    ends = [at + len(domain.offers[offer].name) for at, offer in zip(places, named, strict=True)]
    after = zip(named, places, [*places[1:], len(text)], strict=True)
    before = zip(named, [0, *ends[:-1]], ends, strict=True)
    return [{offer: text[start:end] for offer, start, end in cuts} for cuts in (after, before)]


def offers_named(text: str, domain: Domain) -> list[str]:
    """Ids of the offers that a text names, in the order in which it names them."""
    text = text.lower()
    places = {o.id: text.find(o.name.lower()) for o in domain.offers.values()}
    return sorted((o for o, place in places.items() if place >= 0), key=places.__getitem__)
