"""A domain as far as its files can be read, sound or not, and the names that it knows."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints

from workbench.conversation import Act
from workbench.flowchart import Flowchart, draft_flowchart
from workbench.parts import FactsFile, Persona, SlotTalk, find_offer_slot
from workbench.phrases import DEMANDS, MANNERS, Entry
from workbench.reading import KeyPath, Located, Problem, fit_items, fit_model, read_yaml
from workbench.rules import ACTS, STATES

PARTS = {
    "agent": {
        "noted": {"known"},
        "lacking": {"known", "open"},
        "unclear": {"known", "open"},
        "offer": set(),
    },
    "customer": {
        **{part: set() for part in ("hello", "restate", "lead", "tail")},
        **{part: set() for part in ("late", "hang_on", "hurry")},
        "slip": {"wrong"},
    },
}
"""The parts of each book and their placeholders; an offer's fields come to those of "offer"."""

DESIGNED = ("flowchart.yaml", "facts.yaml")
"""The files that a procedure is designed with; all others are for the offline teacher."""

NEEDED = ("hello", "restate", "lead", "tail")
"""Parts of the customer's book that no domain goes without."""


SYNONYMS = "phrases/synonyms.yaml"
"""The file that a domain may have besides."""

Word = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$")]
"""As the agent says it within a sentence, e.g. "journey"."""


@dataclass(frozen=True)
class Written:
    """An entry of a phrase book, and where it stands."""

    book: str
    """agent or customer."""
    located: Located
    place: int
    entry: Entry

    def problem(self, path: KeyPath, rule: str, text: str, key: bool = False) -> Problem:
        return self.located.problem((self.place, *path), rule, text, key=key)


