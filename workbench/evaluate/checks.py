"""What a gate asks of a run, one question at a time: what is wanted, what was found, passed or not.

What was not measured, not scored or rests on too few conversations has not passed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.evaluate.breakdown import ALPHA
from workbench.evaluate.faults import FAULTS
from workbench.evaluate.metrics import ALL, PERFECT, Score
from workbench.evaluate.regression import Regression, losses
from workbench.evaluate.simulation import STRATA, of_stratum
from workbench.evaluate.stale import Finding, Staleness
from workbench.evaluate.statistics import Difference, Metric, average
from workbench.evaluate.thresholds import Bounds, Thresholds
from workbench.synthesize.scenarios import Scenario

ALWAYS_SCORED = {
    *("ending_correct", "premature_ending", "overrun", "left_in_anger", "fitness", "reasked")
}
"""Measures that apply to every conversation: one without a score has failed to be scored."""


@dataclass(frozen=True)
class Check:
    """One question to a run."""

    group: str
    """complete, minimum, maximum, loss, touched, worse, instruments or stale."""
    name: str
    """What is looked at, e.g. "seen, ending_correct"."""
    wanted: str
    """Example: "at least 95 % of 50 or more"."""
    found: str
    """Example: "97.0 % (90.2-99.1)", or "nothing"."""
    n: int
    """What it rests on: conversations, or what the name says."""
    why: str = ""
    """Why it has not passed, as a sentence; "" if it has."""

    @property
    def is_passed(self) -> bool:
        return not self.why


def check_complete(
    scores: Iterable[Score], scenarios: Iterable[Scenario], most: int
) -> Iterator[Check]:
    """Whether every customer has met the compiled model; of each sort there are `most` or less."""
    met = Counter(score.stratum for score in scores if score.condition == "compiled")
    tests = [scenario for scenario in scenarios if scenario.split == "test"]
    for stratum in STRATA:
        n = min(most, len(of_stratum(tests, stratum)))
        if not n:
            # a domain whose phrase book has no words for such customers has none
            continue
        why = f"{n - met[stratum]} have no score" if met[stratum] < n else ""
        yield Check("complete", stratum, f"all {n} customers", f"{met[stratum]}", met[stratum], why)


def check_levels(thresholds: Thresholds, scores: Iterable[Score]) -> Iterator[Check]:
    """Whether the compiled model reaches the least, and no more of what should not be."""
    own = [score for score in scores if score.condition == "compiled"]
    for group, bounds in (("minimum", thresholds.minimum), ("maximum", thresholds.maximum)):
        for stratum, bound in bounds.items():
            talks = [score for score in own if stratum in (ALL, score.stratum)]
            yield from _check_bounds(group, stratum, bound, talks)


def check_touched(thresholds: Thresholds, regression: Regression, scores: Iterable[Score]):
    """Whether it reaches the least on paths that are new or changed, if there are any."""
    kinds = regression.kinds
    talks = [
        score
        for score in scores
        if score.condition == "compiled"
        and kinds.get((score.stratum, score.scenario_id), "unchanged") != "unchanged"
    ]
    if thresholds.touched and talks:
        yield from _check_bounds("touched", "new and changed paths", thresholds.touched, talks)


def _check_bounds(group: str, who: str, bound: Bounds, talks: list[Score]) -> Iterator[Check]:
    paths = [score.path_id for score in talks]
    for measure, percent in bound.measures.items():
        metric = average([score.measures.get(measure) for score in talks], paths)
        is_most = PERFECT[measure] == 0
        why = _find_gap(metric, bound.n, measure) or _find_excess(metric, percent, is_most)
        wanted = _want(percent, bound.n, is_most)
        yield Check(group, f"{who}, {measure}", wanted, _write_metric(metric), metric.n, why)


def _want(percent: float, n: int, is_most: bool) -> str:
    return f"at {'most' if is_most else 'least'} {percent:g} % of {n} or more"


def _find_excess(metric: Metric, percent: float, is_most: bool) -> str:
    """Why a figure is not what is wanted; "" if it is."""
    beyond = (100 * metric.mean - percent) * (1 if is_most else -1)
    # a hair's breadth of floating point is no reason to stop a release
    if beyond <= 1e-9:
        return ""
    return f"{100 * metric.mean:.1f} % is too {'much' if is_most else 'little'}"


def _find_gap(metric: Metric, least: int, measure: str = "") -> str:
    """Why a figure says nothing; "" if it does."""
    if metric.mean is None:
        return "nothing was scored"
    if metric.unscored and measure in ALWAYS_SCORED:
        return f"{metric.unscored} conversations could not be scored"
    if metric.n < least:
        return f"{metric.n} conversations are too few to say"
    return ""


def check_losses(thresholds: Thresholds, regression: Regression) -> Iterator[Check]:
    """Whether no more is lost than may be, on paths that the edit left alone."""
    for stratum, bound in thresholds.loss.items():
        gaps = regression.compare(stratum)
        for measure, points in bound.measures.items():
            gap = gaps[measure]
            lost = losses(measure, gap)
            wanted = f"at most {points:g} points lost, of {bound.n} pairs or more"
            if lost is None:
                why = "no customer met both models on a path that is as it was"
                why = f"it was scored in none of {gap.unscored} pairs" if gap.unscored else why
            elif gap.unscored and measure in ALWAYS_SCORED:
                why = f"{gap.unscored} pairs could not be scored"
            elif gap.n < bound.n:
                why = f"{gap.n} pairs are too few to say"
            else:
                why = f"{100 * lost:.1f} points were lost" if 100 * lost > points + 1e-9 else ""
            yield Check("loss", f"{stratum}, {measure}", wanted, write_gap(gap), gap.n, why)


def check_parts(thresholds: Thresholds, regression: Regression) -> Check:
    """Whether hubs and endings are shown to be worse than before."""
    parts = regression.compare_parts()
    worse = [name for name, gap in parts.items() if is_shown_worse(gap)]
    why = ""
    if not parts:
        why = "no customer met both models on a path that is as it was"
    elif len(worse) > thresholds.worse:
        why = f"worse than before: {', '.join(worse)}"
    wanted = f"at most {thresholds.worse} shown to be worse"
    return Check("worse", "hubs and endings", wanted, f"{len(worse)}", len(parts), why)


def is_shown_worse(gap: Difference) -> bool:
    """Whether there is less than before, and chance alone would hardly look so."""
    return bool(gap.mean is not None and gap.mean < 0 and (gap.p_adjusted or 0) < ALPHA)


def check_instruments(thresholds: Thresholds, result: Mapping[str, Any]) -> Iterator[Check]:
    """Whether the measures see what is planted, and nothing where there is nothing."""
    wanted, found = thresholds.instruments, result.get("instruments", {})
    recognizer = result.get("recognizer", {})
    read = {"mean": recognizer.get("accuracy"), "unscored": 0}
    read |= {name: recognizer.get(name) for name in ("n", "low", "high")}
    yield _check_share("messages read right", read, wanted.read, wanted.n)
    detected, conditions = found.get("detected", {}), result.get("conditions", {})
    for kind in FAULTS:
        name = f"faulty/{kind}"
        if name in conditions and name not in detected:
            # a procedure without facts, say, has none that could be wrong
            yield Check("instruments", f"fault {kind}", "detected", "no occasion", 0)
        else:
            yield _check_share(f"fault {kind}", detected.get(name), wanted.detected, wanted.n)
    alarms = found.get("false_alarms", {}).get("walker")
    yield _check_share("false alarms", alarms, wanted.false_alarms, wanted.n, is_most=True)


def _check_share(
    name: str, found: Mapping[str, Any] | None, percent: float, n: int, is_most: bool = False
) -> Check:
    wanted = _want(percent, n, is_most)
    if not found or found.get("mean") is None:
        why = "it was not measured; evaluate without the parameter conditions, or name faulty in it"
        return Check("instruments", name, wanted, "nothing", 0, why)
    metric = Metric(**found)
    why = _find_gap(metric, n) or _find_excess(metric, percent, is_most)
    return Check("instruments", name, wanted, _write_metric(metric), metric.n, why)


def check_stale(thresholds: Thresholds, stale: Staleness) -> Iterator[Check]:
    """Whether the model still states old values, takes steps that are no more, or was not asked."""
    most = thresholds.stale
    if stale.unknown:
        why = stale.unknown if most.unknown == "fail" else ""
        wanted = "known" if most.unknown == "fail" else "known, or it is fine"
        yield Check("stale", "the older procedure", wanted, "unknown", 0, why)
        return
    for name, findings, bound in (
        ("old values stated", stale.facts, most.facts),
        ("old steps taken", stale.routes, most.routes),
    ):
        n = stale.count(findings)
        why = f"{name} in {n} conversations, first: {_write_first(findings)}" if n > bound else ""
        if not stale.talks:
            why = "there are no conversations of the compiled model to look through"
        yield Check("stale", name, f"in at most {bound} conversations", f"{n}", stale.talks, why)
    n, names = len(stale.untested), ", ".join(stale.untested[:5])
    why = f"no customer hears of {names}; more test_scenarios may" if n > most.untested else ""
    yield Check("stale", "changes not tested", f"at most {most.untested}", f"{n}", n, why)


def _write_first(findings: Iterable[Finding]) -> str:
    first = next(iter(findings))
    return (
        f'"{first.said}" ({first.part}), message {first.place} of conversation'
        f" {first.conversation_id}"
    )


def _write_metric(metric: Metric) -> str:
    """Example: "97.0 % (90.2-99.1)" """
    if metric.mean is None:
        return "nothing"
    return f"{100 * metric.mean:.1f} % ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def write_gap(gap: Difference) -> str:
    """Points more than before, with the interval. Example: "-2.0 (-6.1 to +2.1)" """
    if gap.mean is None:
        return "nothing"
    return f"{100 * gap.mean:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
