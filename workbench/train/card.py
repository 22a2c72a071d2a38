"""The model card: what a compiled model is, where it comes from and how it was made."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench.run import Run

TEACHER = (
    "The conversations were written by an embedded phrase-book teacher: wordings of a domain,"
    " combined along paths of its flowchart. No large model wrote or judged them, so figures of"
    " this model are not comparable with those of models taught by one."
)


LIMITS = (
    "It was trained on one procedure and on the facts of that day. It states no computed figure."
    " Of customers it has met simulated ones only, and those are easier than people. It was never"
    " asked to be safe beyond its procedure: put nothing behind it that a wrong answer would hurt."
)

LICENSES = {"smollm2": "apache-2.0"}
"""Of base models whose licence is known; a compiled model is under its base model's."""


def write_card(run: Run, facts: dict[str, Any]) -> Path:
    """Write `model/README.md` from what the training left on record; see `make_card`."""
    return run.write_text("model/README.md", make_card(run, facts))


def make_card(run: Run, facts: dict[str, Any], measured: dict[str, Any] | None = None) -> str:
    """A model card for the hub, in Markdown.

    `facts` has base, backend, parameters, result and rows, as `train` records them; `measured` is
    the `conditions` of `result.json`, if there is one.
    """
    base, result = facts["base"], facts["result"]
    made_from = run.manifest.get("synthesize", {}).get("inputs", {})
    license_ = LICENSES.get(base["name"])
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
                "rows": facts["rows"],
                "rows cut at max_length": facts["rows_cut"],
                "hash of the flowchart": made_from.get("flowchart", "not on record"),
                "hash of facts, phrases and prompts": made_from.get("data", "not on record"),
                "licence": license_ or "that of the base model",
            }
        ),
        "",
        TEACHER,
        "",
        "## How it was made",
        "",
        "Full fine-tuning; loss on what the agent says and on its stop token only.",
        "",
        _table(facts["parameters"]),
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
                "hardware": _hardware(facts["backend"]),
                "software": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
                "date": datetime.now(UTC).date().isoformat(),
            }
        ),
        "",
        "## What it was measured to do",
        "",
        _tabulate_measured((measured or {}).get("compiled", {})),
        "",
        "## Limits",
        "",
        LIMITS,
        "",
    ]
    return "\n".join(parts)


_PACKAGES = ("torch", "transformers", "trl")


def _tabulate_measured(strata: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Right endings and facts by the sort of simulated customer, with 95 % intervals."""
    if not strata:
        return "It was not evaluated when this card was written."
    rows = [
        f"| {stratum} | {found['ending_correct']['n']} |"
        f" {_share(found['ending_correct'])} | {_share(found['facts_right'])} |"
        for stratum, found in strata.items()
    ]
    return "\n".join(
        [
            "| simulated customers | n | right endings % | facts right % |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )


def _share(metric: dict[str, Any]) -> str:
    if metric["mean"] is None:
        return "not measured"
    mean, low, high = (f"{100 * metric[key]:.1f}" for key in ("mean", "low", "high"))
    return f"{mean} ({low}-{high})"


def _table(facts: dict[str, Any]) -> str:
    lines = [
        f"| {name} | {'not measured' if value is None else value} |"
        for name, value in facts.items()
    ]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _hardware(backend: dict[str, Any]) -> str:
    import psutil

    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 1e9
    return (
        f"{backend['device']} ({platform.machine()}, {cores} cores, {memory:.0f} GB),"
        f" {backend['dtype']}: {backend['why']}"
    )
