"""What a new model does better and worse than an older one, before the same customers.

Customers are those of the new run. Paths that the edit left alone are looked at apart from those
that it touched: on these the older model cannot be right, and on the others nothing may be lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.conversation import Act, Conversation
from workbench.domain import Domain
from workbench.evaluate.metrics import ALL, MEASURES, PERFECT, Score
from workbench.evaluate.statistics import Difference, adjust_holm, compare
from workbench.rules import ANY_FACT, Needs
from workbench.run import Run
from workbench.synthesize.scenarios import Scenario
from workbench.train.card import hash_model

OLDER = "older"
"""What stands before the slash in the name of the condition in which an older run's model meets
this run's customers, e.g. "older/demo"."""

Kind = Literal["unchanged", "changed", "new"]

BROKEN = ("ending_correct", "facts_right")
"""Measures of which each conversation that got worse is named."""


@dataclass(frozen=True)
class Before:
    """What an older procedure was."""

    parts: Mapping[str, str]
    """Content hash of each node, route, fact and offer that conversations used."""
    slots: frozenset[str]
    """What customers told."""


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
            f"hub {hub}": _compare([(_at(p.new, hub), _at(p.old, hub)) for p in pairs], pairs)
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
    run's evaluation let it (`older`); else those of its own evaluation, as far as the customers
    are the same.
    """
    scenarios = {s.scenario_id: s for s in run.read("scenarios.jsonl", Scenario)}
    scores = run.read("scores.jsonl", Score)
    new = {_key(score): score for score in scores if score.condition == "compiled"}
    source, old = _find_old(run, older, scores)
    before = None if is_same_domain(run, older) else read_before(older)
    kinds = {key: classify(scenarios[key[1]], domain, before) for key in new}
    pairs = [
        Pair(new[key], old[key], kinds[key], " or ".join(scenarios[key[1]].endings))
        for key in new
        if key in old
    ]
    return Regression(source, pairs, kinds)


def is_same_domain(run: Run, older: Run) -> bool:
    """Whether two runs were made of the same files."""
    hashes = [
        one.manifest.get("synthesize", {}).get("inputs", {}).get("data") for one in (run, older)
    ]
    return hashes[0] is not None and hashes[0] == hashes[1]


def read_before(run: Run) -> Before:
    """What a run's own conversations and customers say of the procedure that they followed."""
    parts: dict[str, str] = {}
    for talk in run.read("conversations.jsonl", Conversation):
        parts |= talk.hashes
    acts = [
        act for scenario in run.read("scenarios.jsonl", Scenario) for act in list_acts(scenario)
    ]
    return Before(parts, frozenset(act.target for act in acts if act.kind == "give"))


def list_acts(scenario: Scenario) -> list[Act]:
    """All that a customer does, in no order."""
    return [Act.parse(act) for visits in scenario.plan.values() for own in visits for act in own]


def list_parts(scenario: Scenario, domain: Domain) -> set[str]:
    """What of the domain a customer's conversation rests on, as keys of `Domain.hashes`.

    Of offers it is all that may be made for what the customer wants at any time.
    """
    acts = list_acts(scenario)
    given: dict[str, set[str]] = {}
    for act in acts:
        if act.value:
            given.setdefault(act.target, set()).add(act.value)
    steps = {step for message in scenario.steps for step in message}
    parts = {part for step in steps for part in (step, step.split(".")[0])}
    cited = {cite for step in steps for cite in domain.cites(step)}
    asked = {act.target for act in acts if act.kind == "ask"}
    parts |= {
        f"fact.{name}"
        for name, fact in domain.facts.items()
        if name in asked or (name in cited and _may_hold(fact.needs, given))
    }
    if cited & ANY_FACT:
        offers = domain.offer_needs.items()
        parts |= {f"offer.{offer}" for offer, needs in offers if _may_hold(needs, given)}
    return {part for part in parts if part in domain.hashes}


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
    if not steps <= before.parts.keys():
        return "new"
    is_asked = any(domain.slot_states(step) for step in steps)
    if is_asked and before.slots != {*domain.flowchart.slots}:
        return "changed"
    parts = list_parts(scenario, domain)
    is_same = all(before.parts.get(part) == domain.hashes[part] for part in parts)
    return "unchanged" if is_same else "changed"


def _find_old(
    run: Run, older: Run, scores: Iterable[Score]
) -> tuple[str, dict[tuple[str, str], Score]]:
    name, model = f"{OLDER}/{older.name}", hash_model(older.manifest["train"])
    evaluated = run.manifest.get("evaluate", {})
    if evaluated.get("older", {}).get(older.name) == model:
        own = {_key(score): score for score in scores if score.condition == name}
        return f"The model of {older.name} met the customers of {run.name} itself.", own
    own = {_key(s): s for s in older.read("scores.jsonl", Score) if s.condition == "compiled"}
    return (
        f"The model of {older.name} met its own customers; compared are those who are the same."
        f" To let it meet all: -p older {older.name} in stage 5 of {run.name}.",
        own,
    )


def _key(score: Score) -> tuple[str, str]:
    return score.stratum, score.scenario_id


def _at(score: Score, hub: str) -> float | None:
    """Share of the decisions at a hub that are right; None if the talk never came there."""
    right, total = score.hubs.get(hub, (0, 0))
    return right / total if total else None


def _compare(
    values: Sequence[tuple[float | None, float | None]], pairs: Sequence[Pair]
) -> Difference:
    ones, others = [new for new, _ in values], [old for _, old in values]
    return compare(ones, others, [pair.new.path_id for pair in pairs])
