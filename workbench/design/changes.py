"""What has changed between two states of a domain: part by part, renames recognized as such."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from workbench.design.renames import Renames, find_renames
from workbench.design.sayings import Saying, list_sayings
from workbench.domain import Domain

WORDS = {"say", "when", "ask", "text", "description", "title"}
"""Fields in which a change is one of words alone."""

ABOUT = "the/"
"""What keys begin with that are of the domain as a whole: no node can be called so."""

SHARE = "share/"
"""What the key of an end's share begins with."""

NEVER_SAID = (SHARE, f"{ABOUT}synonyms")
"""How keys begin of parts that no conversation is made of."""

MOST_SHOWN = 2
"""Wordings of one key that are shown as examples."""

Kind = Literal["added", "removed", "renamed", "reworded", "rewired", "changed"]


@dataclass(frozen=True)
class Change:
    """One change, to be shown."""

    kind: Kind
    what: str
    """node, route, side trip, slot, fact, offer, persona, prompt, wordings, ..."""

    name: str
    """Of what is gone the old name, else today's."""

    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Changes:
    """All changes from one state of a domain to another."""

    old: Domain
    new: Domain
    renames: Renames
    listed: list[Change]
    touched: frozenset[str] = frozenset()
    """Old keys of the parts that are gone or not what they were, e.g. {"fact.deposit"}."""

    unsaid: list[Saying] = field(default_factory=list)
    """What training may no longer say, under today's names."""

    kept: frozenset[str] = frozenset()
    """Today's keys of the parts that are what they were, whatever they were called."""

    def __bool__(self) -> bool:
        """Whether anything has changed, be it a name."""
        return bool(self.listed)

    @property
    def are_names_all(self) -> bool:
        """Whether nothing is different but what things are called."""
        return all(change.kind == "renamed" for change in self.listed)

    @property
    def is_something_gone(self) -> bool:
        """Whether the procedure has lost a node, a route or a side trip."""
        parts = {"node", "route", "side trip"}
        return any(c.kind == "removed" and c.what in parts for c in self.listed)

    @cached_property
    def added_nodes(self) -> set[str]:
        """Ids of nodes that are new."""
        known = {self.renames.node(node) for node in self.old.flowchart.nodes}
        return {*self.new.flowchart.nodes} - known

    @cached_property
    def removed_nodes(self) -> set[str]:
        """Old ids of nodes that are gone."""
        nodes = self.new.flowchart.nodes
        return {n for n in self.old.flowchart.nodes if self.renames.node(n) not in nodes}


def compare_domains(old: Domain, new: Domain) -> Changes:
    """What has changed. Comments, layout and the order of things are no change.

    Test wordings and rubrics are left out: no conversation of the training is made of them.
    """
    renames = find_renames(old, new)
    before, after = list_parts(old, renames), list_parts(new, Renames())
    old_keys = dict(zip(before, list_parts(old, Renames()), strict=True))
    listed = _list_renames(renames)
    touched, kept = set[str](), {key for key in before if before[key] == after.get(key)}
    steps = {*map(renames.step, old.flowchart.steps), *new.flowchart.steps}
    for key in [*before, *(key for key in after if key not in before)]:
        change = _compare(_name_part(key, steps), before.get(key), after.get(key))
        if change:
            listed.append(change)
            if key in before and not key.startswith(NEVER_SAID):
                touched.add(old_keys[key])
    said, says = list_sayings(old, renames), list_sayings(new)
    listed += _list_wordings(said - says, says - said)
    unsaid = sorted(said - says)
    return Changes(old, new, renames, listed, frozenset(touched), unsaid, frozenset(kept))


