"""A grid of parameters: the notebooks once for every combination, each in a run of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from workbench.batch import (
    NOTEBOOKS,
    UsageError,
    check_parameters,
    choose_notebooks,
    declared_types,
    run_notebooks,
)
from workbench.domain import read_domain
from workbench.listing import Summary, summarize
from workbench.run import check_name, open_run
from workbench.show import Panel, table


@dataclass(frozen=True)
class Trial:
    """What became of one combination."""

    run: str
    values: dict[str, str]
    """Parameter to the value it has here, of those that have several."""

    summary: Summary | None = None
    """What is in the run's folder; None if the run failed."""

    error: Exception | None = None
    """Why it failed."""


def find_grid(
    parameters: dict[str, str], stages: Iterable[int] | None = None, notebooks: Path = NOTEBOOKS
) -> dict[str, list[str]]:
    """The parameters that have several values, as lists; empty if there are none.

    Only numbers are taken apart: words may have commas of their own, and whether a parameter is
    a number or words is what the notebooks declare.

    Example: {"epochs": "1,2", "shares": "success 3, escalation 1"} -> {"epochs": ["1", "2"]}
    """
    lists = {name: value for name, value in parameters.items() if "," in value}
    if not lists:
        return {}
    kinds: dict[str, str] = {}
    for source in choose_notebooks(notebooks, stages).values():
        kinds |= declared_types(source)
    return {
        name: [part.strip() for part in value.split(",")]
        for name, value in lists.items()
        if kinds.get(name) in ("int", "float")
    }


def name_run(run: str, values: dict[str, str]) -> str:
    """The run of a combination. Example: "demo", {"epochs": "0.5"} -> "demo-epochs-0_5" """
    parts = [run]
    for name, value in values.items():
        # a point is no part of a name; 1_000 must not be taken for 1.000
        plain = value.lower().replace("_", "").replace("+", "").replace(".", "_")
        parts += [name, plain]
    return "-".join(parts)


def sweep_notebooks(
    domain: str,
    run: str,
    size: str,
    seed: int,
    parameters: dict[str, str],
    stages: Iterable[int] | None = None,
    root: str | Path = "runs",
    progress: bool = True,
    notebooks: Path = NOTEBOOKS,
) -> Iterator[Trial]:
    """Run the notebooks for every combination; yields what became of each as soon as it is known.

    Takes what `run_notebooks` takes. Combinations share nothing but code, so one that fails does
    not stop the others; all are checked before the first is run.

    Raises:
        UsageError: as for one run, or a value is given twice.
        UnknownDomainError, RunNameError: there is no such domain, or a name is bad or too long.
    """
    grid = find_grid(parameters, stages, notebooks)
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    trials = [Trial(name_run(run, values), values) for values in combinations]
    name = read_domain(domain).name
    sources = choose_notebooks(notebooks, stages)
    for trial in trials:
        given = {"domain": domain, "run": trial.run, "seed": str(seed), "size": size}
        check_parameters(sources, given, parameters | trial.values)
        check_name("run", trial.run)
    _refuse_twins(grid)
    for number, trial in enumerate(trials, start=1):
        if progress:
            print(f"\n{trial.run} ({number} of {len(trials)})", flush=True)
        given = (domain, trial.run, size, seed, parameters | trial.values)
        try:
            run_notebooks(*given, stages, root, progress, notebooks)
            done = replace(trial, summary=summarize(open_run(name, trial.run, root)))
        except Exception as error:
            # whatever it was, the other combinations are still worth having
            done = replace(trial, error=error)
        yield done


def tabulate_trials(trials: Iterable[Trial]) -> Panel:
    """A row for each combination; what is not measured, or not known as it failed, is a dash."""
    return table(
        [
            {
                "run": trial.run,
                **trial.values,
                "ended": "failed" if trial.error else "done",
                "correct endings, seen": trial.summary and trial.summary.write_ending("seen"),
                "unseen": trial.summary and trial.summary.write_ending("unseen"),
                "training s": trial.summary and trial.summary.train_seconds,
            }
            for trial in trials
        ]
    )


def _refuse_twins(grid: dict[str, list[str]]) -> None:
    for name, values in grid.items():
        if len({float(value) for value in values}) < len(values):
            raise UsageError(f"{name} is given the same value twice: {', '.join(values)}")
