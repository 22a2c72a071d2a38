"""The one reader of `domains/<name>/`: flowchart, facts, offers, slots, phrase book, personas."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from string import Template

from workbench.completeness import measure_completeness
from workbench.conversation import Act, hash_text
from workbench.draft import Draft, list_files, read_draft
from workbench.flowchart import Flowchart
from workbench.parts import Fact, FactsFile, Offer, Offering, Persona, SlotTalk, find_offer_slot
from workbench.phrase_rules import check_draft
from workbench.phrases import PhraseBook, find_placeholders
from workbench.quantities import UNITS, find_quantities, make_units
from workbench.reading import Problem, suggest
from workbench.record import Record, fits
from workbench.rules import SLOT_STATES, Needs, Route
from workbench.run import project_folder

PROMPTS = Path(__file__).parent / "prompts"

WORDS = "plain_words.yaml"
"""Among the prompts: what models that write conversations are told of acts, manners and faults."""

GATE = "gate.yaml"
"""What a run must reach: it says nothing of how the run is made, so no hash depends on it."""


class DomainError(ValueError):
    """Something in a domain's folder is missing or does not fit together."""


class UnknownDomainError(DomainError):
    """There is no such domain."""

    exit_code = 2


@dataclass
class Domain:
    """A folder under `domains/`, read and checked."""

    folder: Path
    flowchart: Flowchart
    agency: str
    facts: dict[str, Fact]
    offers: dict[str, Offer]
    offer_units: dict[str, str]
    offering: Offering
    slots: dict[str, SlotTalk]
    agent: PhraseBook
    customer: PhraseBook
    personas: list[Persona]
    synonyms: dict[str, str] = field(default_factory=dict)
    """Word of the agent's to another that means the same here, e.g. "trip" to "journey"."""
    hashes: dict[str, str] = field(default_factory=dict)
    """Content hash of each node, route, fact, offer and prompt, and of each file."""

    @property
    def name(self) -> str:
        """The flowchart's name."""
        return self.flowchart.name

    @cached_property
    def offer_slot(self) -> str:
        """The slot that offers are for which name one value and no slot; "" if there are none."""
        return find_offer_slot(self.slots, self.offers.values())

    @cached_property
    def offer_needs(self) -> dict[str, Needs]:
        """Offer id to what it is for, slot by slot."""
        return {
            id_: {self.offer_slot: (o.value,)} if isinstance(o.value, str) else o.value
            for id_, o in self.offers.items()
        }

    @property
    def has_phrases(self) -> bool:
        """Whether there is a phrase book; without one only a model can speak."""
        return bool(self.agent.keys and self.customer.keys)

    @cached_property
    def askable(self) -> list[str]:
        """Facts that customers ask about and the agent can answer."""
        if not self.has_phrases:
            # what is so for some alone would be asked by others
            return [name for name, fact in self.facts.items() if not fact.needs] or [*self.facts]
        return [fact for fact in self.facts if f"ask({fact})" in self.customer]

    @cached_property
    def told_if_asked(self) -> list[str]:
        """Facts that no step and no offer states, where no route leads on a question for them.

        Where one does, paths have questions in them; here customers ask in between, or never.
        """
        chart = self.flowchart
        led = {act for node in chart.nodes.values() for r in node.routes.values() for act in r.acts}
        if "ask" in led or not any("ask" in trip.acts for trip in chart.anywhere.values()):
            return []
        stated = {cite for step in chart.steps for cite in self.cites(step)}
        texts = [text for offer in self.offers.values() for text in offer.fields().values()]
        stated |= {fact for text in texts for fact in find_placeholders(text)}
        return [fact for fact in self.askable if fact not in stated]

    @cached_property
    def asides(self) -> list[str]:
        """Customer acts that only cause a side trip and are trained on, e.g. "chat"; no questions.

        "why" is none of them: it answers a question of the agent's, and has no place elsewhere.
        """
        kinds = {act for trip in self.flowchart.anywhere.values() for act in trip.acts}
        kinds -= {"ask", "why"}
        if not self.has_phrases:
            # no model is asked to attack another, or to write nothing or very much
            return sorted(kinds - {"take_over", "silence", "flood"})
        return [
            key
            for key in self.customer.keys
            if key.partition("(")[0] in kinds and self.is_trained(key)
        ]

    def is_trained(self, act: str) -> bool:
        """Whether the phrase book has training wordings for a customer's act."""
        return any(wording.split == "train" for wording in self.customer.wordings(act))

    @cached_property
    def slot_needs(self) -> dict[str, Needs]:
        """What must be on record for a slot to be asked for; slots that are always are left out."""
        return {name: slot.needs for name, slot in self.flowchart.slots.items() if slot.needs}

    def list_others(self, slot: str, given: dict[str, str]) -> list[str]:
        """Other values that a customer can want than the one given, beside what else is given.

        If there are any, those after which the same slots are asked for: who corrects what happened
        does not tell of another kind of thing.
        """
        others = [value for value in self.wanted_values(slot) if value != given.get(slot)]
        others = [v for v in others if self.goes_together(given | {slot: v})] or others
        if slot not in {needed for needs in self.slot_needs.values() for needed in needs}:
            return others
        kept = [v for v in others if self._is_like(slot, given | {slot: v}, given)]
        return kept or others

    def _is_like(self, slot: str, changed: dict[str, str], given: dict[str, str]) -> bool:
        """Whether slots that rest on `slot` are asked for as before, or as their values say."""
        return all(
            fits(needs, changed) == (fits(needs, given) if slot in given else other in given)
            for other, needs in self.slot_needs.items()
            if slot in needs and (slot in given or other in given)
        )

    def goes_together(self, given: dict[str, str]) -> bool:
        """Whether one customer can have all these values, by what the slots' `only` says.

        Example: a fault that one device alone can have does not go with another device
        """
        return all(
            given.get(other, values[0]) in values
            for slot, value in given.items()
            for other, values in self.slots[slot].only.get(value, {}).items()
        )

    def wanted_values(self, slot: str) -> list[str]:
        """Values that a customer can want: of the offer slot those that there are offers for."""
        if slot == self.offer_slot:
            return sorted({v for o in self.offers.values() for v in o.list_values(slot)})
        return list(self.slots[slot].values)

    @cached_property
    def shared_steps(self) -> dict[str, str]:
        """Step to its shared label, e.g. "assess.leave" -> "assess.leave|handle.leave"."""
        return {step: "|".join(group) for group in self.agent.shared_steps() for step in group}

    def offers_for(self, given: dict[str, str]) -> list[Offer]:
        """Offers for what is on record, in the file's order."""
        key = tuple(given.get(slot, "") for slot in self._offer_slots)
        if key not in self._fitting:
            self._fitting[key] = [
                self.offers[id_] for id_, needs in self.offer_needs.items() if fits(needs, given)
            ]
        return list(self._fitting[key])

    @cached_property
    def _offer_slots(self) -> list[str]:
        """The slots that offers are for."""
        return sorted({slot for needs in self.offer_needs.values() for slot in needs})

    @cached_property
    def _fitting(self) -> dict[tuple[str, ...], list[Offer]]:
        """Values of those slots to their offers, as far as they were asked for: that is often."""
        return {}

    @cached_property
    def offer_counts(self) -> list[tuple[dict[str, str], int]]:
        """All combinations of the values that offers are for, each with how many there are for it.

        Slots that are not always asked for may be left out. Example:
        [({"destination": "Lisbon"}, 3), ...]
        """
        slots = [slot for slot in self._offer_slots if slot]
        absent = {slot: [""] * (slot in self.slot_needs) for slot in slots}
        combined = product(*(self.wanted_values(slot) + absent[slot] for slot in slots))
        given = [dict(zip(slots, values, strict=True)) for values in combined]
        known = [{slot: value for slot, value in values.items() if value} for values in given]
        known = [values for values in known if self.goes_together(values)]
        return [(values, len(self.offers_for(values))) for values in known]

    def open_record(self) -> Record:
        """The record of a conversation that begins."""
        return Record(
            self.flowchart.slots,
            lambda given: [offer.id for offer in self.offers_for(given)],
            self.slot_needs,
        )

    def is_within_means(self, given: dict[str, str]) -> bool:
        """Whether all offers for something that may still be wanted keep within what is given.

        Example: a budget of 300 is not, where every destination has a trip for more
        """
        limits = {talk.covers: given.get(slot) for slot, talk in self.slots.items() if talk.covers}
        offers = [self._by_needs[needs] for needs in self._by_needs if _may_fit(needs, given)]
        return not offers or any(
            all(
                float(offer.fields()[field]) <= float(limit)
                for offer in own
                for field, limit in limits.items()
                if limit is not None
            )
            for own in offers
        )

    @cached_property
    def _by_needs(self) -> dict[tuple[tuple[str, tuple[str, ...]], ...], list[Offer]]:
        """Offers by what they are for, e.g. (("size", ("small", "large")),) to some."""
        found: dict[tuple[tuple[str, tuple[str, ...]], ...], list[Offer]] = {}
        for id_, needs in self.offer_needs.items():
            found.setdefault(tuple(needs.items()), []).append(self.offers[id_])
        return found

    def present(self, record: Record) -> list[Offer]:
        """The offers to present next: the first ones, then the next, then none or all again.

        Example: of three, where two are made at once and again: two, then one, then all three
        """
        n = self.offering.at_once
        if not self.offering.again:
            return [self.offers[offer] for offer in record.left[:n]]
        offers = self.offers_for(record.given)
        rest = offers[n : 2 * n]
        if record.presentations == 1 and rest:
            return rest
        return offers[:n] if record.presentations == 0 else offers[: n + 1]

    def find_offer(self, record: Record) -> str:
        """Id of the offer that is spoken of: the one chosen, or put alone last; "" if neither."""
        last = record.offered[-1:] if self.offering.at_once == 1 else []
        return record.chosen or "".join(last)

    def offer_values(self, offer: Offer) -> dict[str, str]:
        """An offer's fields as the agent says them, e.g. {"price": "420 euros", ...}."""
        facts = self.fact_values()
        spoken = {
            name: f"{value} {self.offer_units[name]}"
            if name in self.offer_units
            else value.format_map(facts)
            for name, value in offer.fields().items()
        }
        spoken |= {"name": offer.name, "offer": offer.name}
        return spoken | ({self.offer_slot: offer.value} if isinstance(offer.value, str) else {})

    def fact_values(self) -> dict[str, str]:
        """Facts as the agent says them, e.g. {"deposit": "20 %"}, and the agency's name."""
        return {name: fact.spoken() for name, fact in self.facts.items()} | {"agency": self.agency}

    def describe_needs(self, needs: Needs) -> str:
        """What must be on record, in words. Example: "Inkwell or Laseron, prints nothing" """
        forms = ([self.slots[slot].on_record(v) for v in values] for slot, values in needs.items())
        return ", ".join(" or ".join(found) for found in forms)

    def describe_condition(self, route: Route) -> str:
        """When a route is taken, and for what. Example: "both are known (only for Oldjet)" """
        needs = self.describe_needs(route.needs)
        return f"{route.when} (only for {needs})" if needs else route.when

    def cites(self, step: str) -> tuple[str, ...]:
        """What a step cites: fact ids, "offers" (those to present) or "offer" (the chosen one)."""
        return self.flowchart.find_element(step).cites

    def causes(self, step: str) -> set[str]:
        """Acts and states that make the agent take a step's route; empty: none."""
        return set(getattr(self.flowchart.find_element(step.split("|")[0]), "acts", ()))

    def slot_states(self, step: str) -> set[str]:
        """States of the slots that a step is taken in, e.g. {"slots_missing"}; empty: any state."""
        return SLOT_STATES & self.causes(step)

    def find_slot_state(self, step: str, record: Record) -> str:
        """The state of the slots in which a step is taken: the record's, if it may be; "": any."""
        states = self.slot_states(step)
        return record.state if record.state in states else min(states, default="")

    def asks_for_slots(self, step: str) -> bool:
        """Whether a step is taken because a slot is missing or vague, and so asks for it."""
        return bool(self.slot_states(step) - {"slots_complete"})

    def due_facts(self, step: str, record: Record, acts: Sequence[Act]) -> list[str]:
        """Ids of the facts that are due when a message takes `step`.

        An offer's facts are "id.field". Of the offer that is spoken of those are due that every
        wording of the step states; an answering step owes the facts asked for. What is for
        something else than stands on record is not due.
        """
        cited = [cite for cite in self.cites(step) if cite in self.facts]
        due = [cite for cite in cited if fits(self.facts[cite].needs, record.given)]
        if "offers" in self.cites(step):
            for offer in self.present(record):
                due += self.offer_facts(offer.id)
        if "offer" in self.cites(step) and (spoken_of := self.find_offer(record)):
            due += self.offer_facts(spoken_of, self._stated(step))
        if self._answers(step):
            due += [act.target for act in acts if act.kind == "ask"]
        return due

    def _answers(self, step: str) -> bool:
        """Whether a step answers a question: by its wordings or, without any, by its cause."""
        if not self.has_phrases:
            return "ask" in self.causes(step)
        return step in self.agent and "answer" in self.agent.wordings(step)[0].placeholders

    def offer_facts(self, offer: str, stated: set[str] | None = None) -> list[str]:
        """Facts due with an offer: its numbers, as "id.field", and the facts its fields name.

        `stated` are the fields that are said; None: what every wording that makes offers says, and
        all numbers.
        """
        own = [name for name in self.offer_units if stated is None or name in stated]
        said = self._stated("part/offer") if stated is None else stated
        # transcripts from elsewhere may name an offer that there is not
        fields = self.offers[offer].fields() if offer in self.offers else {}
        texts = [text for name, text in fields.items() if name in said]
        cited = [fact for text in texts for fact in find_placeholders(text)]
        return [f"{offer}.{name}" for name in own] + cited

    def _stated(self, key: str) -> frozenset[str]:
        """What every wording of the agent's states; without wordings, the offers' numbers."""
        if not self.has_phrases:
            return frozenset(self.offer_units)
        return frozenset.intersection(*(w.placeholders for w in self.agent.wordings(key)))

    def list_reasons(self, step: str, given: dict[str, str]) -> list[str]:
        """Ids of the facts that a step cites for what is on record, and for nothing else."""
        cited = [self.facts.get(cite) for cite in self.cites(step)]
        return [
            cite
            for cite, fact in zip(self.cites(step), cited, strict=True)
            if fact and fact.needs and fits(fact.needs, given)
        ]

    def citable(self, due: list[str]) -> list[str]:
        """Facts that may be stated beside those due: what any wording of their answers mentions."""
        keys = [f"answers/{fact}" for fact in due if f"answers/{fact}" in self.agent]
        named = {name for key in keys for w in self.agent.wordings(key) for name in w.placeholders}
        return sorted(named & set(self.facts))

    def spoken_fact(self, fact: str) -> str:
        """A fact or an offer's field as it is said. Example: "lisbon_tram.price" -> "420 euros" """
        offer, _, name = fact.partition(".")
        return self.offer_values(self.offers[offer])[name] if name else self.facts[fact].spoken()

    def system_prompt(self) -> str:
        """The one-line prompt of training rows, evaluation and serving."""
        return fill_prompt("agent_system", agency=self.agency, title=self.flowchart.title.lower())

    @cached_property
    def units(self) -> dict[str, str]:
        """Units as they are written, to the unit they are: all that facts, offers and slots have.

        Where "2 adults" is a form of "2 people", adults are people.
        """
        own = [*(fact.unit for fact in self.facts.values()), *self.offer_units.values()]
        units = UNITS | make_units(*(unit for unit in own if unit.lower() not in {"", *UNITS}))
        for talk in self.slots.values():
            for value in talk.values:
                number, unit = _count(talk.on_record(value))
                if unit and unit not in units:
                    units |= make_units(unit)
                for same, other in map(_count, talk.forms(value)):
                    if unit and other and same == number and other not in units:
                        units |= dict.fromkeys(make_units(other), units[unit])
        return units

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Facts that are names as they are said, e.g. "Tools > Align", to the ids of the facts."""
        names: dict[str, list[str]] = {}
        for id_, fact in self.facts.items():
            if fact.is_name:
                names.setdefault(fact.spoken(), []).append(id_)
        return names

    def find_names(self, text: str) -> list[tuple[re.Match[str], str]]:
        """Where a text has names of facts, the longest first, and which.

        The case counts, but for a small first letter; "Tools, then Align" is "Tools > Align".
        """
        if not self.names:
            return []
        found = []
        for match in self._fact_names.finditer(text):
            name = THEN.sub(" > ", match.group())
            found.append((match, name if name in self.names else name[0].lower() + name[1:]))
        return found

    def split_names(self, text: str) -> tuple[list[str], str]:
        """The names of facts in a text, and what is left of it."""
        found = self.find_names(text)
        rest = text
        for match, _ in reversed(found):
            rest = f"{rest[: match.start()]}…{rest[match.end() :]}"
        return [name for _, name in found], rest

    @cached_property
    def _fact_names(self) -> re.Pattern[str]:
        parts = {name: name.split(" > ") for name in self.names}
        forms = {
            name: THEN.pattern.join([_capital(first), *map(re.escape, rest)])
            for name, (first, *rest) in parts.items()
        }
        ordered = sorted(forms, key=lambda name: (-len(name), name))
        # a number of a name is no part of a longer one
        return re.compile(
            r"(?<!\w)(?<!\w\.)(?:" + "|".join(forms[name] for name in ordered) + r")(?!\w|\.\w)"
        )

    @cached_property
    def said_forms(self) -> dict[str, tuple[str, str]]:
        """Form to (slot, value): all the ways in which a customer can say a value."""
        return {
            form: (slot, value)
            for slot, talk in self.slots.items()
            for value in talk.values
            for form in (*talk.forms(value), talk.on_record(value))
        }

    @cached_property
    def value_words(self) -> frozenset[str]:
        """Words, small, of all forms of values and of the offers' names."""
        forms = [*self.said_forms, *(offer.name for offer in self.offers.values())]
        return frozenset(w.lower() for form in forms for w in re.findall(r"\w+", form))

    @cached_property
    def named_values(self) -> dict[str, tuple[str, str]]:
        """Form to (slot, value) of the values that are names rather than numbers."""
        return {
            talk.on_record(value): (slot, value)
            for slot, talk in self.slots.items()
            for value in talk.values
            if not any(sign.isdigit() for sign in value)
        }

    def find_values(self, text: str) -> dict[str, list[str]]:
        """Slot values that a customer's text gives, by words alone, in order.

        Example: "the two of us, in early June" -> {"travellers": ["2"], "dates": ["early June"]}
        """
        return _find(text, self._said, self.said_forms)

    def find_mentions(self, text: str) -> dict[str, list[str]]:
        """Named slot values that an agent's text mentions; numbers are found as quantities."""
        return _find(text, self._mentioned, self.named_values)

    @cached_property
    def _said(self) -> re.Pattern[str]:
        return self._any_of(self.said_forms)

    @cached_property
    def _mentioned(self) -> re.Pattern[str]:
        return self._any_of(self.named_values)

    def _any_of(self, forms: Iterable[str]) -> re.Pattern[str]:
        """Matches any form, longest first; its first letter may be a capital, as sentences start.

        Where the slots say what is unlike a value ("May I"), that is none.
        """
        ordered = sorted(forms, key=len, reverse=True)
        # without any form nothing matches: not even nothing, which is everywhere
        starts = "|".join(map(_capital, ordered)) or "(?!)"
        unlike = sorted({text for talk in self.slots.values() for text in talk.unlike})
        no = rf"(?!(?:{'|'.join(map(re.escape, unlike))})(?!\w))" if unlike else ""
        return re.compile(rf"(?<!\w){no}(?:{starts})(?!\w)")

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return self._any_of(self._plain_names)

    @cached_property
    def _plain_names(self) -> dict[str, str]:
        """Each name and the one that stands for its kind: the slot's or the offers' first."""
        offers = [offer.name for offer in self.offers.values()]
        plain = dict.fromkeys(offers, offers[0]) if offers else {}
        for form, (slot, _) in self.named_values.items():
            talk = self.slots[slot]
            plain[form] = talk.on_record(talk.values[0])
        return plain

    def starts_with_name(self, text: str) -> bool:
        """Whether a text begins with a value or an offer's name, which keeps its capital."""
        return bool(self._names.match(text))

    def mask(self, text: str) -> str:
        """The text with one name for all names of a kind and one number for all numbers.

        Example: "Prague in May for 420 euros" -> "Amsterdam in January for 5 euros"
        """
        plain, stated = self._plain_names, next(iter(self.names), "")
        for match, _ in reversed(self.find_names(text)):
            text = f"{text[: match.start()]}{stated}{text[match.end() :]}"
        text = self._names.sub(lambda m: plain.get(m.group(), m.group()), text)
        return re.sub(r"\d[\d.,]*\d|\d", "5", text)


