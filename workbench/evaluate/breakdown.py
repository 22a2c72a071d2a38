"""What a result says beyond its means: by hub, ending and behaviour, what compiling saves, bars."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.evaluate.metrics import MEASURES, PERFECT, Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import (
    Difference,
    Metric,
    Ratio,
    adjust_holm,
    average,
    compare,
    compare_ratio,
)

MARGIN = 0.05
"""How much worse still counts as "as good", unless an evaluation says otherwise."""

ALPHA = 0.05
"""A difference with a p value below is taken to be there."""

FEWEST_PATHS = 6
"""Paths that a hub or an ending needs to be compared at: over fewer, p is never below `ALPHA`."""

AS_BASELINES = "compiled/as_baselines"
"""The compiled model before the prompted baselines' customers alone: for what compiling saves."""

PROMPTED = ("in_context", "orchestrated")
"""What stands before the slash in the names of those baselines."""

READING_WHOLE = "orchestrated/base"
"""The one on this machine whose cached tokens are counted, but read all the same."""

QUANTITIES = {
    "prompt_tokens": "tokens of prompts",
    "tokens_read": "tokens of prompts that no cache has",
    "reply_tokens": "tokens of replies",
    "seconds": "seconds of the agent",
    "replies": "replies",
}
"""What is compared of the same customers' talks, without and with a prefix cache."""

BATCHED = ("tokens_read", "seconds")
"""Those that depend on how many talks are held at once."""


WORST = "worst"

ENOUGH = 30
"""Measurements without which none is called the worst: of few, chance makes it."""


@dataclass(frozen=True)
class Bar:
    """What was wished of a figure before it was measured."""

    name: str
    where: tuple[str, ...]
    """Keys that lead to it in the result; "*" stands for each key there, WORST for the one that
    falls shortest."""

    wanted: float
    is_most: bool = False
    """The figure should be at most what is wanted, not at least."""


ENDINGS = "ending_correct"

BARS = (
    *(
        Bar(f"right endings, {stratum}", ("conditions", "compiled", stratum, ENDINGS), wanted)
        for stratum, wanted in (
            ("seen", 0.98),
            ("unseen", 0.95),
            ("difficult", 0.88),
            ("adversarial", 0.85),
        )
    ),
    *(
        Bar(f"facts right, {stratum}", ("conditions", "compiled", stratum, "facts_right"), 0.97)
        for stratum in ("seen", "unseen", "difficult")
    ),
    Bar("messages read right", ("recognizer",), 0.97),
    Bar("messages read right", ("recognizer_by_condition", WORST), 0.97),
    Bar("faults detected", ("instruments", "detected", "*"), 0.95),
    Bar("false alarms", ("instruments", "false_alarms", "walker"), 0.05, is_most=True),
)
"""The bars of this project."""


def verdict(result: Mapping[str, Any], bars: Iterable[Bar] = BARS) -> list[dict[str, Any]]:
    """Each bar with what was reached, as {bar, wanted, is_most, reached, low, high, n, unscored,
    is_met, is_sure}.

    `is_met` looks at the figure, `is_sure` at the bad end of its interval too; both are None where
    nothing was measured, which is neither.
    """
    return [
        _compare_with(bar, name, found)
        for bar in bars
        for name, found in _find(result, bar.where, bar)
    ]


def _find(
    found: Any, where: Sequence[str], bar: Bar, key: str = ""
) -> list[tuple[str, dict[str, Any]]]:
    if not where:
        return [(f"{bar.name}, {key}" if key else bar.name, found or {})]
    first, *rest = where
    if first == WORST:
        known = {key: one for key, one in (found or {}).items() if one["n"] >= ENOUGH}
        pick = max if bar.is_most else min
        worst = pick(known, key=lambda key: known[key]["mean"], default="")
        return _find(known.get(worst), rest, bar, f"worst: {worst}" if worst else WORST)
    if first != "*":
        return _find((found or {}).get(first), rest, bar, key)
    every = [
        pair for key in found or {} for pair in _find(found[key], rest, bar, key.rpartition("/")[2])
    ]
    return every or [(bar.name, {})]


def _compare_with(bar: Bar, name: str, found: dict[str, Any]) -> dict[str, Any]:
    reached = found.get("mean", found.get("accuracy"))
    low, high = found.get("low"), found.get("high")
    worst = high if bar.is_most else low
    return {
        "bar": name,
        "wanted": bar.wanted,
        "is_most": bar.is_most,
        "reached": reached,
        "low": low,
        "high": high,
        "n": found.get("n", 0),
        "unscored": found.get("unscored", 0),
        "is_met": _is_past(bar, reached),
        "is_sure": _is_past(bar, worst) if reached is not None else None,
    }


def _is_past(bar: Bar, value: float | None) -> bool | None:
    if value is None:
        return None
    return value <= bar.wanted if bar.is_most else value >= bar.wanted


