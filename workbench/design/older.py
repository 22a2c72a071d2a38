"""The older run that a run goes on from: what it was made from, and what has changed since."""

from dataclasses import dataclass
from functools import cached_property

from workbench.design.changes import Changes, compare_domains
from workbench.design.paths import FlowPath
from workbench.domain import Domain
from workbench.run import Run, UnknownRunError, check_name
from workbench.source import read_source


@dataclass(frozen=True)
class Older:
    """An older run of the same domain. Nothing is ever written to it."""

    run: Run
    changes: Changes

    @cached_property
    def splits(self) -> dict[str, str]:
        """Path id to the side of the split that it stands on, of all planned paths."""
        return {path["path_id"]: path["split"] for path in self.run.read("paths.jsonl")}

    @cached_property
    def paths(self) -> list[FlowPath]:
        """All planned paths, longer walks included, under their old names."""
        planned = self.run.read("paths.jsonl")
        return [FlowPath(tuple(path["nodes"]), tuple(path["routes"])) for path in planned]


def find_older(run: Run, since: str, parameter: str = "since") -> Run | None:
    """The run of the same domain called `since`; None for "". `parameter` is who names it.

    Raises:
        UnknownRunError: there is no such run, or it is the run itself.
    """
    if not since:
        return None
    name = since.removeprefix(f"{run.domain}/")
    check_name("run", name)
    older = Run(run.folder.parent / name)
    if name == run.name or not older.file("manifest.json").exists():
        known = sorted(file.parent.name for file in run.folder.parent.glob("*/manifest.json"))
        others = ", ".join(other for other in known if other != run.name)
        raise UnknownRunError(
            f'{parameter} is "{since}", but must be the name of an older run of {run.domain}; there'
            f" are: {others or 'none'}"
        )
    return older


def open_older(run: Run, since: str, domain: Domain) -> Older | None:
    """The older run, compared with the domain of today; None where `since` is "".

    Raises:
        UnknownRunError: there is no such run, or it is the run itself.
        SourceError: what it was made from is not known.
    """
    older = find_older(run, since)
    return older and Older(older, compare_domains(read_source(older, domain), domain))