def read_domain(name: str | Path, root: str | Path = "domains") -> Domain:
    """Read a domain by its name under `root`, or by its folder.

    Raises:
        DomainError: a file is missing or wrong; the message lists every error of all files.
    """
    folder = find_domain(name, root)
    draft = read_draft(folder)
    if errors := [problem for problem in check_draft(draft) if problem.level == "error"]:
        raise DomainError("\n".join(map(str, errors)))
    return _make_domain(folder, draft)


def read_design(name: str | Path, root: str | Path = "domains") -> Domain:
    """A domain as far as it is needed to design it: flowchart and facts are sound.

    Of phrases, slots and personas it has what could be read, which may be nothing.

    Raises:
        DomainError: flowchart or facts are missing or wrong; the message lists every error.
    """
    folder = find_domain(name, root)
    state = measure_completeness(folder)
    if not state.is_designed:
        errors = [problem for problem in state.problems if problem.level == "error"]
        raise DomainError("\n".join([*map(str, errors), state.describe()]))
    return _make_domain(folder, state.draft)


def read_spoken(name: str | Path, needs_phrases: bool = True) -> Domain:
    """A domain to write conversations of: as `read_domain`, or without its phrase book.

    Where models say everything (`needs_phrases` is False) the phrase book may be missing, or lack
    something; it is then left out as a whole. Flowchart, facts and the values of the slots must be
    there; without personas there is one of whom nothing is known.

    Raises:
        DomainError: a file is missing or wrong; the message lists every error.
    """
    if needs_phrases:
        return read_domain(name)
    folder = find_domain(name)
    state = measure_completeness(folder)
    if state.is_complete:
        return read_domain(name)
    draft = state.draft
    lacking = {gap.problem for gap in state.gaps if gap.kind not in ("slot", "offer")}
    spared = {draft.files[file].file for file in draft.absent if _is_spoken(file, draft)}
    errors = [p for p in check_draft(draft) if p.level == "error" and p.file not in spared]
    if errors := [problem for problem in errors if problem not in lacking]:
        raise DomainError("\n".join(map(str, errors)))
    if "ask" in draft.causes and not draft.facts.facts:
        raise DomainError(
            f"{folder}: customers ask, but facts.yaml has no facts to ask for; add some"
        )
    domain = _make_domain(folder, draft)
    domain.agent, domain.customer = PhraseBook([]), PhraseBook([])
    domain.personas = domain.personas or [Persona(id="anybody", manner="terse")]
    return domain


