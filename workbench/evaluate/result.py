"""`result.json`: every condition, stratum, measure, difference and unscored count."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from itertools import chain, groupby
from typing import Any

from pydantic import BaseModel as Record

from workbench.domain import Domain
from workbench.evaluate.audit import (
    describe_customers,
    find_tainted,
    measure_swaps,
    measure_taint,
    only_tainted,
    without_tainted,
)
from workbench.evaluate.breakdown import (
    READING_WHOLE,
    average_by_behaviour,
    average_by_hub,
    compare_parts,
    count_endings,
    measure_savings,
)
from workbench.evaluate.faults import is_measured, measure_detection
from workbench.evaluate.humans import find_cases, measure_humans
from workbench.evaluate.kept import KeptTalks
from workbench.evaluate.metrics import Score, average_scores, compare_scores
from workbench.evaluate.reading_error import measure_recognizer, measure_recognizer_by_condition
from workbench.evaluate.repeats import measure_pass_k
from workbench.evaluate.simulation import Simulated
from workbench.models import describe_hardware
from workbench.recognizer import AgentRecognizer, CustomerRecognizer
from workbench.run import Run
from workbench.synthesize.behaviours import list_behaviours
from workbench.synthesize.scenarios import Scenario
from workbench.train.base_model import BaseModel

STAGES = ("design", "synthesize", "inspect", "train", "evaluate")


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation's simulations came to."""

    scenarios: Sequence[Scenario]
    talks: KeptTalks
    scores: Sequence[Score]
    forgiveness: Mapping[str, Mapping[str, Any]]
    """What `measure_forgiveness` makes of the same conversations."""
    repeats: Sequence[Score]
    """Of the compiled model before repeated customers; they share their scenario's id."""
    as_baselines: Iterable[Simulated]
    """Of the compiled model before the prompted baselines' customers alone."""
    agent_reader: AgentRecognizer
    customer_reader: CustomerRecognizer
    broken: Sequence[Simulated] = ()
    """Talks that were broken off: nothing but a call that had no answer is known of them."""


def build_result(
    run: Run, domain: Domain, base: BaseModel, found: Evaluated, margin: float
) -> dict[str, Any]:
    """All figures of an evaluation as plain values."""
    measured = found.talks.only(is_measured)
    scores = [score for score in found.scores if is_measured(score.condition)]
    accuracy = measure_recognizer(found.talks, found.agent_reader)
    by_condition = measure_recognizer_by_condition(found.talks, found.agent_reader, domain)
    cases = find_cases()
    endings = {scenario.scenario_id: scenario.endings for scenario in found.scenarios}
    parts = {
        "schema": 2,
        "domain": domain.name,
        "run": run.name,
        "margin": margin,
        **_describe(run, base),
        "recognizer": {
            "accuracy": accuracy.mean,
            **accuracy.model_dump(include={"n", "low", "high"}),
        },
        "recognizer_by_condition": {name: error.alike for name, error in by_condition.items()},
        "parsed_by_condition": {name: error.parsed for name, error in by_condition.items()},
        "empty_by_condition": {name: error.empty for name, error in by_condition.items()},
        "conditions": average_scores(found.scores),
        "differences": {"compiled": compare_scores(scores)},
        "differences_by_part": {"compiled": compare_parts(scores, endings)},
        "instruments": measure_detection(found.talks, found.scores),
        "by_hub": average_by_hub(scores),
        "by_ending": count_endings(scores, endings),
        "by_behaviour": average_by_behaviour(
            scores, {s.scenario_id: s.behaviours for s in found.scenarios}
        ),
        "forgiveness": found.forgiveness,
        "untrained_kinds": list_behaviours(domain, "untrained"),
        "pass_k": measure_pass_k(found.repeats, _list_ks(found.repeats)),
        "savings": measure_savings(chain(measured, found.as_baselines)),
        "broken_off": _count_broken(found.broken),
        "cost": _cost_by_condition(chain(found.talks, found.as_baselines)),
        **_audit(measured, scores, found.customer_reader, domain),
        **({"humans": measure_humans(cases)} if cases else {}),
    }
    return plain(parts)


