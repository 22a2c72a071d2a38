"""Talks on file: to be gone through one after the other, or taken out by their ids.

All of them together may be more than memory should hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.evaluate.simulation import Simulated, file_of
from workbench.run import Run, RunError, find_records, read_record


@dataclass(frozen=True)
class KeptTalks:
    """The talks of some conditions in their order, read anew each time one goes through them."""

    run: Run
    conditions: Sequence[str]
    has_broken: bool = False
    """Whether those that were broken off are among them."""

    def __iter__(self) -> Iterator[Simulated]:
        for condition in self.conditions:
            for talk in self.run.iterate(file_of(condition), Simulated, missing_ok=True):
                if self.has_broken or not talk.failure:
                    yield talk

    def only(self, is_wanted: Callable[[str], bool]) -> "KeptTalks":
        """Those of the conditions whose names are wanted."""
        return replace(self, conditions=[name for name in self.conditions if is_wanted(name)])


class TalksById(Mapping[str, Simulated]):
    """All simulated talks of a run by their ids; each is read when it is asked for.

    Raises:
        RunError: on asking, if the file has been written since.
    """

    def __init__(self, run: Run):
        files = sorted(run.file("simulated").glob("*.jsonl"))
        self._places: dict[str, tuple[Path, int]] = {
            id_: (file, start)
            for file in files
            for id_, start in find_records(file, "conversation_id").items()
        }
        self._written = {file: file.stat().st_mtime_ns for file in files}

    def __getitem__(self, conversation_id: str) -> Simulated:
        file, start = self._places[conversation_id]
        if file.stat().st_mtime_ns != self._written[file]:
            raise RunError(f"{file} has been written since its talks were looked up; do so again")
        return read_record(file, start, Simulated)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