def _is_spoken(file: str, draft: Draft) -> bool:
    """Whether a file is needed only by those who speak from a phrase book."""
    if file == "phrases/slots.yaml":
        return not draft.flowchart.slots
    return file.startswith("phrases/") or file == "personas.yaml"


def _make_domain(folder: Path, draft: Draft) -> Domain:
    facts, flowchart = draft.facts, draft.flowchart
    books = {
        book: PhraseBook([written.entry for written in draft.entries if written.book == book])
        for book in ("agent", "customer")
    }
    return Domain(
        folder=folder,
        flowchart=flowchart,
        agency=facts.agency,
        facts=facts.facts,
        offers={offer.id: offer for offer in facts.offers},
        offer_units=facts.offer_units,
        offering=facts.offering,
        slots=draft.slots,
        **books,
        personas=list(draft.personas.values()),
        synonyms=draft.synonyms,
        hashes=_hash_parts(folder, flowchart, facts),
    )


def find_domain(name: str | Path, root: str | Path = "domains") -> Path:
    """The folder of a domain; `name` is a folder or stands under `root`.

    A relative `root` is taken from `project_folder()`, so kernels in `notebooks` find it too.

    Raises:
        UnknownDomainError: there is no such folder, or it has no flowchart.yaml.
    """
    root = project_folder() / root
    folder = Path(name) if (Path(name) / "flowchart.yaml").exists() else root / name
    if not (folder / "flowchart.yaml").exists():
        known = list_domains(root)
        raise UnknownDomainError(
            f'no domain "{name}": {folder / "flowchart.yaml"} does not exist.'
            f"{suggest(str(name), known)} There are: {', '.join(known) or 'none'}. A new one is "
            "laid out by: python -m workbench new NAME"
        )
    return folder