def judge_difference(measure: str, difference: Difference, margin: float) -> str:
    """What a paired difference shows: "better", "as good", "worse", "open", or "" if nothing.

    "As good" is claimed only against the margin, never because no difference was found: where
    neither is shown, the matter is open. "Better" and "worse" need the p value too, adjusted if it
    is one of a family: of few customers on few paths no interval can be trusted. What lies wholly
    on the better side, but is significant only by itself, is "as good".
    """
    if difference.mean is None or difference.low is None or difference.high is None:
        return ""
    is_less_better = PERFECT[measure] == 0
    low, high = difference.low, difference.high
    gain, loss = (-high, -low) if is_less_better else (low, high)
    p = difference.p if difference.p_adjusted is None else difference.p_adjusted
    is_shown = p is not None and p < ALPHA
    if gain > 0 and not is_shown:
        # chance alone may look so among so many rows, but hardly in this one
        return "as good" if difference.p is not None and difference.p < ALPHA else "open"
    if gain > 0:
        return "better"
    if difference.is_as_good(margin, is_less_better):
        return "as good"
    return "worse" if loss < 0 and is_shown else "open"


def average_by_hub(scores: Iterable[Score]) -> dict[str, dict[str, dict[str, Metric]]]:
    """Share of decisions right by condition, stratum and hub; n counts decisions."""
    groups: dict[tuple[str, str, str], tuple[list[float], list[str]]] = {}
    for score in scores:
        for hub, (right, total) in score.hubs.items():
            values, paths = groups.setdefault((score.condition, score.stratum, hub), ([], []))
            values += [1.0] * right + [0.0] * (total - right)
            paths += [score.path_id] * total
    found: dict[str, dict[str, dict[str, Metric]]] = {}
    for (condition, stratum, hub), (values, paths) in groups.items():
        strata = found.setdefault(condition, {})
        strata.setdefault(stratum, {})[hub] = average(values, paths)
    return found


def count_endings(
    scores: Iterable[Score], endings: Mapping[str, Sequence[str]], condition: str = "compiled"
) -> dict[str, dict[str, dict[str, int]]]:
    """By stratum and acceptable ending, how often each ending was reached; "" is none.

    `endings` has the acceptable ones of each scenario. Example: {"seen": {"success": {"success":
    48, "escalation": 1, "": 1}}}
    """
    counts: dict[str, dict[str, Counter[str]]] = {}
    for score in scores:
        if score.condition == condition:
            wanted = " or ".join(endings[score.scenario_id])
            reached = counts.setdefault(score.stratum, {}).setdefault(wanted, Counter())
            reached[score.ending] += 1
    return {
        stratum: {wanted: dict(reached) for wanted, reached in sorted(rows.items())}
        for stratum, rows in counts.items()
    }


def compare_parts(
    scores: Iterable[Score], endings: Mapping[str, Sequence[str]], condition: str = "compiled"
) -> dict[str, dict[str, Difference]]:
    """What a condition has more than each other, hub by hub and ending by ending.

    By the other's name and the part: "hub assess" is the share of right decisions, of customers
    with whom both came there, "ending success" that of right endings, of customers who accept this
    one. Customers of all strata stand together. What was met by both on fewer than `FEWEST_PATHS`
    is left out; the p values of all others are adjusted as one family.
    """
    groups: dict[str, dict[tuple[str, str], Score]] = {}
    for score in scores:
        groups.setdefault(score.condition, {})[score.stratum, score.scenario_id] = score
    own, found = groups.pop(condition, {}), {}
    for other, theirs in groups.items():
        pairs = [(own[key], theirs[key]) for key in own if key in theirs]
        gaps = {
            name: compare(ones, others, paths)
            for name, (ones, others, paths) in sorted(
                _part(pairs, endings).items(), key=lambda part: order_part(part[0])
            )
            if len(set(paths)) >= FEWEST_PATHS
        }
        if gaps:
            found[other] = gaps
    family = {(other, name): gap for other, gaps in found.items() for name, gap in gaps.items()}
    p_values = {key: gap.p for key, gap in family.items() if gap.p is not None}
    for key, p in adjust_holm(p_values).items():
        family[key].p_adjusted = p
    return found


def _part(
    pairs: Iterable[tuple[Score, Score]], endings: Mapping[str, Sequence[str]]
) -> dict[str, tuple[list[float], list[float], list[str]]]:
    """By part what both conditions reached, and the paths, of pairs in which both were scored."""
    parts: dict[str, tuple[list[float], list[float], list[str]]] = {}
    for pair in pairs:
        sides = {f"hub {hub}": [score.right_at(hub) for score in pair] for hub in pair[0].hubs}
        wanted = " or ".join(endings[pair[0].scenario_id])
        sides[f"ending {wanted}"] = [score.measures[ENDINGS] for score in pair]
        for name, (one, other) in sides.items():
            if one is not None and other is not None:
                ones, others, paths = parts.setdefault(name, ([], [], []))
                ones.append(one)
                others.append(other)
                paths.append(pair[0].path_id)
    return parts


