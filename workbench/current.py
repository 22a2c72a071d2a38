"""Which run of a domain is in use: a small file names it, and moves in one step.

`runs/<domain>/current.json` is no link, so that it works on any disk, and a reader sees the old
name or the new one. Only runs that passed a gate get there, and those never change again: to roll
back is to name an older one.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from workbench.run import (
    GATED,
    STAGE_FILES,
    Run,
    RunError,
    UnknownRunError,
    check_name,
    find_run,
    replace_file,
    runs_folder,
)

POINTER = "current.json"


class CurrentError(RunError):
    """A run cannot become the current one; the message says what to do."""


class Pointer(BaseModel):
    """What `current.json` says."""

    run: str
    """Name of the run that is in use."""
    before: str = ""
    """The one before it; "" if there was none."""
    moved_at: str = ""
    """When, in UTC."""


class Seal(BaseModel):
    """What `gated.json` says of a run that passed its gate and does not change any more."""

    gated_at: str
    against: str
    """Name of the older run it was compared with; "" if there was none."""
    checks: list[dict[str, Any]] = []
    """What was asked of it and what was found, a line of the gate's table each."""
    files: dict[str, str]
    """SHA-256 of each file of its results, by its name in the run's folder."""


@contextmanager
def hold_pointer(run: Run) -> Iterator[None]:
    """Let no other process move the pointer of a run's domain until the block ends."""
    with Run(run.folder.parent).lock("current", is_reader=True, is_patient=True):
        yield


@contextmanager
def hold_results(run: Run) -> Iterator[None]:
    """Let no other process write to a run, or move its domain's pointer, until the block ends.

    What was found of a run is then so of what is sealed, and what it was compared with is still the
    run in use.

    Raises:
        RunError: another process writes to it.
    """
    with run.lock("batch", is_reader=True), run.lock(is_reader=True), hold_pointer(run):
        yield


def read_pointer(domain: str, root: str | Path = "runs") -> Pointer | None:
    """What a domain's pointer says; None if there is none yet.

    Raises:
        RunNameError: no domain can be called that.
        CurrentError: the file is not what this program wrote.
    """
    check_name("domain", domain)
    file = runs_folder(root) / domain / POINTER
    if not file.exists():
        return None
    try:
        return Pointer.model_validate_json(file.read_bytes())
    except ValidationError as error:
        way_out = f"name a run anew: python -m workbench current {domain} RUN"
        raise CurrentError(f"{file} does not say which run is current; {way_out}") from error


def find_current(domain: str, root: str | Path = "runs") -> Run:
    """The run of a domain that is in use.

    Raises:
        UnknownRunError: there is none, or it is gone.
        CurrentError: see `read_pointer`.
    """
    pointer = read_pointer(domain, root)
    if pointer is None:
        raise UnknownRunError(
            f"no run of {domain} is current in {runs_folder(root)}; a gate that is passed makes one"
            f" so: python -m workbench gate {domain}/RUN --first --promote"
        )
    try:
        return find_run(f"{domain}/{pointer.run}", root)
    except UnknownRunError as error:
        raise UnknownRunError(
            f'the current run of {domain}, "{pointer.run}", is gone; name another: python -m'
            f" workbench current {domain} RUN"
        ) from error


def find_run_in_use(name: str, root: str | Path = "runs") -> Run:
    """A run by its domain and name or by its folder; by a domain's name alone the current one.

    Example: find_run_in_use("travel_booking") follows `runs/travel_booking/current.json`

    Raises:
        UnknownRunError, RunNameError, CurrentError: see `find_run` and `find_current`.
    """
    # of other names no folder is looked for: they may be empty, or longer than a system allows
    if re.fullmatch(r"[a-z0-9_-]{1,64}", name) and (runs_folder(root) / name).is_dir():
        return find_current(name, root)
    return find_run(name, root)


def move_current(run: Run, is_ungated_fine: bool = False) -> Pointer:
    """Make a run the current one of its domain; returns what the pointer says then.

    Raises:
        CurrentError: it has no model, it passed no gate (unless that is fine), or its files are
            not those that did.
    """
    if "result" not in run.manifest.get("train", {}):
        raise CurrentError(f"{run.folder} is not trained to the end, so it cannot be used")
    if run.is_gated:
        check_seal(run)
    elif not is_ungated_fine:
        raise CurrentError(
            f"{run.folder} has passed no gate: python -m workbench gate {run.domain}/{run.name}"
            " --promote, or say --ungated if it shall be used all the same"
        )
    with hold_pointer(run):
        try:
            before = read_pointer(run.domain, run.folder.parent.parent) or Pointer(run="")
        except CurrentError:
            # a file that says nothing is replaced by one that does
            before = Pointer(run="")
        # naming the current run again must not make it the one to go back to
        was = before.before if before.run == run.name else before.run
        pointer = Pointer(run=run.name, before=was, moved_at=_now())
        replace_file(run.folder.parent / POINTER, to_json(pointer, indent=2) + b"\n")
    return pointer


def seal(run: Run, against: str, checks: list[dict[str, Any]]) -> Seal:
    """Mark a run as gated: from then on nothing writes to it.

    Raises:
        CurrentError: it is gated already, and its files are not those that passed.
        RunError: another process writes to it.
    """
    if run.is_gated:
        return check_seal(run)
    with run.lock():
        made = Seal(gated_at=_now(), against=against, checks=checks, files=hash_results(run))
        replace_file(run.file(GATED), to_json(made, indent=2) + b"\n")
    return made


def check_seal(run: Run) -> Seal:
    """What a gated run passed with, once its files are found to be the same.

    Raises:
        CurrentError: a file was changed, removed or added since, or gated.json is broken.
    """
    file = run.file(GATED)
    try:
        made = Seal.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise CurrentError(
            f"{file} is not what this program wrote; delete it, and gate the run again"
        ) from error
    found = hash_results(run)
    changed = sorted(
        name for name in {*found, *made.files} if found.get(name) != made.files.get(name)
    )
    if changed:
        rest = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise CurrentError(
            f"{run.folder} is not what passed the gate: {', '.join(changed[:3])}{rest} changed"
            f" since. Put the files back, or delete {GATED} there and gate the run again"
        )
    return made


def hash_results(run: Run) -> dict[str, str]:
    """SHA-256 of each file of a run's results, by name. Hidden files and exports are none."""
    return {name: _hash(file) for name, file in sorted(_list_results(run))}


def _list_results(run: Run) -> Iterator[tuple[str, Path]]:
    places = [name for names in STAGE_FILES.values() for name in names]
    for name in dict.fromkeys(["manifest.json", "made_from", "domain", *places]):
        place = run.file(name)
        for file in place.rglob("*") if place.is_dir() else [place]:
            inner = file.relative_to(run.folder)
            if file.is_file() and not any(part.startswith(".") for part in inner.parts):
                yield inner.as_posix(), file


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
