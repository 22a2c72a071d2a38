"""The learning curve: the same measures of runs that trained on more or for longer."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from workbench.evaluate.breakdown import Bar
from workbench.run import Run

Point = dict[str, Any]
"""run, conversations, epochs, stratum, measure, mean, low, high, n."""


RECIPE = ("base_model", "method", "learning_rate", "batch_size", "max_length", "seed")
"""Numbers of a training of which a curve may show one value alone."""


def list_swept(run: Run) -> list[Path]:
    """Folders of the runs that a sweep of this one over its training has left."""
    patterns = (f"{run.name}-{what}-*" for what in ("conversations", "epochs"))
    return sorted(folder for pattern in patterns for folder in run.folder.parent.glob(pattern))


def list_seeded(run: Run) -> list[Path]:
    """Folders of the runs that a sweep of this one over its training's seed has left."""
    return sorted(run.folder.parent.glob(f"{run.name}-training_seed-*"))


def is_seeded_alike(run: Run, folder: Path) -> bool:
    """Whether two runs were trained on the same rows by the same numbers, but for the seed."""
    own, inputs = _read_inputs(run), _read_inputs(Run(folder))
    same = {*own, *inputs} - {"seed"}
    return bool(own) and all(inputs.get(name) == own.get(name) for name in same)


def is_alike(run: Run, folder: Path) -> bool:
    """Whether two runs were trained by the same numbers, but for the epochs and the rows.

    One that was not trained yet, or whose numbers are not known, is taken to be.
    """
    own, inputs = _read_inputs(run), _read_inputs(Run(folder))
    return not (inputs and own) or all(inputs.get(name) == own.get(name) for name in RECIPE)


def _read_inputs(run: Run) -> dict[str, Any]:
    """By what a run was trained; {} if it was not yet."""
    return run.manifest.get("train", {}).get("inputs", {})


def read_curve(folders: Iterable[Path]) -> list[Point]:
    """The compiled models' figures of all evaluated runs among the folders, fewest talks first.

    Example: read_curve(list_swept(run)), after a sweep over conversations. Runs that were not
    evaluated have no point.

    Raises:
        RunError: a run's manifest is not what this program wrote.
    """
    points: list[Point] = []
    for folder in folders:
        if (folder / "result.json").exists() and (folder / "manifest.json").exists():
            points += _read_points(Run(folder))
    return sorted(points, key=lambda p: (p["conversations"], p["epochs"], p["run"]))


def find_first(points: Iterable[Point], bar: Bar) -> Point | None:
    """The point of least training, in conversations times epochs, that meets a bar; else None."""
    own = [point for point in points if _is_of(point, bar) and point["mean"] is not None]
    met = [point for point in own if point["mean"] >= bar.wanted]
    return min(met, key=lambda p: (p["conversations"] * p["epochs"], p["epochs"]), default=None)


def find_best(points: Iterable[Point], bar: Bar) -> Point | None:
    """The point that comes nearest to a bar, or is highest above it."""
    own = [point for point in points if _is_of(point, bar) and point["mean"] is not None]
    return max(own, key=lambda point: point["mean"], default=None)


def bars_of(points: Sequence[Point], bars: Iterable[Bar]) -> list[Bar]:
    """The bars that a curve has points for."""
    return [bar for bar in bars if any(_is_of(point, bar) for point in points)]


def _is_of(point: Point, bar: Bar) -> bool:
    return bar.where == ("conditions", "compiled", point["stratum"], point["measure"])


def _read_points(run: Run) -> Iterable[Point]:
    manifest, result = run.manifest, json.loads(run.file("result.json").read_text("utf-8"))
    for stratum, measures in result["conditions"].get("compiled", {}).items():
        for measure, metric in measures.items():
            yield {
                "run": run.name,
                "conversations": manifest["inspect"]["train"],
                "epochs": manifest["train"]["inputs"]["epochs"],
                "stratum": stratum,
                "measure": measure,
                **{key: metric[key] for key in ("mean", "low", "high", "n")},
            }
