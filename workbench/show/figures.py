"""The main figures of `result.json`: conditions, bars, differences, savings, instruments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.evaluate.breakdown import (
    BARS,
    MARGIN,
    QUANTITIES,
    Bar,
    judge_difference,
    order_part,
    verdict,
)
from workbench.evaluate.faults import FAULTS, HARMLESS, is_instrument
from workbench.evaluate.metrics import HEADLINE
from workbench.evaluate.statistics import Difference
from workbench.show.charts import Interval, intervals
from workbench.show.picture import Panel, Picture
from workbench.show.table import table


def tabulate(result: dict[str, Any], measures: Iterable[str] = HEADLINE) -> Panel:
    """Conditions and strata as rows, measures as columns; each cell is mean and interval.

    Agents with planted faults are left out: `tabulate_instruments` is about them.
    """
    rows = []
    for condition, strata in measured(result).items():
        for stratum, found in strata.items():
            cells = {m: write_metric(m, found[m]) for m in measures if m in found}
            n = max(metric["n"] for metric in found.values())
            head = {"condition": condition, "customers": stratum, "n": n}
            rows.append(head | {"read right": _say_reading(result, condition)} | cells)
    return table(rows)


def _say_reading(result: dict[str, Any], condition: str) -> str:
    """How many of the condition's messages the recognizer reads right, as far as that is known."""
    if condition == "walker/true_labels":
        return "not read"
    own = result.get("recognizer_by_condition", {}).get(condition)
    if own:
        return write_metric("read", own)
    every = result.get("recognizer")
    return f"{100 * every['accuracy']:.1f} % of the walker's" if every else "not measured"


def measured(result: dict[str, Any]) -> dict[str, Any]:
    """The conditions that are not there to test the measures: the compiled model first, scripted
    walkers last."""
    own = {c: strata for c, strata in result["conditions"].items() if not is_instrument(c)}
    return dict(sorted(own.items(), key=lambda one: (one[0] != "compiled", "walker" in one[0])))


def write_metric(measure: str, metric: Mapping[str, Any]) -> str:
    """Example: "98.0 % (94.1-99.4)"; shares in percent, fitness as a number."""
    unscored = metric.get("unscored", 0)
    if metric["mean"] is None:
        return f"not scored ({unscored})"
    if measure == "fitness":
        text = f"{metric['mean']:.3f} ({metric['low']:.3f}-{metric['high']:.3f})"
    else:
        mean, low, high = (100 * metric[end] for end in ("mean", "low", "high"))
        text = f"{mean:.1f} % ({low:.1f}-{high:.1f})"
    return f"{text}, {unscored} unscored" if unscored else text


def tabulate_verdict(result: dict[str, Any], bars: Sequence[Bar] = BARS) -> Panel:
    """The bars: what was wished, what was reached, and whether the interval is past it too."""
    return table(
        [
            {
                "bar": found["bar"],
                "wanted": _say_wanted(found),
                "reached": "not measured"
                if found["reached"] is None
                else write_metric("share", found | {"mean": found["reached"]}),
                "n": found["n"],
                "met": _say_met(found),
            }
            for found in verdict(result, bars)
        ]
    )


def _say_wanted(found: Mapping[str, Any]) -> str:
    return f"at {'most' if found['is_most'] else 'least'} {100 * found['wanted']:.0f} %"


def _say_met(found: Mapping[str, Any]) -> str:
    if found["is_met"] is None:
        return "–"
    if not found["is_met"]:
        return "no"
    return "yes, the interval too" if found["is_sure"] else "yes"


def tabulate_differences(result: dict[str, Any]) -> Panel:
    """What the compiled model has more than each other condition, customer by customer.

    The column "endings are" says what is shown: better, as good within the margin, worse, or open.
    """
    margin, rows = result.get("margin", MARGIN), []
    for condition, strata in result["differences"]["compiled"].items():
        for stratum, found in strata.items():
            endings = Difference(**found["ending_correct"])
            pairs = max(difference["n"] for difference in found.values())
            row = {
                "compiled beside": condition,
                "customers": stratum,
                "pairs": pairs,
                "endings are": judge_difference("ending_correct", endings, margin) or None,
            }
            own = {name: write_difference(name, found[name], pairs) for name in HEADLINE}
            rows.append(row | own | {"endings, by bootstrap": _say_bootstrap(found)})
    return table(rows)