def list_domains(root: str | Path = "domains") -> list[str]:
    """Names of the folders under `root` that have a flowchart."""
    return sorted(file.parent.name for file in (project_folder() / root).glob("*/flowchart.yaml"))


def is_complete(folder: Path) -> bool:
    """Whether a domain has all its files; what stands in them is another matter."""
    return all((folder / name).exists() for name in list_files(folder))


def check_domain(folder: Path) -> list[Problem]:
    """Errors and warnings of all files of a domain, in their order; bad content never raises."""
    return check_draft(read_draft(folder))


def _hash_parts(folder: Path, flowchart: Flowchart, facts: FactsFile) -> dict[str, str]:
    parts = flowchart.element_hashes()
    parts |= {f"fact.{name}": hash_text(fact) for name, fact in facts.facts.items()}
    parts |= {f"offer.{offer.id}": hash_text(offer) for offer in facts.offers}
    parts |= hash_prompts(PROMPTS)
    files = sorted([*folder.glob("*.yaml"), *folder.glob("phrases/*.yaml")])
    files = [file for file in files if file.name != GATE]
    parts |= {f"file.{file.name}": hash_text(file.read_text("utf-8")) for file in files}
    return parts


def hash_prompts(folder: Path) -> dict[str, str]:
    """Content hash of each prompt in a folder, and of the plain words once a role: for whom they
    are. Example: {"prompt.agent_system": "5d0c…", "prompt.teacher_words": "91ab…", ...}
    """
    texts = {file.stem: file for file in sorted(folder.glob("*.md"))}
    # what a judge is told changes no conversation; its verdicts know all that it was sent
    texts = {name: file for name, file in texts.items() if not name.startswith("judge_")}
    if (folder / WORDS).exists():
        texts |= dict.fromkeys(("teacher_words", "customer_words"), folder / WORDS)
    return {f"prompt.{name}": hash_text(file.read_text("utf-8")) for name, file in texts.items()}