def list_parts(domain: Domain, renames: Renames) -> dict[str, dict[str, Any]]:
    """Key to the fields of each part, under today's names.

    Keys are those of `Domain.hashes`, and a few more for what has no hash of its own.
    """
    chart, cite = domain.flowchart, lambda cites: [renames.facts.get(c, c) for c in cites]
    parts: dict[str, dict[str, Any]] = {}
    for node in chart.nodes.values():
        own = {"role": node.role, "say": node.say, "cites": cite(node.cites)}
        own["outcome"] = node.outcome
        if "" in node.routes:
            own["to"] = renames.node(node.routes[""].to)
        parts[renames.node(node.id)] = own
        if node.share:
            parts[f"{SHARE}{renames.node(node.id)}"] = {"share": node.share}
        for name, route in node.routes.items():
            if name:
                fields = route.model_dump() | {"to": renames.node(route.to)}
                fields["cites"] = cite(route.cites)
                parts[renames.step(f"{node.id}.{name}")] = fields
    for name, trip in chart.anywhere.items():
        fields = trip.model_dump() | {"cites": cite(trip.cites)}
        parts[renames.step(f"anywhere.{name}")] = fields
    parts |= {f"slot.{name}": slot.model_dump() for name, slot in chart.slots.items()}
    for name, fact in domain.facts.items():
        parts[renames.part(f"fact.{name}")] = fact.model_dump(exclude={"source"})
    for name, offer in domain.offers.items():
        parts[renames.part(f"offer.{name}")] = offer.model_dump(exclude={"id"})
    for persona in domain.personas:
        parts[renames.part(f"persona.{persona.id}")] = persona.model_dump(exclude={"id"})
    parts |= {key: {"hash": h} for key, h in domain.hashes.items() if key.startswith("prompt.")}
    whole = {
        "agency": {"agency": domain.agency},
        "title": {"title": chart.title},
        "start": {"to": renames.node(chart.start)},
        "offering": domain.offering.model_dump() | {"units": domain.offer_units},
        "synonyms": domain.synonyms,
    }
    return parts | {f"{ABOUT}{name}": fields for name, fields in whole.items()}


KINDS = {
    **{kind: kind for kind in ("slot", "fact", "offer", "persona", "prompt")},
    "anywhere": "side trip",
}
"""First part of a key to what it is of; other keys are of nodes and routes."""


def _compare(
    named: tuple[str, str], before: Mapping | None, after: Mapping | None
) -> Change | None:
    what, name = named
    if before is None:
        return Change("added", what, name, "", _write(after or {}, after or {}))
    if after is None:
        return Change("removed", what, name, _write(before, before), "")
    differ = [f for f in {**before, **after} if before.get(f) != after.get(f)]
    if not differ:
        return None
    how: Kind = "rewired" if "to" in differ else "reworded" if {*differ} <= WORDS else "changed"
    return Change(how, what, name, _write(before, differ), _write(after, differ))


def _name_part(key: str, steps: Container[str]) -> tuple[str, str]:
    """What a key is of, and its name. Example: "fact.deposit" -> ("fact", "deposit")"""
    if key.startswith(ABOUT):
        name = key.removeprefix(ABOUT)
        return name, name
    if key.startswith(SHARE):
        return "share", key.removeprefix(SHARE)
    kind, _, name = key.partition(".")
    # a node may be called as a kind of part is
    if kind in KINDS and name and (kind == "anywhere" or key not in steps):
        return KINDS[kind], name
    return ("route" if name else "node"), key


def _write(fields: Mapping[str, Any], names: Any) -> str:
    """Example: "value 20, unit %" """
    said = {name: fields[name] for name in names if fields.get(name) not in (None, "", (), [], {})}
    if [*said] == ["hash"]:
        return ""
    return "; ".join(f"{name}: {_spell(value)}" for name, value in said.items())


def _spell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_spell(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _list_renames(renames: Renames) -> list[Change]:
    kinds = {"node": renames.nodes, "fact": renames.facts, "offer": renames.offers}
    kinds |= {"side trip": renames.trips, "persona": renames.personas}
    listed = [
        Change("renamed", what, after, before, after)
        for what, names in kinds.items()
        for before, after in names.items()
    ]
    for before, after in renames.routes.items():
        # the routes of a renamed node are renamed with it, which need not be said
        if before.partition(".")[2] != after.partition(".")[2]:
            listed.append(Change("renamed", "route", after, before, after))
    return listed


def _list_wordings(gone: set[Saying], come: set[Saying]) -> list[Change]:
    """One change a key of the phrase book, with a few examples."""
    listed = []
    for role, key in dict.fromkeys((s.role, s.key) for s in sorted(gone | come)):
        old, new = (
            sorted(s.text for s in side if (s.role, s.key) == (role, key)) for side in (gone, come)
        )
        kind: Kind = "reworded" if old and new else "removed" if old else "added"
        who = "agent" if role == "assistant" else "customer"
        listed.append(Change(kind, "wordings", f"{who}: {key}", _quote(old), _quote(new)))
    return listed


def _quote(texts: list[str]) -> str:
    """Example: '"Hello.", "Hi." and 3 more'"""
    shown = ", ".join(f'"{text}"' for text in texts[:MOST_SHOWN])
    more = len(texts) - MOST_SHOWN
    return shown + (f" and {more} more" if more > 0 else "")