def tabulate_parts(result: dict[str, Any]) -> Panel:
    """What the compiled model has more than each other condition, at each hub and ending."""
    found = result.get("differences_by_part", {}).get("compiled", {})
    return table(
        [
            {"hub or ending": part}
            | {other: _say_part(gaps.get(part)) for other, gaps in found.items()}
            for part in sorted({part for gaps in found.values() for part in gaps}, key=order_part)
        ]
    )


def _say_part(gap: Mapping[str, Any] | None) -> str | None:
    return gap and f"{write_difference('share', gap)}, n {gap['n']}"


def _say_bootstrap(found: Mapping[str, Any]) -> str | None:
    low, high = (found["ending_correct"].get(end) for end in ("bca_low", "bca_high"))
    return None if low is None else f"{100 * low:.1f} to {100 * high:.1f}"


def write_difference(measure: str, difference: Mapping[str, Any], pairs: int = 0) -> str:
    """Example: "+79.0 points (61.2 to 93.0), p < 0.001"; where not all pairs were scored, their n.

    "pairs" is how many there are, if that is known.
    """
    if difference["mean"] is None:
        return "no pair scored"
    scale, digits, unit = (1, 3, "") if measure == "fitness" else (100, 1, " points")
    mean, low, high = (
        f"{scale * difference[name]:{sign}.{digits}f}"
        for name, sign in (("mean", "+"), ("low", ""), ("high", ""))
    )
    p, n = difference.get("p_adjusted"), difference["n"]
    chance = "" if p is None else ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"
    return f"{mean}{unit} ({low} to {high}){chance}{f', n {n}' if n < pairs else ''}"


def tabulate_savings(result: dict[str, Any]) -> Panel:
    """How many times as much each prompted baseline takes as the compiled model."""
    rows = []
    for baseline, found in result.get("savings", {}).items():
        talks = max(ratio["n"] for ratio in found.values())
        head = {"times as much as compiled": baseline, "talks": talks}
        rows.append(head | {QUANTITIES[q]: write_ratio(r, talks) for q, r in found.items()})
    return table(rows)


def write_ratio(ratio: Mapping[str, Any], talks: int = 0) -> str:
    """Example: "2.31 (2.20-2.43)"; where not all `talks` could be compared, their n."""
    if ratio["mean"] is None:
        return "nothing to compare"
    spans = "" if ratio["low"] is None else f" ({ratio['low']:.2f}-{ratio['high']:.2f})"
    rest = f", n {ratio['n']}" if ratio.get("n", talks) < talks else ""
    return f"{ratio['mean']:.2f}{spans}{rest}"


def tabulate_cost(result: dict[str, Any]) -> Panel:
    """Tokens and seconds of each condition that is measured."""
    costs = result["cost"].items()
    return table([{"condition": c, **cost} for c, cost in costs if not is_instrument(c)])


def tabulate_instruments(result: dict[str, Any]) -> Panel:
    """What was planted, and in what share of the talks the measures flag something.

    Of a fault it is said too how often the one measure that is for it does.
    """
    found = result["instruments"]
    alone = found.get("detected_by_its_measure", {})
    meanings = {kind: fault.meaning for kind, fault in FAULTS.items()} | HARMLESS
    meanings["walker"] = "none: follows the flowchart"
    return table(
        [
            {
                "planted": condition.partition("/")[2] or condition,
                "what the agent does": meanings[condition.partition("/")[2] or condition],
                "talks": metric["n"],
                "flagged": write_metric("flagged", metric),
                "should be": "all" if name == "detected" else "none",
                "by the measure for it": (
                    write_metric("flagged", alone[condition]) if condition in alone else None
                ),
            }
            for name in ("detected", "false_alarms")
            for condition, metric in found[name].items()
        ]
    )


def plot_endings(result: dict[str, Any]) -> Picture:
    """Share of correct endings of each condition, with its interval, by stratum."""
    every = measured(result)
    strata = dict.fromkeys(stratum for found in every.values() for stratum in found)
    rows = [
        Interval(condition, m["mean"], m["low"], m["high"], m["n"], group=stratum)
        for stratum in strata
        for condition, found in every.items()
        if stratum in found
        for m in [found[stratum]["ending_correct"]]
    ]
    return intervals(rows, "Correct endings, with 95 % intervals clustered by path")
