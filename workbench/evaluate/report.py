"""The report of a run: tables, the flowchart coloured by faults, the worst conversations."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from workbench.domain import Domain
from workbench.evaluate.faults import FAULTS, HARMLESS, is_instrument
from workbench.evaluate.metrics import MEASURES, Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import adjust_holm, smallest_difference
from workbench.run import Run
from workbench.show import (
    Interval,
    Panel,
    Picture,
    draw_conversation,
    draw_flowchart,
    intervals,
    page,
    table,
)

HEADLINE = ("ending_correct", "facts_right", "reasked", "fitness", "branch_correct")
WORST = 6
"""Conversations shown in full."""


def write_report(run: Run, domain: Domain, result: dict[str, Any]) -> str:
    """Write `report.md` and the self-contained `report.html`; returns the path of the latter."""
    scores = run.read("scores.jsonl", Score)
    talks = read_simulated(run)
    parts = list(_parts(run, domain, result, scores, talks))
    title = f"{domain.flowchart.title}: run {run.name}"
    run.write_text(
        "report.md", "\n\n".join([f"# {title}", *filter(None, map(_to_markdown, parts))]) + "\n"
    )
    return str(run.write_text("report.html", page(title, parts)))


def read_simulated(run: Run) -> dict[str, Simulated]:
    """All simulated conversations of a run by id."""
    files = sorted(run.file("simulated").glob("*.jsonl"))
    talks = [talk for file in files for talk in run.read(f"simulated/{file.name}", Simulated)]
    return {talk.conversation_id: talk for talk in talks}


def tabulate(result: dict[str, Any], measures: Iterable[str] = HEADLINE) -> Panel:
    """Conditions and strata as rows, measures as columns; each cell is mean and interval.

    Agents with planted faults are left out: `tabulate_instruments` is about them.
    """
    rows = []
    for condition, strata in _measured(result).items():
        for stratum, found in strata.items():
            cells = {measure: write_metric(measure, found[measure]) for measure in measures}
            n = max(metric["n"] for metric in found.values())
            rows.append({"condition": condition, "customers": stratum, "n": n, **cells})
    return table(rows)


def write_metric(measure: str, metric: dict[str, Any]) -> str:
    """Example: "98.0 % (94.1-99.4)"; shares in percent, fitness as a number."""
    if metric["mean"] is None:
        return f"not scored ({metric['unscored']})"
    if measure == "fitness":
        text = f"{metric['mean']:.3f} ({metric['low']:.3f}-{metric['high']:.3f})"
    else:
        mean, low, high = (100 * metric[end] for end in ("mean", "low", "high"))
        text = f"{mean:.1f} % ({low:.1f}-{high:.1f})"
    return f"{text}, {metric['unscored']} unscored" if metric["unscored"] else text


def tabulate_differences(result: dict[str, Any], measures: Iterable[str] = HEADLINE) -> Panel:
    """What the compiled model has more than each other condition, customer by customer."""
    found = result["differences"]["compiled"]
    p_values = {
        (condition, stratum, measure): difference["p"]
        for condition, strata in found.items()
        for stratum, by_measure in strata.items()
        for measure, difference in by_measure.items()
        if measure in measures and difference["p"] is not None
    }
    adjusted, rows = adjust_holm(p_values), []
    for condition, strata in found.items():
        for stratum, by_measure in strata.items():
            row = {"compiled beside": condition, "customers": stratum}
            row["pairs"] = max(difference["n"] for difference in by_measure.values())
            for measure in measures:
                row[measure] = write_difference(
                    measure, by_measure[measure], adjusted.get((condition, stratum, measure))
                )
            rows.append(row)
    return table(rows)


def tabulate_instruments(result: dict[str, Any]) -> Panel:
    """What was planted, and in what share of the talks the measures flag something."""
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
            }
            for name, found in result["instruments"].items()
            for condition, metric in found.items()
        ]
    )


def tabulate_cost(result: dict[str, Any]) -> Panel:
    """Tokens and seconds of each condition that is measured."""
    costs = result["cost"].items()
    return table([{"condition": c, **cost} for c, cost in costs if not is_instrument(c)])


def write_difference(measure: str, difference: dict[str, Any], p: float | None) -> str:
    """Example: "+79.0 points (61.2 to 93.0), p < 0.001"."""
    if difference["mean"] is None:
        return "no pair scored"
    scale, digits, unit = (1, 3, "") if measure == "fitness" else (100, 1, " points")
    mean, low, high = (
        f"{scale * difference[name]:{sign}.{digits}f}"
        for name, sign in (("mean", "+"), ("low", ""), ("high", ""))
    )
    chance = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return f"{mean}{unit} ({low} to {high}), {chance}"


def plot_endings(result: dict[str, Any]) -> Picture:
    """Share of correct endings of each condition, with its interval."""
    rows = [
        Interval(condition, m["mean"], m["low"], m["high"], m["n"], group=stratum)
        for stratum in ("seen", "unseen")
        for condition, strata in _measured(result).items()
        if stratum in strata
        for m in [strata[stratum]["ending_correct"]]
    ]
    return intervals(rows, "Correct endings, with 95 % intervals clustered by path")


def _measured(result: dict[str, Any]) -> dict[str, Any]:
    return {c: strata for c, strata in result["conditions"].items() if not is_instrument(c)}


def draw_faults(domain: Domain, scores: list[Score]) -> Picture:
    """The flowchart coloured by how many compiled conversations went wrong at each step."""
    # a step left out is wrong too, so the times it was taken are nothing to take a share of
    faults = Counter(
        step
        for score in scores
        if score.condition == "compiled"
        for step in {s for fault in score.faults for s in fault.split(": ")[1].split("|")}
    )
    return draw_flowchart(domain.flowchart, faults=faults)


def find_worst(
    scores: Iterable[Score], condition: str = "compiled", most: int = WORST
) -> list[Score]:
    """Conversations with something wrong: wrong endings first, then those with most faults."""
    own = [score for score in scores if score.condition == condition and score.wrong]
    return sorted(own, key=lambda s: (s.measures["ending_correct"], -len(s.wrong)))[:most]


def show_scored(talk: Simulated, score: Score, domain: Domain) -> Panel:
    """One simulated conversation with what is wrong marked at its messages."""
    return draw_conversation(talk.conversation, domain.flowchart, score.wrong)


def _parts(
    run: Run,
    domain: Domain,
    result: dict[str, Any],
    scores: list[Score],
    talks: dict[str, Simulated],
) -> Iterable[Picture | Panel | str]:
    yield _summarize(run, result)
    yield tabulate(result)
    yield plot_endings(result)
    yield _explain(result)
    rest = [measure for measure in MEASURES if measure not in HEADLINE]
    yield "## The other measures"
    yield tabulate(result, rest)
    yield "## Beside the other conditions"
    yield tabulate_differences(result)
    yield _explain_differences(result)
    yield "## What the measures see"
    yield (
        "Scripted agents in test-only wordings, each with one planted fault or a harmless change."
        " A talk is flagged if any measure finds anything wrong in it; talks without occasion for"
        " the fault are left out."
    )
    yield tabulate_instruments(result)
    yield "## Cost of the tested agent"
    yield tabulate_cost(result)
    yield (
        "Tokens are per conversation, seconds those of the agent alone, in batches on the hardware"
        " named above. They say nothing about a paid model: none was asked."
    )
    yield "## Where compiled conversations went wrong"
    yield draw_faults(domain, scores)
    worst = find_worst(scores)
    yield (
        f"## The worst {len(worst)} conversations of the compiled model"
        if worst
        else "No conversation of the compiled model has a fault that these measures see."
    )
    for score in worst:
        yield f"### {score.stratum} wordings, scenario {score.scenario_id}"
        yield show_scored(talks[score.conversation_id], score, domain)
    yield "## Judge"
    yield "No judge was asked in this run: tone and naturalness are not scored."


def _summarize(run: Run, result: dict[str, Any]) -> str:
    base, train = result["base_model"], run.manifest["train"]["result"]
    counts = run.manifest["inspect"]
    held_out = "not measured" if train["valid_loss"] is None else f"{train['valid_loss']:.3g}"
    minutes = ", ".join(f"{stage} {s / 60:.1f}" for stage, s in result["seconds"].items())
    return (
        f"Base model: {base['source']}, weights quantized before: {base['quantization']}."
        f" Conversations: {counts['train']} for training, by the teacher {result['teacher']}"
        f" (a small, real phrase book: not comparable with results of large teachers)."
        f" Trained {train['steps']} steps, {train['tokens']:,} tokens"
        f" at {train['tokens_per_s']:,.0f} a second, held-out loss {held_out}."
        f" Hardware: {result['hardware']}. Minutes: {minutes}."
    )


def _explain(result: dict[str, Any]) -> str:
    accuracy = result["recognizer"]
    low, high = accuracy["low"], accuracy["high"]
    error = (
        f"{accuracy['accuracy']:.1%} of {accuracy['n']} messages in wordings it never saw"
        f" ({low:.1%}-{high:.1%})"
    )
    meanings = "\n".join(f"- {name}: {meaning}" for name, meaning in MEASURES.items())
    return (
        f"Steps are read off the words by a recognizer that reads {error}; every figure that rests"
        f" on steps has that error in it. Intervals are 95 %, conversations on one path are not"
        f" taken as independent. Customers: seen wordings occur in training, unseen ones never do;"
        f" all scenarios follow paths that training never showed.\n\n{meanings}"
    )


def _explain_differences(result: dict[str, Any]) -> str:
    n = max(m["ending_correct"]["n"] for m in result["conditions"]["compiled"].values())
    drop = smallest_difference(n, 0.95)
    shows = "shows no drop reliably" if drop is None else f"shows one of {100 * drop:.0f} points"
    return (
        "Differences are taken customer by customer, with 95 % intervals clustered by path;"
        " p is exact McNemar where a figure is yes or no, else Wilcoxon's, adjusted by Holm over"
        f" this table. How little can be seen: against 95 %, a comparison of {n} customers {shows}"
        " in four of five repetitions."
    )


def _to_markdown(part: Picture | Panel | str) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Panel):
        return part.markdown or f"```\n{part.text}\n```"
    return f"```\n{part.text}\n```"