def order_part(name: str) -> tuple[bool, str]:
    """What parts are sorted by: hubs before endings, each in the order of their names."""
    return name.startswith("ending "), name


def measure_forgiveness(
    scores: Iterable[Score], unforgiven: Iterable[tuple[str, Score]]
) -> dict[str, dict[str, Any]]:
    """By condition and stratum: fitness with less forgiven, and what is forgiven in a talk.

    `unforgiven` are the scores of the same talks, each with the kind that is not forgiven; one
    after the other is looked at, so that they need not all be there at once. Example:
    {"compiled": {"seen": {"fitness_without": {"side_trips": Metric}, "forgiven": {"silent": 0.4}}}}
    """
    found: dict[str, dict[str, Any]] = {}
    for (condition, stratum), own in _group(scores).items():
        kinds = Counter[str]()
        for score in own:
            kinds.update(score.forgiven_kinds)
        # what was broken off was not aligned
        n_aligned = sum(score.measures["fitness"] is not None for score in own)
        found.setdefault(condition, {})[stratum] = {
            "fitness_without": {},
            "forgiven": {kind: n / n_aligned for kind, n in kinds.items()},
        }
    groups: dict[tuple[str, str, str], tuple[list[float | None], list[str]]] = {}
    for kind, score in unforgiven:
        values, paths = groups.setdefault((score.condition, score.stratum, kind), ([], []))
        values.append(score.measures["fitness"])
        paths.append(score.path_id)
    for (condition, stratum, kind), (values, paths) in groups.items():
        found[condition][stratum]["fitness_without"][kind] = average(values, paths)
    return found


def _group(scores: Iterable[Score]) -> dict[tuple[str, str], list[Score]]:
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.condition, score.stratum), []).append(score)
    return groups


def average_by_behaviour(
    scores: Iterable[Score],
    behaviours: Mapping[str, Sequence[str]],
    condition: str = "compiled",
) -> dict[str, dict[str, Metric]]:
    """Metrics of a condition by the customer's behaviour and measure, most frequent first.

    `behaviours` has those of each scenario; a talk with several counts in each of them.
    """
    groups: dict[str, list[Score]] = {}
    for score in scores:
        if score.condition == condition:
            for name in dict.fromkeys(behaviours.get(score.scenario_id, ())):
                groups.setdefault(name, []).append(score)
    return {
        name: {
            measure: average([s.measures.get(measure) for s in own], [s.path_id for s in own])
            for measure in MEASURES
        }
        for name, own in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    }


def measure_savings(
    talks: Iterable[Simulated], condition: str = AS_BASELINES
) -> dict[str, dict[str, Ratio]]:
    """How many times as much each prompted baseline takes, on the customers that both met.

    By baseline and quantity: see `QUANTITIES`. Seconds, and tokens that no cache has, are compared
    only where both talks were begun with as many others.
    """
    groups: dict[str, dict[tuple[str, str], _Taken]] = {}
    for talk in talks:
        is_asked = talk.condition == condition or talk.condition.partition("/")[0] in PROMPTED
        if talk.is_counted and is_asked:
            groups.setdefault(talk.condition, {})[talk.stratum, talk.scenario_id] = _take(talk)
    own, savings = groups.pop(condition, {}), {}
    for other, theirs in groups.items():
        if pairs := [(theirs[key], own[key]) for key in own if key in theirs]:
            savings[other] = {quantity: _compare_cost(pairs, quantity) for quantity in QUANTITIES}
    return savings


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a talk took, without its words."""

    path_id: str
    at_once: int
    quantities: tuple[float, ...]
    """In the order of `QUANTITIES`."""


def _take(talk: Simulated) -> _Taken:
    n_read = talk.prompt_tokens - talk.cached_tokens
    found = (n_read if name == "tokens_read" else getattr(talk, name) for name in QUANTITIES)
    return _Taken(talk.path_id, talk.at_once, tuple(found))


def _compare_cost(pairs: Sequence[tuple[_Taken, _Taken]], quantity: str) -> Ratio:
    if quantity in BATCHED:
        # what a provider counts as cached does not depend on what is held here at once
        free = {0} if quantity == "tokens_read" else set()
        pairs = [(a, b) for a, b in pairs if a.at_once in {b.at_once, *free}]
    place = [*QUANTITIES].index(quantity)
    return compare_ratio(
        [one.quantities[place] for one, _ in pairs],
        [other.quantities[place] for _, other in pairs],
        [one.path_id for one, _ in pairs],
    )
