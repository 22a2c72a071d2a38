"""What judges say, as tables: scores, and first of all how far they are to be believed."""

from collections.abc import Mapping
from typing import Any

from workbench.evaluate.agreement import MARGIN
from workbench.evaluate.defects import EDITS, NO_OPS
from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.statistics import Difference, resolve
from workbench.show.figures import write_metric
from workbench.show.picture import Panel
from workbench.show.table import table

UNVALIDATED = "unvalidated"
"""What stands beside a criterion that did not pass its test."""


def tabulate_judged(result: dict[str, Any]) -> Panel:
    """Conditions as rows, criteria as columns: mean, interval, n and how often each score."""
    judge = _part(result)
    rows = []
    for condition, found in judge.get("scores", {}).items():
        counts = judge.get("histograms", {}).get(condition, {})
        cells = {
            _name(judge, name): _say_points(found[name], counts.get(name))
            for name in CRITERIA
            if name in found
        }
        rows.append({"condition": condition} | cells)
    return table(rows)


def tabulate_judged_differences(result: dict[str, Any]) -> Panel:
    """Compiled minus each other condition, criterion by criterion, with the same customers."""
    judge = _part(result)
    return table(
        [
            {
                "compiled minus": other,
                "criterion": _name(judge, name),
                "points": _say_gap(gap),
                "n": gap["n"],
                "p adjusted": _round(gap["p_adjusted"], 3),
                f"as good within {MARGIN:g}": _say_as_good(gap),
                "would be seen": None if gap["low"] is None else _round(resolve(*_ends(gap)), 2),
                "by bootstrap": _say_bootstrap(gap),
                "Cliff's delta": _round(gap["cliffs_delta"], 2),
            }
            for other, by_name in judge.get("differences", {}).get("compiled", {}).items()
            for name, gap in by_name.items()
        ]
    )


def _ends(gap: Mapping[str, Any]) -> tuple[float, float]:
    return gap["low"], gap["high"]


def _say_as_good(gap: Mapping[str, Any]) -> str | None:
    if gap["low"] is None:
        return None
    return "yes" if Difference(**gap).is_as_good(MARGIN) else "not shown"


def _say_bootstrap(gap: Mapping[str, Any]) -> str | None:
    low, high = gap.get("bca_low"), gap.get("bca_high")
    return None if low is None else f"{low:.2f} to {high:.2f}"


def tabulate_validation(result: dict[str, Any]) -> Panel:
    """By criterion whether the judge may be believed: what it sees, spills and minds."""
    judge = _part(result)
    return table(
        [
            {
                "criterion": _words(name),
                "sees its defects": _say_share(found["detected"]),
                "n": found["detected"]["n"],
                "drops by others": _say_share(found["spill"]),
                "moved by harmless changes": _say_share(found["harmless"]),
                "verdict": "validated" if found["is_validated"] else UNVALIDATED,
                "why": found["why"] or "passed",
            }
            for name, found in judge.get("validation", {}).items()
        ]
    )


def tabulate_defects(result: dict[str, Any]) -> Panel:
    """By planted defect the share of pairs in which each criterion fell by a point or more.

    "must" marks those that must fall, "not" those that must not; harmless changes are counted if
    they move a score either way.
    """
    judge = _part(result)
    rows = []
    for edit, found in judge.get("defects", {}).items():
        share = "moved" if edit in NO_OPS else "dropped"
        cells = {_words(name): _say_role(own, share) for name, own in found.items()}
        n = max(own["dropped"]["n"] for own in found.values())
        rows.append({"edit": edit, "what it does": EDITS[edit].meaning, "n": n} | cells)
    return table(rows)


def tabulate_reliability(result: dict[str, Any]) -> Panel:
    """By criterion how alike the judge scores again, and how far a second one agrees."""
    judge = _part(result)
    rows = []
    for name in CRITERIA:
        own = judge.get("repeatability", {}).get(name)
        other = judge.get("agreement", {}).get(name)
        row = {"criterion": _words(name)}
        if own:
            row |= {
                "judged again": own["n"],
                "the same each time": _percent(own["exact"]),
                "spread": _round(own["spread"], 2),
            }
        if other:
            row |= {
                "by both judges": other["n"],
                "the same": _percent(other["exact"]),
                "weighted kappa": _round(other["kappa"], 2),
                "Spearman": _round(other["spearman"], 2),
                "first minus second": _round(other["gap"], 2),
            }
        row["with words a message"] = _round(judge.get("length", {}).get(name), 2)
        rows.append(row)
    return table(rows if judge else [])


def tabulate_failures(result: dict[str, Any]) -> Panel:
    """By condition the judged failures beside the wrong endings that are computed."""
    judge = _part(result)
    return table(
        [
            {
                "condition": condition,
                "n": found["n"],
                "judged failures": _percent(found["judged"]),
                "wrong endings": _percent(found["computed"]),
                "both": found["both"],
                "judge only": found["judge_only"],
                "ending only": found["ending_only"],
                "neither": found["neither"],
                "kappa": _round(found["kappa"], 2),
            }
            for condition, found in judge.get("failures", {}).items()
        ]
    )


def tabulate_unscored(result: dict[str, Any]) -> Panel:
    """Why conversations could not be scored, and how many: the ten commonest reasons."""
    reasons = _part(result).get("failures_to_score", {})
    return table([{"could not be scored because": why, "n": n} for why, n in reasons.items()])


def _part(result: Mapping[str, Any]) -> dict[str, Any]:
    return result.get("judge") or {}


def _name(judge: Mapping[str, Any], criterion: str) -> str:
    """A criterion, and that it did not pass its test if it did not."""
    is_validated = judge.get("validation", {}).get(criterion, {}).get("is_validated", False)
    return _words(criterion) + ("" if is_validated else f" ({UNVALIDATED})")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _say_points(metric: Mapping[str, Any], counts: list[int] | None) -> str:
    """Example: "4.62 (4.41-4.77), n 98; 1 to 5: 0 1 4 26 67" """
    if metric["mean"] is None:
        return f"not scored ({metric['unscored']})"
    text = f"{metric['mean']:.2f} ({metric['low']:.2f}-{metric['high']:.2f}), n {metric['n']}"
    text += f"; 1 to 5: {' '.join(map(str, counts))}" if counts else ""
    return f"{text}, {metric['unscored']} unscored" if metric["unscored"] else text


def _say_gap(gap: Mapping[str, Any]) -> str:
    if gap["mean"] is None:
        return "no pair scored"
    return f"{gap['mean']:+.2f} ({gap['low']:.2f} to {gap['high']:.2f})"


def _say_share(metric: Mapping[str, Any]) -> str:
    is_empty = metric["mean"] is None and not metric["unscored"]
    return "none planted" if is_empty else write_metric("share", metric)


def _say_role(found: Mapping[str, Any], share: str) -> str:
    mark = {"falls": "must: ", "holds": "not: ", "free": ""}[found["role"]]
    mean = found[share]["mean"]
    return "–" if mean is None else f"{mark}{100 * mean:.0f} %"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"


def _round(value: float | None, digits: int) -> str | None:
    # as text: a correlation of 0.6 and one of 0.60 are not told equally well
    return None if value is None else f"{value:.{digits}f}"
