"""What a message states: amounts, dates, counts, percentages, names, and whether they are right."""

import re
from collections.abc import Iterable, Mapping

from workbench.conversation import Act, Conversation
from workbench.domain import Domain
from workbench.quantities import find_quantities, iterate_quantities
from workbench.record import Record

GIVING = {"give", "revise"}
"""Kinds of acts that put a value on record."""

DEMANDING = "take_over"
"""Kind of acts that want what the procedure does not have: a number in them is no promise."""

NAME = "name"
"""What stands in the place of a unit where a fact is a name."""

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')


def find_stated(text: str, domain: Domain) -> list[tuple[str, str]]:
    """What a text states: names of facts, and numbers with their units.

    Example: "Tools > Align, for 5 minutes" -> [("Tools > Align", "name"), ("5", "minute")]
    """
    names, rest = domain.split_names(text)
    return [(name, NAME) for name in names] + find_quantities(rest, domain.units)


def find_invented(text: str, domain: Domain, heard: str = "") -> list[str]:
    """Ways through menus, and words in quotes, that are no fact's, no value's and not `heard`.

    Only where facts are names; else nothing says which there are.
    """
    if not domain.names:
        return []
    known = {part for name in domain.names for part in (name, *name.split(" > "))}
    known |= {*domain.said_forms, *(offer.name for offer in domain.offers.values())}
    quoted = (one or other for one, other in _QUOTED.findall(text))
    invented = [q for q in quoted if q.strip(" .,:;!?") not in known and q not in heard]
    clauses = re.split(r"[.,:;!?]", domain.split_names(text)[1])
    chains = [clause for clause in clauses if ">" in clause or "→" in clause]
    return invented + [" ".join(chain.split()) for chain in chains if chain.strip() not in heard]


class FactCheck:
    """Follows one conversation and finds, message by message, facts that are missing or wrong."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.known: set[tuple[str, str]] = set()
        """What a cited fact, or a value the customer gave, has brought in."""
        self._given: dict[str, str] = {}
        self._heard = ""

    def hear_acts(self, text: str, acts: Iterable[Act]) -> None:
        """Take what the customer gave.

        Other numbers that it says count as given too, for a value may be one that no list has; but
        not those of values taken back in the same breath, and not what it demands.
        """
        acts = [*acts]
        valued = [act for act in acts if act.value and act.target in self.domain.slots]
        if not any(act.kind == DEMANDING for act in acts):
            own = {n for act in valued for n, _ in self._quantities(act.target, act.value)}
            self.known |= {q for q in find_stated(text, self.domain) if q[0] not in own}
            self._heard += f"{text}\n"
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
        said = talk.on_record(value) if own else value
        return find_quantities(said, self.domain.units)

    def _drop(self, quantities: list[tuple[str, str]]) -> None:
        self.known = {known for known in self.known if not _belongs(known, quantities)}

    def check_agent(self, text: str, due: Iterable[str], record: Record) -> list[str]:
        """Problems of one agent message: due facts it lacks, and anything stated that is not so.

        Wrong is a number, or the name of a fact, that belongs to no cited fact and to nothing the
        customer gave; a way through menus, or words in quotes, that are no fact's; a slot value
        other than the one on record; an offer that is not for what the customer wants; offers whose
        numbers are each other's. What is claimed in words alone is not checked.
        """
        stated, due = find_stated(text, self.domain), list(due)
        problems = []
        for fact in due:
            quantities = find_stated(self.domain.spoken_fact(fact), self.domain)
            self._know(fact)
            problems += [f"{fact} is missing" for q in quantities if not _belongs(q, stated)]
        problems += [f"{fact} is another's" for fact in find_swapped(text, due, self.domain)]
        for fact in self.domain.citable(due):
            self._know(fact)
        wrong = [_write(q) for q in stated if not _belongs(q, self.known)]
        wrong += find_invented(text, self.domain, self._heard)
        problems += [f"{said} is no fact" for said in wrong]
        for slot, values in self.domain.find_mentions(self.domain.split_names(text)[1]).items():
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

    def _know(self, fact: str) -> None:
        """Take what a fact states, and what else its own sentence says."""
        texts = [self.domain.spoken_fact(fact)]
        texts += [self.domain.facts[fact].text] if fact in self.domain.facts else []
        self.known |= {stated for text in texts for stated in find_stated(text, self.domain)}

    def find_restated(self, text: str, record: Record) -> list[tuple[str, str, bool]]:
        """What an agent message says again of what the customer gave: (slot, value, is it so).

        Call it after `check_agent`: a number that belongs to a cited fact restates nothing. Where
        offers are in the unit of a slot, only numbers that are values of the slot count.
        """
        stated = find_stated(text, self.domain)
        mentions = self.domain.find_mentions(self.domain.split_names(text)[1])
        restated = []
        given = {slot: v for slot, v in record.given.items() if slot in self.domain.slots}
        for slot, value in given.items():
            restated += [(slot, said, said == value) for said in mentions.get(slot, [])]
            own = self._quantities(slot, value)
            units = {unit for _, unit in own if unit}
            if not units & {
                self.domain.units.get(u.lower(), u) for u in self.domain.offer_units.values()
            }:
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


def _write(stated: tuple[str, str]) -> str:
    value, unit = stated
    return value if unit == NAME else f"{value} {unit}".strip()


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
    numbers = [(found, match.start()) for match, found in iterate_quantities(text, domain.units)]
    fields: dict[str, dict[str, list[int]]] = {}
    for fact in due:
        offer, _, field = fact.partition(".")
        quantities = find_quantities(domain.spoken_fact(fact), domain.units) if field else []
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