def plain(found: Any) -> Any:
    """Records and dataclasses, however deep, as dictionaries; keys as text."""
    if isinstance(found, Record):
        return found.model_dump()
    if is_dataclass(found) and not isinstance(found, type):
        return plain(asdict(found))
    if isinstance(found, Mapping):
        return {str(key): plain(value) for key, value in found.items()}
    return [plain(item) for item in found] if isinstance(found, list | tuple) else found


def _describe(run: Run, base: BaseModel) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "base_model": {
            name: getattr(base, name) for name in ("name", "source", "quantization", "sha256")
        },
        "teacher": manifest["synthesize"]["teacher"],
        "hardware": describe_hardware(),
        "seconds": {
            stage: manifest[stage]["seconds"]
            for stage in STAGES
            if "seconds" in manifest.get(stage, {})
        },
    }


def _list_ks(scores: Iterable[Score]) -> list[int]:
    counts: dict[str, int] = {}
    for score in scores:
        counts[score.scenario_id] = counts.get(score.scenario_id, 0) + 1
    return list(range(1, max(counts.values(), default=0) + 1))


def _audit(
    talks: KeptTalks,
    scores: Sequence[Score],
    reader: CustomerRecognizer,
    domain: Domain,
) -> dict[str, Any]:
    """The customers who met the compiled model, and the scores without those whose words slipped.

    Tainted talks are those of any condition: each is scored without its own.
    """
    tainted = find_tainted(talks, reader, domain)
    own = talks.only("compiled".__eq__)
    return {
        "audit": measure_taint(own, tainted),
        "audit_swaps": measure_swaps(own, reader, domain),
        "tainted": {
            talk.conversation_id: tainted[talk.conversation_id]
            for talk in own
            if talk.conversation_id in tainted
        },
        "untainted": average_scores(without_tainted(scores, tainted)),
        "only_tainted": average_scores(only_tainted(scores, tainted)),
        "customers": describe_customers(own, {*domain.flowchart.slots}),
    }


def _cost_by_condition(talks: Iterable[Simulated]) -> dict[str, dict[str, float]]:
    # a provider that does not count its tokens has none that could be compared
    counted = (talk for talk in talks if talk.is_counted)
    # a condition's talks stand together
    return {name: average_cost(own) for name, own in groupby(counted, lambda t: t.condition)}


def _count_broken(talks: Iterable[Simulated]) -> dict[str, dict[str, int]]:
    """By condition, why talks were broken off, and how many."""
    found: dict[str, Counter[str]] = {}
    for talk in talks:
        found.setdefault(talk.condition, Counter())[talk.failure] += 1
    return found


_COSTS = ("replies", "prompt_tokens", "cached_tokens", "reply_tokens", "seconds", "cost_usd")


def average_cost(talks: Iterable[Simulated]) -> dict[str, float | None]:
    """Tokens and seconds of a condition's mean conversation, of the tested agent alone."""
    costs: dict[str, list[Any]] = {name: [] for name in _COSTS}
    calls, reading_s = [], []
    for talk in talks:
        for name, column in costs.items():
            column.append(getattr(talk, name))
        calls += [usage.calls for usage in talk.usage]
        reading_s += [usage.reading_s for usage in talk.usage]
    n, paid = len(costs["replies"]), costs.pop("cost_usd")
    sums = {name: sum(column) for name, column in costs.items()}
    replies, seconds, read_s = max(1, sums["replies"]), sums["seconds"], sum(reading_s)
    n_read = sums["prompt_tokens"]
    if talk.condition != READING_WHOLE:
        n_read -= sums["cached_tokens"]
    return {
        "conversations": n,
        "replies": round(replies / n, 2),
        "prompt_tokens": round(sums["prompt_tokens"] / n, 1),
        "cached_tokens": round(sums["cached_tokens"] / n, 1),
        "reply_tokens": round(sums["reply_tokens"] / n, 1),
        "seconds_per_reply": round(seconds / replies, 4),
        "seconds_per_conversation": round(seconds / n, 3),
        # what came over the network, or from earlier versions, does not say how long it read
        "read_per_s": round(n_read / read_s, 1) if read_s else None,
        # talks of earlier versions do not say how often a model was asked
        "calls": round(sum(calls) / n, 2) if len(calls) == replies else None,
        "paid_usd": None if None in paid else round(sum(paid) / n, 6),
    }