@dataclass(frozen=True)
class Draft:
    """What could be read of a domain's folder; what does not fit is left out."""

    files: dict[str, Located]
    """By name, e.g. "phrases/slots.yaml"."""
    flowchart: Flowchart | None
    facts: FactsFile | None
    slots: dict[str, SlotTalk]
    entries: list[Written]
    """Of all phrase books, in the order of the files."""
    personas: dict[int, Persona]
    """By place in the file."""
    synonyms: dict[str, str]
    """A word of the agent's to another that can stand in its place."""
    problems: list[Problem]
    """What is wrong with the flowchart, and what does not fit elsewhere."""

    @cached_property
    def absent(self) -> list[str]:
        """Names of the files that do not exist."""
        rules = {problem.file: problem.rule for problem in self.problems}
        return [
            name for name, located in self.files.items() if rules.get(located.file) == "no_file"
        ]

    @property
    def is_begun(self) -> bool:
        """Whether any of the files is there that only the offline teacher needs."""
        return any(name not in self.absent for name in self.files if name not in DESIGNED)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out, so that what is not there is lacking.

        Phrases and personas that were never written lack all.
        """
        files = {self.files[name].file for name in ("flowchart.yaml", *self.absent)}
        is_known = self.flowchart is not None and self.facts is not None
        return is_known and all(problem.file in files for problem in self.problems)

    @cached_property
    def by_key(self) -> dict[str, dict[str, list[Written]]]:
        """Entries by book, then by key, e.g. by_key["agent"]["opening"]."""
        books: dict[str, dict[str, list[Written]]] = {"agent": {}, "customer": {}}
        for written in self.entries:
            for key in written.entry.list_keys():
                books[written.book].setdefault(key, []).append(written)
        return books

    @cached_property
    def causes(self) -> dict[str, KeyPath]:
        """Acts and states that cause steps, each with where the flowchart first names it."""
        causes: dict[str, KeyPath] = {}
        for step in self.flowchart.steps if self.flowchart else ():
            for place, act in enumerate(getattr(self.flowchart.find_element(step), "acts", ())):
                causes.setdefault(act, (*find_path(step), "acts", place))
        return causes

    @cached_property
    def names(self) -> dict[str, Collection[str]]:
        """The names of each kind, without those of a file that cannot be read."""
        names: dict[str, Collection[str]] = {"manner": MANNERS, "demand": DEMANDS}
        if self.facts:
            names["fact"] = self.facts.facts
        if chart := self.flowchart:
            names |= {"step": chart.steps, "slot": chart.slots}
            names["user node"] = [id_ for id_, node in chart.nodes.items() if node.role == "user"]
            names["act"] = {*ACTS, *self.causes, "start", "choose_only"} - STATES
        return names

    def list_placeholders(self, entry: Entry) -> set[str] | None:
        """Names that can stand in the braces of a sound entry; None while a file hides them.

        Example: of the act give(size) {"size"}, of the part "lacking" {"known", "open"}
        """
        if entry.acts:
            return set().union(*(_list_act_placeholders(Act.parse(act)) for act in entry.acts))
        if entry.pending:
            return set()
        if entry.part and entry.part != "offer":
            return (PARTS["agent"] | PARTS["customer"])[entry.part]
        if self.flowchart is None or self.facts is None:
            return None
        offers = [{"name", "offer", *offer.fields()} for offer in self.facts.offers]
        if entry.part:
            # one form for all offers of a message: it can say only what they all have
            slot = find_offer_slot(self.slots, self.facts.offers)
            return set.intersection(*offers) | ({slot} - {""}) if offers else set()
        known = {"agency", *self.facts.facts}
        if entry.answers:
            return known | {"value"}
        steps = [self._list_step_placeholders(step) for step in entry.steps]
        return known.union(self.flowchart.slots, *offers, set.intersection(*steps))

    def _list_step_placeholders(self, step: str) -> set[str]:
        """Those that depend on what causes the step and on what it cites."""
        element = self.flowchart.find_element(step)
        acts = set(getattr(element, "acts", ()))
        asks = {"asks"} if acts & {"slots_missing", "slots_vague"} else set()
        answers = {"answer", "pending"} if "ask" in acts else set()
        facts = [self.facts.facts.get(cite) for cite in element.cites]
        reasons = {"reason"} if any(fact and fact.needs for fact in facts) else set()
        return asks | answers | reasons | ({"offers"} & set(element.cites))


def _list_act_placeholders(act: Act) -> set[str]:
    if act.kind in ("choose", "choose_only"):
        return {"offer", "ordinal"}
    return {"vague": {"vague"}, "give": {act.target}, "revise": {act.target}}.get(act.kind, set())


def list_files(folder: Path) -> dict[str, str]:
    """The files of a domain, each with the book that it is part of, "" if of none.

    All but the synonyms must be there.

    Example: {"flowchart.yaml": "", ..., "phrases/agent.yaml": "agent", ...}
    """
    customers = [file.name for file in sorted((folder / "phrases").glob("customer*.yaml"))]
    books = {"phrases/agent.yaml": "agent"}
    books |= {f"phrases/{name}": "customer" for name in customers or ["customer.yaml"]}
    others = dict.fromkeys(("flowchart.yaml", "facts.yaml", "phrases/slots.yaml"), "")
    optional = {SYNONYMS: ""} if (folder / SYNONYMS).exists() else {}
    return others | books | {"personas.yaml": ""} | optional


def read_draft(folder: Path) -> Draft:
    """Read all files of a domain; bad content never raises."""
    names = [*list_files(folder)]
    books = {name: book for name, book in list_files(folder).items() if book}
    files = {name: read_yaml(folder / name) for name in names}
    problems = [p for name in names[1:] for p in files[name].problems]

    def keep(found):
        problems.extend(found[1])
        return found[0]

    facts = keep(fit_model(files["facts.yaml"], FactsFile))
    cited = None if facts is None else {*facts.facts, "offers", "offer"}
    slots = keep(fit_items(files["phrases/slots.yaml"], dict, SlotTalk))
    if facts:
        for slot, talk in slots.items():
            if talk.values == "offers":
                values = sorted({v for offer in facts.offers for v in offer.list_values(slot)})
                slots[slot] = talk.model_copy(update={"values": values})
    entries = [
        Written(book, files[name], place, entry)
        for name, book in books.items()
        for place, entry in keep(fit_items(files[name], list, Entry)).items()
    ]
    # an act that customers have words for is one, whatever it is called
    said = {a.partition("(")[0] for w in entries if w.book == "customer" for a in w.entry.acts}
    flowchart = keep(draft_flowchart(files["flowchart.yaml"], cited, ACTS | said))
    personas = keep(fit_items(files["personas.yaml"], list, Persona))
    synonyms = keep(fit_items(files[SYNONYMS], dict, Word)) if SYNONYMS in files else {}
    return Draft(files, flowchart, facts, slots, entries, personas, synonyms, problems)


def find_path(step: str) -> KeyPath:
    """Where a step stands in the flowchart's file.

    Example: "settle.paid" -> ("nodes", "settle", "routes", "paid")
    """
    node, _, name = step.partition(".")
    if node == "anywhere":
        return node, name
    return ("nodes", node, "routes", name) if name else ("nodes", node)
