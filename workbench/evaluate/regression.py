"""What a new model does better and worse than an older one, before the same customers.

Customers are those of the new run. Paths that the edit left alone are looked at apart from those
that it touched: on these the older model cannot be right, and on the others nothing may be lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from workbench.conversation import Act, Conversation
from workbench.design.changes import ABOUT, Changes, compare_domains
from workbench.design.renames import Renames
from workbench.domain import Domain, DomainError
from workbench.evaluate.conditions import name_local
from workbench.evaluate.metrics import ALL, MEASURES, PERFECT, Score
from workbench.evaluate.statistics import Difference, adjust_holm, compare
from workbench.rules import ANY_FACT, Needs
from workbench.run import Run
from workbench.source import SourceError, read_source
from workbench.synthesize.scenarios import Scenario
from workbench.train.card import hash_model

OFFERING = f"{ABOUT}offering"
"""Key of how offers are made, on which all rests that makes some."""

Kind = Literal["unchanged", "changed", "new"]

BROKEN = ("ending_correct", "facts_right")
"""Measures of which each conversation that got worse is named."""


@dataclass(frozen=True)
class Before:
    """What an older procedure was, under the names of today."""

    used: frozenset[str]
    """Keys of the nodes, routes, facts and offers that conversations used."""
    kept: frozenset[str]
    """Keys of the parts that are what they were."""
    slots: frozenset[str]
    """What customers told."""
    renames: Renames = field(default_factory=Renames)


@dataclass(frozen=True)
class Pair:
    """One customer before both models."""

    new: Score
    old: Score
    kind: Kind
    """Whether the procedure on the customer's path is as it was."""
    wanted: str
    """The acceptable endings, e.g. "success or escalation"."""

    @property
    def changes(self) -> dict[str, float]:
        """Measure to what it is more than before, where that is worse (below 0) or better."""
        found = {}
        for measure in BROKEN:
            new, old = self.new.measures.get(measure), self.old.measures.get(measure)
            if new is not None and old is not None and new != old:
                found[measure] = new - old
        return found


@dataclass(frozen=True)
class Regression:
    """Two models compared."""

    source: str
    """Where the older model's conversations are from, as a sentence."""
    pairs: Sequence[Pair]
    kinds: Mapping[tuple[str, str], Kind]
    """Every customer of the new model, by stratum and scenario, with the kind of its path."""

    def compare(self, stratum: str = ALL, kind: Kind = "unchanged") -> dict[str, Difference]:
        """What each measure is more than before, of a sort of customers on one kind of paths."""
        pairs = [
            pair for pair in self.pairs if pair.kind == kind and stratum in (ALL, pair.new.stratum)
        ]
        return {
            measure: _compare(
                [
                    (pair.new.measures.get(measure), pair.old.measures.get(measure))
                    for pair in pairs
                ],
                pairs,
            )
            for measure in MEASURES
        }

    def compare_parts(self) -> dict[str, Difference]:
        """Hub by hub the share of right decisions, and ending by ending that of right endings.

        On unchanged paths; p values are adjusted as one family. Example key: "hub assess"
        """
        pairs = [pair for pair in self.pairs if pair.kind == "unchanged"]
        hubs = dict.fromkeys(hub for pair in pairs for hub in (*pair.new.hubs, *pair.old.hubs))
        found = {
            f"hub {hub}": _compare(
                [(p.new.right_at(hub), p.old.right_at(hub)) for p in pairs], pairs
            )
            for hub in hubs
        }
        for wanted in dict.fromkeys(pair.wanted for pair in pairs):
            own = [pair for pair in pairs if pair.wanted == wanted]
            ends = [
                (p.new.measures["ending_correct"], p.old.measures["ending_correct"]) for p in own
            ]
            found[f"ending {wanted}"] = _compare(ends, own)
        p_values = {name: gap.p for name, gap in found.items() if gap.p is not None}
        for name, p in adjust_holm(p_values).items():
            found[name].p_adjusted = p
        return found

    def list_changed(self, is_better: bool, kind: Kind = "unchanged") -> list[Pair]:
        """Customers who were served right before and are not now, or the other way round."""
        sign = 1 if is_better else -1
        return [
            pair
            for pair in self.pairs
            if pair.kind == kind and any(sign * gap > 0 for gap in pair.changes.values())
        ]

    def count(self, kind: Kind, stratum: str = ALL) -> int:
        """Customers of the new model on one kind of paths, met by the older one or not."""
        return sum(own == kind and stratum in (ALL, key[0]) for key, own in self.kinds.items())


def losses(measure: str, gap: Difference) -> float | None:
    """By how much a measure got worse, below 0 where it got better; None if nothing is known."""
    if gap.mean is None:
        return None
    return gap.mean if PERFECT[measure] == 0 else -gap.mean


def compare_runs(run: Run, older: Run, domain: Domain) -> Regression:
    """The compiled model of a run beside an older one's.

    The older model's conversations are those that it held with this run's customers, where this
    run's evaluation let it (as `older`, or among the baselines); else those of its own evaluation,
    as far as the customers are the same.
    """
    scenarios = {s.scenario_id: s for s in run.read("scenarios.jsonl", Scenario)}
    scores = run.read("scores.jsonl", Score)
    new = {_key(score): score for score in scores if score.condition == "compiled"}
    before = None if is_same_domain(run, older) else read_before(older, domain)
    source, old = _find_old(run, older, scores, before.renames if before else Renames())
    kinds = {key: classify(scenarios[key[1]], domain, before) for key in new}
    pairs = [
        Pair(new[key], old[key], kinds[key], " or ".join(scenarios[key[1]].endings))
        for key in new
        if key in old
    ]
    return Regression(source, pairs, kinds)


