"""What runs there are, how far each has come, and how its compiled model did."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from workbench.domain import find_domain
from workbench.evaluate.report import write_metric
from workbench.evaluate.statistics import Metric
from workbench.flowchart import read_flowchart
from workbench.run import STAGE_FILES, Run, RunError, open_run, runs_folder
from workbench.show import Panel, table

LAST_FACTS = {
    "design": "paths",
    "synthesize": "kept",
    "inspect": "train",
    "train": "result",
    "evaluate": "seconds",
}
"""Stage to the fact that it puts on record when all else is done."""


class NotebookFacts(BaseModel):
    """What stands on record about a notebook; nothing while it runs headless, or if it failed."""

    parameters: dict[str, Any] = {}
    finished_at: AwareDatetime | None = None


class StageFacts(BaseModel):
    """What stands on record about a stage, as far as it matters here."""

    begun_at: AwareDatetime | None = None
    seconds: float | None = None


class Result(BaseModel):
    """`result.json`, as far as it matters here."""

    size: str = ""
    conditions: dict[str, dict[str, dict[str, Metric]]]
    """Condition, stratum and measure to what was measured."""


@dataclass(frozen=True)
class Summary:
    """A run in one line."""

    domain: str
    run: str
    size: str
    """What its notebooks were given, e.g. "demo"; "" if that is not known."""

    stages: tuple[str, ...]
    """Those done, in order."""

    last_at: str
    """When the last of them was done, or begun if only that is known: "2026-11-22 20:38", UTC."""

    train_seconds: float | None
    endings: dict[str, Metric]
    """Stratum to the compiled model's correct endings; empty if it has not been evaluated."""

    def write_ending(self, stratum: str) -> str | None:
        """Example: "89.0 % (76.1-95.1), n 100"; None if there is nothing."""
        if stratum not in self.endings:
            return None
        metric = self.endings[stratum]
        return f"{write_metric('ending_correct', metric.model_dump())}, n {metric.n}"


def list_runs(domain: str = "", root: str | Path = "runs") -> tuple[list[Summary], list[RunError]]:
    """All runs, or those of one domain, by name; and what is wrong with those that are broken.

    Raises:
        UnknownDomainError: there is neither a run of this domain nor the domain itself.
    """
    folders = [folder for folder in sorted(runs_folder(root).glob("*/*")) if _is_run(folder)]
    if domain:
        if domain not in {folder.parent.name for folder in folders}:
            # a path to it, or a domain without runs
            domain = read_flowchart(find_domain(domain) / "flowchart.yaml").name
        folders = [folder for folder in folders if folder.parent.name == domain]
    summaries, broken = [], []
    for folder in folders:
        try:
            summaries.append(summarize(open_run(folder.parent.name, folder.name, root)))
        except RunError as error:
            broken.append(error)
    return summaries, broken


def summarize(run: Run) -> Summary:
    """A run in one line, from its folder alone.

    Raises:
        RunError: manifest.json or result.json is not what this program wrote.
    """
    manifest, file = run.manifest, run.file("manifest.json")
    recorded = {stage: manifest[stage] for stage in STAGE_FILES if stage in manifest}
    notebooks = _fit(dict[str, NotebookFacts], manifest.get("notebooks", {}), file)
    facts = _fit(dict[str, StageFacts], recorded, file)
    stages = [stage for stage in facts if _is_done(run, stage, recorded[stage])]
    if "evaluate" in stages and _is_outdated(facts):
        stages.remove("evaluate")
    sizes = [str(n.parameters["size"]) for n in notebooks.values() if "size" in n.parameters]
    endings: dict[str, Metric] = {}
    if "evaluate" in stages:
        result = _read_result(run)
        compiled = result.conditions.get("compiled", {})
        endings = {s: m["ending_correct"] for s, m in compiled.items() if "ending_correct" in m}
        sizes = sizes or [result.size]
    return Summary(
        domain=run.domain,
        run=run.name,
        size=", ".join(dict.fromkeys(sizes)),
        stages=tuple(stages),
        last_at=_last_time(stages, facts, notebooks),
        train_seconds=facts["train"].seconds if "train" in stages else None,
        endings=endings,
    )


def tabulate_runs(summaries: Iterable[Summary]) -> Panel:
    """A row for each run; what is not known or not measured is a dash."""
    numbers = {stage: str(number) for number, stage in enumerate(STAGE_FILES, start=1)}
    return table(
        [
            {
                "domain": found.domain,
                "run": found.run,
                "size": found.size or None,
                "stages": ",".join(numbers[stage] for stage in found.stages) or "none",
                "last (UTC)": found.last_at or None,
                "correct endings, seen": found.write_ending("seen"),
                "unseen": found.write_ending("unseen"),
            }
            for found in summaries
        ]
    )


def _is_run(folder: Path) -> bool:
    # file managers and Jupyter leave hidden folders behind
    is_hidden = any(name.startswith(".") for name in (folder.name, folder.parent.name))
    return folder.is_dir() and not is_hidden


def _is_done(run: Run, stage: str, facts: dict[str, Any]) -> bool:
    files = [run.file(name) for name in STAGE_FILES[stage]]
    return LAST_FACTS[stage] in facts and all(file.exists() for file in files)


def _is_outdated(facts: dict[str, StageFacts]) -> bool:
    """Whether the model was trained anew after it had been evaluated."""
    trained, evaluated = (facts.get(stage, StageFacts()) for stage in ("train", "evaluate"))
    return bool(trained.begun_at and evaluated.begun_at and trained.begun_at > evaluated.begun_at)


def _last_time(
    stages: list[str], facts: dict[str, StageFacts], notebooks: dict[str, NotebookFacts]
) -> str:
    names = [f"{number}_{stage}" for number, stage in enumerate(STAGE_FILES, 1) if stage in stages]
    finished = [notebooks.get(name, NotebookFacts()).finished_at for name in names]
    times = [time for time in [*finished, *(facts[s].begun_at for s in stages)] if time]
    return f"{max(times).astimezone(UTC):%Y-%m-%d %H:%M}" if times else ""


def _read_result(run: Run) -> Result:
    file = run.file("result.json")
    try:
        return Result.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise RunError(_blame(file, error)) from error


def _fit(kind: Any, data: Any, file: Path) -> Any:
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        raise RunError(_blame(file, error)) from error


def _blame(file: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{file}: {field}: {first['msg']}; mend it, or delete it and run its stage again"
