"""Stale knowledge: what a new model still says of a procedure that is no more.

Looked for are values that facts and offers had and have no more, and steps that the flowchart has
no more, by the words of the older domain; what has but another name is not gone. An old value that
somebody else has today cannot be told apart; a step is found only in messages made up of the older
phrase book's wordings.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.design.changes import Changes, compare_domains
from workbench.domain import THEN, Domain, DomainError, read_domain
from workbench.evaluate.regression import is_same_domain, list_parts
from workbench.evaluate.simulation import Simulated
from workbench.facts import NAME, find_stated
from workbench.run import Run
from workbench.source import FOLDER
from workbench.synthesize.scenarios import Scenario
from workbench.templates import TemplateReader

Stated = tuple[str, str]
"""A number and its unit, or a name and "name"."""


@dataclass(frozen=True)
class Finding:
    """One message that is out of date."""

    conversation_id: str
    scenario_id: str
    place: int
    """Index of the message in its conversation."""
    part: str
    """The fact, the offer's field or the step that it is from, e.g. "deposit"."""
    said: str
    """What it says, e.g. "20 %"; of a step, the message."""


@dataclass(frozen=True)
class Staleness:
    """What was found of an older procedure."""

    unknown: str = ""
    """Why nothing could be looked for; "" if it could."""
    is_same: bool = False
    """The procedures are the same: there was nothing to look for."""
    talks: int = 0
    """Conversations looked through."""
    facts: Sequence[Finding] = ()
    routes: Sequence[Finding] = ()
    looked_for: Sequence[str] = ()
    """Facts, offers and steps that are changed or gone, each with what it said."""
    shared: Sequence[str] = ()
    """Changed facts of which the old value is another's today, and so is not looked for."""
    untested: Sequence[str] = ()
    """Changed facts and offers that no customer has occasion to hear of."""
    read_share: float | None = None
    """Share of the agent's messages that are made up of wordings, old or new; None if no step was
    looked for."""

    def count(self, findings: Iterable[Finding]) -> int:
        """Conversations with any of them."""
        return len({finding.conversation_id for finding in findings})


def find_stale(
    run: Run,
    older: Run,
    domain: Domain,
    talks: Sequence[Simulated],
    scenarios: Iterable[Scenario],
) -> Staleness:
    """What the older run's procedure left behind in a run's conversations."""
    if is_same_domain(run, older):
        return Staleness(is_same=True, talks=len(talks))
    folder = find_copy(older)
    if folder is None:
        way_out = "its design stage keeps one when it runs anew, under a new name"
        return Staleness(f"{older.folder} holds no copy of what its domain was; {way_out}")
    try:
        before = read_domain(folder)
    except DomainError as error:
        return Staleness(f"the domain of {older.folder} cannot be read: {error}")
    changes = compare_domains(before, domain)
    values, today = compare_values(changes), {*domain.flowchart.steps}
    facts = [found for talk in talks for found in find_values(talk, changes, values.stale)]
    gone = {step for step in before.flowchart.steps if changes.renames.step(step) not in today}
    routes, share = find_steps(talks, changes, gone) if gone else ([], None)
    return Staleness(
        talks=len(talks),
        facts=facts,
        routes=routes,
        looked_for=[*values.describe(), *sorted(gone)],
        shared=values.shared,
        untested=list_untested(changes, scenarios),
        read_share=share,
    )


def find_copy(run: Run) -> Path | None:
    """Where a run keeps the files of its domain as they were; None if it does not."""
    copy = run.file(f"{FOLDER}/domain")
    return copy if (copy / "flowchart.yaml").exists() else None


@dataclass(frozen=True)
class Values:
    """What facts and offers stated, and state no more."""

    stale: dict[Stated, list[str]] = field(default_factory=dict)
    """What was stated to the facts, and fields of offers, that had it."""
    shared: list[str] = field(default_factory=list)
    """Those whose old value is another's today."""

    def describe(self) -> list[str]:
        """Example: ["deposit: 20 %"]"""
        return [f"{part}: {_write(stated)}" for stated, own in self.stale.items() for part in own]


def compare_values(changes: Changes) -> Values:
    """The values that are no more. Example: stale {("20", "%"): ["deposit"]}"""
    domain = changes.new
    today = {stated for texts in _list_values(domain).values() for t in texts for stated in t}
    today |= {
        stated
        for slot, talk in domain.slots.items()
        for value in talk.values
        for stated in find_stated(talk.on_record(value), domain)
    }
    values, current = Values(), _list_values(domain)
    for part, texts in _list_values(changes.old).items():
        now = current.get(changes.renames.fact(part), ([], []))
        gone = [s for was, still in zip(texts, now, strict=True) for s in was if s not in still]
        for stated in dict.fromkeys(gone):
            if not _is_among(stated, today):
                values.stale.setdefault(stated, []).append(part)
            elif part not in values.shared:
                values.shared.append(part)
    return values


