"""What a message states: amounts, dates, counts and percentages, and whether they are right."""

import re
from collections.abc import Iterable, Iterator, Mapping

from workbench.conversation import Act, Conversation
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

DEMANDING = "take_over"
"""Kind of acts that want what the procedure does not have: a number in them is no promise."""

_ALIKE = {"percent": "%", "€": "euro", "people": "person", "adult": "person"}


def find_quantities(text: str) -> list[tuple[str, str]]:
    """Numbers with their units, both normalized.

    Example: "1,240 euros for two people, 20 %" -> [("1240", "euro"), ("2", "person"), ("20", "%")]
    """
    return [found for _, found in _iterate_quantities(text)]


def _iterate_quantities(text: str) -> Iterator[tuple[re.Match[str], tuple[str, str]]]:
    for match in _QUANTITY.finditer(text):
        number = match["number"].lower().replace(",", "")
        number = str(WORDS.index(number) + 1) if number in WORDS else number
        unit = (match["unit"] or ("euro" if match.group().startswith("€") else "")).lower()
        unit = unit if unit in {"%", "kg"} else _ALIKE.get(unit, unit.removesuffix("s"))
        yield match, (number, _ALIKE.get(unit, unit))


class FactCheck:
    """Follows one conversation and finds, message by message, facts that are missing or wrong."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.known: set[tuple[str, str]] = set()
        """Quantities that a cited fact, or a value the customer gave, has brought in."""
        self._given: dict[str, str] = {}

    def hear_acts(self, text: str, acts: Iterable[Act]) -> None:
        """Take what the customer gave.

        Other numbers that it says count as given too, for a value may be one that no list has; but
        not those of values taken back in the same breath, and not what it demands.
        """
        acts = [*acts]
        valued = [act for act in acts if act.value and act.target in self.domain.slots]
        if not any(act.kind == DEMANDING for act in acts):
            own = {n for act in valued for n, _ in self._quantities(act.target, act.value)}
            self.known |= {q for q in find_quantities(text) if q[0] not in own}
        for act in valued:
            if act.kind in GIVING:
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
        value other than the one on record; an offer that is not for what the customer wants; offers
        whose numbers are each other's. What is claimed in words alone is not checked.
        """
        stated, due = find_quantities(text), list(due)
        problems = []
        for fact in due:
            quantities = find_quantities(self.domain.spoken_fact(fact))
            self.known |= set(quantities)
            problems += [f"{fact} is missing" for q in quantities if not _belongs(q, stated)]
        problems += [f"{fact} is another's" for fact in find_swapped(text, due, self.domain)]
        for fact in self.domain.citable(due):
            self.known |= set(find_quantities(self.domain.spoken_fact(fact)))
        problems += [
            f"{' '.join(q).strip()} is no fact" for q in stated if not _belongs(q, self.known)
        ]
        for slot, values in self.domain.find_mentions(text).items():
            wrong = [value for value in values if value != record.given.get(slot)]
            problems += [f"{slot} is not {value}" for value in wrong]
        fitting = {offer.id for offer in self.domain.offers_for(record.given)}
        made = offers_named(text, self.domain, record.given)
        problems += [
            f"{offer.name} is not on offer"
            for offer in self.domain.offers.values()
            if offer.id in made and offer.id not in fitting
        ]
        return problems

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
    check, record, problems = FactCheck(domain), domain.open_record(), []
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


def find_swapped(text: str, due: Iterable[str], domain: Domain) -> list[str]:
    """Due facts of offers whose numbers stand in another order than the offers' names.

    Both may stand in any order, and either first, if they go together: what counts is where each is
    said first, or where each is said last. Example: ["lisbon_tram.price", "lisbon_fado.price"]
    """
    numbers = [(found, match.start()) for match, found in _iterate_quantities(text)]
    fields: dict[str, dict[str, list[int]]] = {}
    for fact in due:
        offer, _, field = fact.partition(".")
        quantities = find_quantities(domain.spoken_fact(fact)) if field else []
        places = [at for found, at in numbers if any(_belongs(q, [found]) for q in quantities)]
        if places and offer in offers_named(text, domain):
            fields.setdefault(field, {})[offer] = places
    swapped = []
    for field, places in fields.items():
        names = {o: _find_all(text.lower(), domain.offers[o].name.lower()) for o in places}
        values = {domain.spoken_fact(f"{offer}.{field}") for offer in places}
        orders = [
            [sorted(places, key=lambda o, of=of, end=end: of[o][end]) for of in (places, names)]
            for end in (0, -1)
        ]
        # offers alike in this cannot be told apart by it
        if len(values) == len(places) and not any(mine == theirs for mine, theirs in orders):
            swapped += [f"{offer}.{field}" for offer in places]
    return swapped


def _find_all(text: str, part: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(part), text)]


def offers_named(text: str, domain: Domain, given: Mapping[str, str] = {}) -> list[str]:
    """Ids of the offers that a text names, in the order in which it names them.

    Of offers that have the same name it is the first, or the first for what was `given`.
    """
    text, fitting = text.lower(), domain.offers_for(dict(given))
    by_name = {o.name.lower(): o.id for o in reversed([*fitting, *domain.offers.values()])}
    places = {id_: text.find(name) for name, id_ in by_name.items()}
    named = (id_ for id_ in domain.offers if places.get(id_, -1) >= 0)
    return sorted(named, key=places.__getitem__)
