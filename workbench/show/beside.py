"""Conditions beside each other in the shape of the paper's tables, and its own numbers too."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.evaluate.metrics import ALL, HEADLINE
from workbench.evaluate.published_results import Published, list_published
from workbench.evaluate.rubric import CRITERIA
from workbench.show.charts import Interval, intervals
from workbench.show.figures import measured
from workbench.show.picture import Panel
from workbench.show.plots import Plot, plot_intervals
from workbench.show.table import table

PAPER = "paper: "
"""What stands before the names of the paper's conditions."""

_AGENTS = ("compiled", "in_context", "orchestrated", "served", "local", "floor")


def tabulate_quality(result: Mapping[str, Any]) -> Panel:
    """Criteria as rows and conditions as columns: the judge's means with their intervals.

    The paper's columns are quoted; "–" where no judge was asked.
    """
    scores = (result.get("judge") or {}).get("scores", {})
    rows = []
    for name in CRITERIA:
        own = {c: _say_score(scores.get(c, {}).get(name)) for c in _conditions(result)}
        theirs = {
            PAPER + c: _say_printed(row.scores[name]) for c, row in _published(result).items()
        }
        rows.append({"criterion, 1 to 5": name.replace("_", " ")} | own | theirs)
    return table(rows)


def tabulate_effort(result: Mapping[str, Any]) -> Panel:
    """Failures, messages, seconds, calls, tokens and dollars as rows, conditions as columns."""
    columns = {c: _own_effort(result, c) for c in _conditions(result)}
    columns |= {PAPER + c: _their_effort(row) for c, row in _published(result).items()}
    kinds = dict.fromkeys(kind for column in columns.values() for kind in column)
    return table(
        [
            {"of a conversation": kind} | {c: found.get(kind) for c, found in columns.items()}
            for kind in kinds
        ]
    )


def tabulate_broken(result: Mapping[str, Any]) -> Panel:
    """Why talks were broken off, and how many."""
    return table(
        [
            {"condition": condition, "broken off because": why, "talks": n}
            for condition, found in result.get("broken_off", {}).items()
            for why, n in found.items()
        ]
    )


def plot_quality(result: Mapping[str, Any]) -> Plot:
    """The judge's scores with their intervals, criterion by criterion, the paper's beneath."""
    scores = (result.get("judge") or {}).get("scores", {})
    rows = [
        row
        for name in CRITERIA
        for row in [
            *(_as_interval(c, found[name], name) for c, found in scores.items() if name in found),
            *(
                Interval(PAPER + c, *_ends(row.scores[name]), group=name.replace("_", " "))
                for c, row in _published(result).items()
            ),
        ]
    ]
    title = "The judge's scores, 1 to 5; those of the paper are others' models, customers and judge"
    return plot_intervals(rows, intervals(rows, title, 1, 5), "score")


def plot_differences(result: Mapping[str, Any]) -> Plot:
    """What the compiled model has more than each other condition, all customers together."""
    rows = [
        Interval(
            other,
            *(found[ALL][measure][end] for end in ("mean", "low", "high", "n")),
            group=measure.replace("_", " "),
        )
        for measure in HEADLINE
        for other, found in result["differences"]["compiled"].items()
        if ALL in found and _is_agent(other)
    ]
    title = "Compiled minus each other condition, with the same customers (95 %, by path)"
    return plot_intervals(rows, intervals(rows, title, -1, 1), "difference")


def _conditions(result: Mapping[str, Any]) -> list[str]:
    return [name for name in measured(dict(result)) if _is_agent(name)]


def _is_agent(condition: str) -> bool:
    return condition.partition("/")[0] in _AGENTS


def _published(result: Mapping[str, Any]) -> dict[str, Published]:
    return list_published(result.get("domain", ""))


def _own_effort(result: Mapping[str, Any], condition: str) -> dict[str, str | None]:
    cost = result["cost"].get(condition, {})
    judged = (result.get("judge") or {}).get("failures", {}).get(condition)
    endings = [found["ending_correct"] for found in result["conditions"][condition].values()]
    scored = [metric for metric in endings if metric["mean"] is not None]
    n = sum(metric["n"] for metric in scored)
    wrong = sum((1 - metric["mean"]) * metric["n"] for metric in scored) / n if n else None
    tokens = cost.get("prompt_tokens", 0) + cost.get("reply_tokens", 0) if cost else None
    return {
        "conversations": str(cost["conversations"]) if "conversations" in cost else None,
        "judged failures": _percent(judged and judged["judged"]),
        "wrong endings, computed": _percent(wrong) and f"{_percent(wrong)}, n {n}",
        # the agent opens and has the last word
        "messages of both": _number(2 * cost["replies"] - 1 if "replies" in cost else None),
        "seconds": _number(cost.get("seconds_per_conversation")),
        "calls": _number(cost.get("calls")),
        "tokens": tokens and f"{tokens:,.0f}",
        "dollars paid": _dollars(cost.get("paid_usd")),
    }


def _their_effort(row: Published) -> dict[str, str | None]:
    return {
        "judged failures": _percent(row.failures),
        "messages of both": _number(row.turns),
        "seconds": _number(row.seconds),
        "calls": _number(row.calls),
        "tokens": row.tokens and f"{row.tokens:,.0f}",
        "dollars paid": _dollars(row.usd),
    }


def _as_interval(condition: str, metric: Mapping[str, Any], criterion: str) -> Interval:
    ends = (metric[end] for end in ("mean", "low", "high", "n"))
    return Interval(condition, *ends, group=criterion.replace("_", " "))


def _ends(printed: Sequence[float]) -> tuple[float, float | None, float | None, int]:
    mean, *rest = printed
    low, high = rest or (None, None)
    return mean, low, high, 200


def _say_printed(printed: Sequence[float]) -> str:
    mean, *ends = printed
    return f"{mean:.2f}" + (f" ({ends[0]:.2f}-{ends[1]:.2f})" if ends else "")


def _say_score(metric: Mapping[str, Any] | None) -> str | None:
    if metric is None:
        return None
    if metric["mean"] is None:
        return f"not scored ({metric['unscored']})"
    return f"{metric['mean']:.2f} ({metric['low']:.2f}-{metric['high']:.2f}), n {metric['n']}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"


def _dollars(usd: float | None) -> str | None:
    # three digits, as the paper prints them
    return None if usd is None else f"${usd:.3g}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