THEN = re.compile(r"\s*(?:>|→|,? and then|, then)\s*")
"""What stands between the parts of a way through menus."""


def _capital(form: str) -> str:
    """A pattern for a form; its first letter may be a capital, as a sentence starts."""
    if form[:1].islower():
        return f"[{form[0]}{form[0].upper()}]{re.escape(form[1:])}"
    return re.escape(form)


def _count(form: str) -> tuple[str, str]:
    """The number and the unit that are all of a form. Example: "two adults" -> ("2", "adults")"""
    _, _, unit = form.lower().partition(" ")
    counted = find_quantities(form, {unit: unit}) if unit.isalpha() else []
    return counted[0] if counted and counted[0][1] == unit else ("", "")


def _may_fit(needs: Iterable[tuple[str, tuple[str, ...]]], given: dict[str, str]) -> bool:
    return all(slot not in given or given[slot] in values for slot, values in needs)


def _find(
    text: str, pattern: re.Pattern[str], forms: dict[str, tuple[str, str]]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for match in pattern.finditer(text):
        form = match.group()
        slot, value = forms[form] if form in forms else forms[form[0].lower() + form[1:]]
        if value not in found.setdefault(slot, []):
            found[slot].append(value)
    return found


def fill_prompt(name: str, **values: str) -> str:
    """A prompt of `workbench/prompts/` with its $names filled.

    Raises:
        DomainError: a name is missing, or a value is not used.
    """
    template = Template((PROMPTS / f"{name}.md").read_text("utf-8").strip())
    names = set(template.get_identifiers())
    if names != set(values):
        raise DomainError(f"prompts/{name}.md wants {sorted(names)} but was given {sorted(values)}")
    return template.substitute(values)