def is_same_domain(run: Run, older: Run) -> bool:
    """Whether a run was evaluated with the very files that an older one was made of.

    It need not have been made of them: they may have been edited after its training.
    """
    stages = ((run, "evaluate"), (older, "synthesize"))
    own, was = (one.manifest.get(stage, {}).get("inputs", {}).get("data") for one, stage in stages)
    return own is not None and own == was


def read_before(run: Run, today: Domain) -> Before:
    """What a run's own conversations and customers say of the procedure that they followed.

    What has but another name today is known by the copy of the domain that the run keeps.
    """
    used: dict[str, str] = {}
    for talk in run.read("conversations.jsonl", Conversation):
        used |= talk.hashes
    scenarios = run.read("scenarios.jsonl", Scenario)
    acts = [act for scenario in scenarios for act in list_acts(scenario)]
    slots = frozenset(act.target for act in acts if act.kind == "give")
    changes = _find_changes(run, today)
    if changes is None:
        kept = {part for part, hashed in used.items() if today.hashes.get(part) == hashed}
        # of what conversations keep no hash, nobody can tell
        silent = {node.id for node in today.flowchart.nodes.values() if node.role != "agent"}
        return Before(frozenset(used), frozenset(kept | silent | {OFFERING}), slots)
    renames, known = changes.renames, changes.old.hashes
    # the copy is not always what all conversations were made of
    others = {renames.part(part) for part, own in used.items() if known.get(part, own) != own}
    return Before(frozenset(map(renames.part, used)), changes.kept - others, slots, renames)


def _find_changes(run: Run, today: Domain) -> Changes | None:
    """What has changed since a run was made; None if it keeps no copy to see that by."""
    # that nothing is known is said where old values are looked for
    with suppress(SourceError, DomainError):
        return compare_domains(read_source(run, today), today)
    return None


def list_acts(scenario: Scenario) -> list[Act]:
    """All that a customer does, in no order."""
    return [Act.parse(act) for visits in scenario.plan.values() for own in visits for act in own]


def list_parts(scenario: Scenario, domain: Domain) -> set[str]:
    """What of the domain a customer's conversation rests on, as keys of `Domain.hashes`.

    Of offers it is all that may be made for what the customer wants at any time, of side trips all
    that it may cause.
    """
    acts, chart = list_acts(scenario), domain.flowchart
    given: dict[str, set[str]] = {}
    for act in acts:
        if act.value:
            given.setdefault(act.target, set()).add(act.value)
    kinds = {act.kind for act in acts}
    steps = {step for message in scenario.steps for step in message}
    steps |= {f"anywhere.{name}" for name, trip in chart.anywhere.items() if kinds & {*trip.acts}}
    # where it leads: a customer's turn has no step
    places = {part for s in steps for part in (s.split(".")[0], chart.step_target(s))}
    parts = steps | places
    cited = {cite for step in steps for cite in domain.cites(step)}
    asked = {act.target for act in acts if act.kind == "ask"}
    parts |= {
        f"fact.{name}"
        for name, fact in domain.facts.items()
        if name in asked or (name in cited and _may_hold(fact.needs, given))
    }
    if made := cited & ANY_FACT:
        offers = domain.offer_needs.items()
        parts |= {f"offer.{offer}" for offer, needs in offers if _may_hold(needs, given)}
    return {part for part in parts if part in domain.hashes} | ({OFFERING} if made else set())


def _may_hold(needs: Needs, given: Mapping[str, set[str]]) -> bool:
    """Whether every need may be met by some value that is given; who gives none may have any."""
    return all(slot not in given or given[slot] & {*values} for slot, values in needs.items())


def classify(scenario: Scenario, domain: Domain, before: Before | None) -> Kind:
    """Whether the procedure on a customer's path is as it was; `before` None: it all is.

    A path with a step that there was not is new. One with a part that was otherwise is changed,
    and so is one on which it is asked for other details than before.
    """
    if before is None:
        return "unchanged"
    steps = {step for message in scenario.steps for step in message}
    if not steps <= before.used:
        return "new"
    is_asked = any(domain.slot_states(step) for step in steps)
    if is_asked and before.slots != {*domain.flowchart.slots}:
        return "changed"
    return "unchanged" if list_parts(scenario, domain) <= before.kept else "changed"


def _find_old(
    run: Run, older: Run, scores: Iterable[Score], renames: Renames
) -> tuple[str, dict[tuple[str, str], Score]]:
    name, model = name_local(older), hash_model(older.manifest["train"])
    own = {_key(score): score for score in scores if score.condition == name}
    # evaluated again without it, a run has no scores of it, whatever is on record
    if own and run.manifest.get("evaluate", {}).get("models", {}).get(name) == model:
        return f"The model of {older.name} met the customers of {run.name} itself.", own
    own = {
        _key(score): _rename_hubs(score, renames)
        for score in older.read("scores.jsonl", Score)
        if score.condition == "compiled"
    }
    return (
        f"The model of {older.name} met its own customers; compared are those who are the same."
        f" To let it meet all: -p older {older.name} in stage 5 of {run.name}.",
        own,
    )


def _rename_hubs(score: Score, renames: Renames) -> Score:
    hubs = {renames.node(hub): counts for hub, counts in score.hubs.items()}
    return score.model_copy(update={"hubs": hubs})


def _key(score: Score) -> tuple[str, str]:
    return score.stratum, score.scenario_id


def _compare(
    values: Sequence[tuple[float | None, float | None]], pairs: Sequence[Pair]
) -> Difference:
    ones, others = [new for new, _ in values], [old for _, old in values]
    return compare(ones, others, [pair.new.path_id for pair in pairs])
