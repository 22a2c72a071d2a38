"""Stale knowledge: what a new model still says of a procedure that is no more.

Looked for are values that facts and offers had and have no more, and steps that the flowchart has
no more, by the words of the older domain. An old value that somebody else has today cannot be told
apart; a step is found only in messages made up of the older phrase book's wordings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.domain import Domain, DomainError, read_domain
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
    values = compare_values(before, domain)
    facts = [found for talk in talks for found in find_values(talk, before, values.stale)]
    gone = {*before.flowchart.steps} - {*domain.flowchart.steps}
    routes, share = find_steps(talks, before, domain, gone) if gone else ([], None)
    return Staleness(
        talks=len(talks),
        facts=facts,
        routes=routes,
        looked_for=[*values.describe(), *sorted(gone)],
        shared=values.shared,
        untested=list_untested(before, domain, scenarios),
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


def compare_values(before: Domain, domain: Domain) -> Values:
    """The values that are no more. Example: stale {("20", "%"): ["deposit"]}"""
    today = {stated for texts in _list_values(domain).values() for t in texts for stated in t}
    today |= {
        stated
        for slot, talk in domain.slots.items()
        for value in talk.values
        for stated in find_stated(talk.on_record(value), domain)
    }
    values, current = Values(), _list_values(domain)
    for part, (spoken, _) in _list_values(before).items():
        if part in current and current[part][0] == spoken:
            continue
        for stated in spoken:
            if _is_among(stated, today):
                values.shared.append(part)
            else:
                values.stale.setdefault(stated, []).append(part)
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


def find_values(talk: Simulated, before: Domain, stale: dict[Stated, list[str]]) -> list[Finding]:
    """The agent's messages of a talk that state an old value the customer did not say first."""
    found, heard = [], set[Stated]()
    for place, message in enumerate(talk.conversation.messages):
        stated = find_stated(message.content, before)
        stated += [(n, k) for n, k in stale if k == NAME and n.lower() in message.content.lower()]
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


def find_steps(
    talks: Iterable[Simulated], before: Domain, domain: Domain, gone: set[str]
) -> tuple[list[Finding], float | None]:
    """The agent's messages that take a step which is no more, and the share of all that was read.

    A message counts if the older phrase book makes it up in no way without such a step, and
    today's in none at all.
    """
    readers = TemplateReader(before), TemplateReader(domain)
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


def list_untested(before: Domain, domain: Domain, scenarios: Iterable[Scenario]) -> list[str]:
    """Facts and offers that are not as they were, and that no customer's path rests on."""
    kinds = ("fact.", "offer.")
    changed = {
        part
        for part, hashed in domain.hashes.items()
        if part.startswith(kinds) and before.hashes.get(part) != hashed
    }
    tested = {part for scenario in scenarios for part in list_parts(scenario, domain)}
    return sorted(changed - tested)


def _is_among(stated: Stated, others: Iterable[Stated]) -> bool:
    """Whether it is among them; a number without a unit is that number of anything."""
    value, unit = stated
    if unit == NAME:
        return stated in {*others}
    return any(value == v and (unit == u or not unit or not u) for v, u in others if u != NAME)


def _write(stated: Stated) -> str:
    value, unit = stated
    return value if unit == NAME else f"{value} {unit}".strip()