def _list_values(domain: Domain) -> dict[str, tuple[list[Stated], list[Stated]]]:
    """Fact, or offer's field, to what it states when it is said, and what its sentence states.

    An offer's name is a field of it.
    """
    values = {
        id_: (find_stated(fact.spoken(), domain), find_stated(fact.text, domain))
        for id_, fact in domain.facts.items()
    }
    for offer in domain.offers.values():
        for name in domain.offer_units:
            id_ = f"{offer.id}.{name}"
            values[id_] = (find_stated(domain.spoken_fact(id_), domain), [])
        values[f"{offer.id}.name"] = ([(offer.name, NAME)], [])
    return values


def find_values(talk: Simulated, changes: Changes, stale: dict[Stated, list[str]]) -> list[Finding]:
    """The agent's messages of a talk that state an old value the customer did not say first."""
    found, heard = [], set[Stated]()
    for place, message in enumerate(talk.conversation.messages):
        stated = _find_stated(message.content, changes, stale)
        if message.role == "user":
            heard |= {*stated}
        if message.role == "assistant":
            found += [
                Finding(talk.conversation_id, talk.scenario_id, place, part, _write(old))
                for old, parts in stale.items()
                if _is_among(old, stated) and not _is_among(old, heard)
                for part in parts
            ]
    return found


def _find_stated(text: str, changes: Changes, stale: Iterable[Stated]) -> list[Stated]:
    """What a text states, in the older domain's names; a name of today is no part of an old one.

    Example: where "Tools > Align" has become "Tools > Align > All", that does not state the old one
    """
    olds = [name for name, kind in stale if kind == NAME]
    news = {*changes.new.names, *(offer.name for offer in changes.new.offers.values())} - {*olds}
    known = {name.lower(): name for name in olds}
    found: list[Stated] = []

    def take(match: re.Match[str]) -> str:
        said = THEN.sub(" > ", match.group()).lower()
        if said in known:
            found.append((known[said], NAME))
        return "…"

    # the longest first: either may hold the other
    names = sorted({*olds, *news}, key=lambda name: (-len(name), name))
    forms = (THEN.pattern.join(map(re.escape, name.split(" > "))) for name in names)
    any_name = rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)" if names else r"(?!)"
    rest = re.sub(any_name, take, text, flags=re.IGNORECASE)
    return found + find_stated(rest, changes.old)


def find_steps(
    talks: Iterable[Simulated], changes: Changes, gone: set[str]
) -> tuple[list[Finding], float | None]:
    """The agent's messages that take a step which is no more, and the share of all that was read.

    A message counts if the older phrase book makes it up in no way without such a step, and
    today's in none at all.
    """
    readers = TemplateReader(changes.old), TemplateReader(changes.new)
    found, n_read, n = [], 0, 0
    for talk in talks:
        for place, message in enumerate(talk.conversation.messages):
            if message.role != "assistant":
                continue
            old, now = (reader.split(message.content) for reader in readers)
            n, n_read = n + 1, n_read + bool(old or now)
            taken = [{p.step for p in pieces if {*p.step.split("|")} <= gone} for pieces in old]
            if old and not now and all(taken):
                step = sorted(taken[0])[0]
                who = (talk.conversation_id, talk.scenario_id, place)
                found.append(Finding(*who, step, message.content))
    return found, n_read / n if n else None


def list_untested(changes: Changes, scenarios: Iterable[Scenario]) -> list[str]:
    """Facts and offers that are not as they were, and that no customer's path rests on."""
    domain = changes.new
    known = {f"fact.{fact}" for fact in domain.facts} | {f"offer.{o}" for o in domain.offers}
    tested = {part for scenario in scenarios for part in list_parts(scenario, domain)}
    return sorted(known - changes.kept - tested)


def _is_among(stated: Stated, others: Iterable[Stated]) -> bool:
    """Whether it is among them; a number without a unit is that number of anything."""
    value, unit = stated
    if unit == NAME:
        return stated in {*others}
    return any(value == v and (unit == u or not unit or not u) for v, u in others if u != NAME)


def _write(stated: Stated) -> str:
    value, unit = stated
    return value if unit == NAME else f"{value} {unit}".strip()
