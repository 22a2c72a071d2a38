"""The model card: what a compiled model is, where it comes from and how it was made."""

import json
from typing import Any

from workbench.conversation import hash_text
from workbench.run import Run
from workbench.synthesize.teacher import NAME
from workbench.train.recipes import ALPHA, METHODS, RANK, WARNING

TEACHER = (
    "The conversations were written by an embedded phrase-book teacher: wordings of a domain,"
    " combined along paths of its flowchart. No large model wrote or judged them, so figures of"
    " this model are not comparable with those of models taught by one."
)

OTHER_WRITERS = (
    "The conversations were written by {teacher} as the agent and {customer} as the customer, along"
    " paths of a flowchart; each was read by the workbench's checks before it was kept."
)
"""Said in the place of `TEACHER` where a model took part."""

LIMITS = (
    "It was trained on one procedure and on the facts of that day. It states no computed figure."
    " Of customers it has met simulated ones only, and those are easier than people. It was never"
    " asked to be safe beyond its procedure: put nothing behind it that a wrong answer would hurt."
)

LICENSES = {"smollm2": "apache-2.0"}
"""Of base models whose licence is known; a compiled model is under its base model's."""

SHOWN = ("compiled", "quantized/q8_0", "floor/base", "in_context/base", "orchestrated/base")
"""Conditions whose figures a card has."""

_HASHES = ("base_sha256", "start_sha256", "rows")


def hash_model(facts: dict[str, Any]) -> str:
    """By which an evaluation knows a model again; `facts` is what `train` has on record."""
    return hash_text(facts["inputs"], facts["result"])


def read_measured(run: Run) -> dict[str, Any] | None:
    """The run's `result.json`, if it is of the model that is there now."""
    evaluated, file = run.manifest.get("evaluate", {}).get("inputs", {}), run.file("result.json")
    is_of_this = evaluated.get("model") == hash_model(run.manifest["train"])
    return json.loads(file.read_text("utf-8")) if is_of_this and file.exists() else None


def make_card(run: Run, facts: dict[str, Any], measured: dict[str, Any] | None = None) -> str:
    """A model card for the hub, in Markdown.

    `facts` is what `train` has on record, `measured` the `result.json`, if there is one.
    """
    base, result = facts["base"], facts["result"]
    made_from = run.manifest.get("synthesize", {}).get("inputs", {})
    license_ = LICENSES.get(base["name"])
    method = facts["inputs"].get("method", "full")
    parts = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags: [procedure, trl, sft]",
        *([f"license: {license_}"] if license_ else []),
        "---",
        "",
        f"# {run.domain}, run {run.name}",
        "",
        f"A procedure compiled into the weights of a small model. It follows the flowchart of the"
        f" domain `{run.domain}` without having it in its prompt, and is good for nothing else.",
        "",
        "## Where it comes from",
        "",
        _table(
            {
                "base model": base["name"],
                "source": base["source"],
                "quantization before": base["quantization"],
                "sha256": base["sha256"],
                **_tell_start(facts),
                "rows": facts["rows"],
                "rows cut at max_length": facts["rows_cut"],
                "hash of the flowchart": made_from.get("flowchart", "not on record"),
                "hash of facts, phrases and prompts": made_from.get("data", "not on record"),
                "licence": license_ or "that of the base model",
            }
        ),
        "",
        _tell_writers(run),
        "",
        "## How it was made",
        "",
        f"{METHODS[method]}; loss on what the agent says and on its stop token only.",
        "",
        _table({key: value for key, value in facts["inputs"].items() if key not in _HASHES}),
        "",
        "## What came out",
        "",
        _table(
            {
                "held-out loss": result["valid_loss"],
                "loss": result["loss"],
                "steps": result["steps"],
                "tokens": result["tokens"],
                "tokens a second": result["tokens_per_s"],
                "minutes": round(result["seconds"] / 60, 1),
                "hardware": facts.get("hardware", "not on record"),
                **_tell_recipe(facts, method),
                "arithmetic": f"{facts['backend']['dtype']}: {facts['backend']['why']}",
                "software": ", ".join(f"{name} {at}" for name, at in facts["versions"].items()),
                "begun": facts["begun_at"],
            }
        ),
        "",
        "## What it was measured to do",
        "",
        *_show_measured(measured),
        "",
        "## Limits",
        "",
        LIMITS if method == "full" else f"{LIMITS} {WARNING}.",
        "",
    ]
    return "\n".join(parts)


def _tell_writers(run: Run) -> str:
    """Who wrote the conversations."""
    facts = run.manifest.get("synthesize", {})
    # runs from before there was a choice name the teacher alone, or nobody
    writers = {role: facts.get(role, NAME) for role in ("teacher", "customer")}
    is_embedded = set(writers.values()) == {NAME}
    return TEACHER if is_embedded else OTHER_WRITERS.format(**writers)


def _tell_start(facts: dict[str, Any]) -> dict[str, Any]:
    """Where a training started that goes on from an older run, and with which rows."""
    if "start" not in facts:
        return {}
    start, since = facts["start"], facts["inputs"]["since"]
    told = {"goes on from the run": since}
    told["starts from"] = (
        f"{'the base model' if start['from'] == 'base' else f'the model of {since}'}:"
        f" {start['why']}"
    )
    if start["from"] == "older":
        told["rows that it had not seen"] = start["n_changed"]
        told["of them trained"] = f"{start['n_trained']}, each {start['repeats']} times"
        told["rows that it had seen, trained again"] = start["n_replayed"]
    return told


def _show_measured(measured: dict[str, Any] | None) -> list[str]:
    """Right endings and facts by condition and sort of customer, and how well they were read."""
    if not measured:
        return ["It was not evaluated when this card was written."]
    rows = [
        f"| {condition} | {stratum} | {_share(found['ending_correct'])} |"
        f" {_share(found['facts_right'])} |"
        for condition, strata in measured["conditions"].items()
        if condition in SHOWN
        for stratum, found in strata.items()
    ]
    return [
        "| condition | simulated customers | right endings % | facts right % |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        "With 95 % intervals; compiled is this model, quantized the same with the weights of its"
        " GGUF file, base the untuned one. Steps are read off the words by a recognizer; of"
        f" messages it reads right, in %: {_share(measured['recognizer'], 'accuracy')}.",
    ]


def _tell_recipe(facts: dict[str, Any], method: str) -> dict[str, Any]:
    """How the weights were held while they were trained, as far as it is on record."""
    told = {}
    if recipe := facts.get("recipe"):
        told["weights and optimizer"] = f"{recipe['weights']}, {recipe['optimizer']}"
    if method != "full":
        told["rank and alpha of the adapters"] = f"{RANK}, {ALPHA}"
    if peak := facts.get("peak_bytes"):
        told["peak of memory, GB"] = round(peak / 1e9, 1)
    return told


def _share(metric: dict[str, Any], key: str = "mean") -> str:
    """Example: "98.0 (92.5-99.4), n 100, 1 not scored" """
    if metric[key] is None:
        return "not measured"
    mean, low, high = (f"{100 * metric[name]:.1f}" for name in (key, "low", "high"))
    unscored = f", {metric['unscored']} not scored" if metric.get("unscored") else ""
    return f"{mean} ({low}-{high}), n {metric['n']}{unscored}"


def _table(facts: dict[str, Any]) -> str:
    lines = [
        f"| {name} | {'not measured' if value is None else value} |"
        for name, value in facts.items()
    ]
    return "\n".join(["| | |", "| --- | --- |", *lines])
