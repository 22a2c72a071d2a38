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


def write_card(run: Run, facts: dict[str, Any]) -> Path:
    """Write `model/README.md` from what the training left on record.

    `facts` has base, backend, parameters, result and rows, as `train` records them.
    """
    base, result = facts["base"], facts["result"]
    parts = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags: [procedure, trl, sft]",
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
    ]
    return run.write_text("model/README.md", "\n".join(parts))


_PACKAGES = ("torch", "transformers", "trl")


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
