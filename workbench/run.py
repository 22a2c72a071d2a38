"""The run folder: where a run keeps its files, and all that one stage hands to the next."""

import errno
import fcntl
import json
import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from workbench.reading import suggest

STAGE_FILES = {
    "design": ("paths.jsonl",),
    "synthesize": ("scenarios.jsonl", "conversations.jsonl", "rejected.jsonl"),
    "inspect": ("rows", "dropped.jsonl"),
    "train": ("model",),
    "evaluate": ("simulated", "scores.jsonl", "report.md", "report.html", "result.json"),
}
"""Stage to the files and folders it always writes, in the order in which the stages run."""

GATED = "gated.json"
"""In the folder of a run that passed its gate: nothing writes to such a run any more."""

_MANIFESTS = "*/*/manifest.json"
_SLUG = re.compile(r"[a-z0-9_-]{1,64}")
_PACKAGES = ("procedure-workbench", "torch", "transformers", "trl", "peft", "datasets")


class RunError(ValueError):
    """A run folder cannot be used as asked; the message says what to do instead."""


class RunNameError(RunError):
    """A domain or a run has a name that no folder of results may have."""

    exit_code = 2


class UnknownRunError(RunError):
    """No run has that name."""

    exit_code = 2


class GatedRunError(RunError):
    """A run that passed its gate was to be written to."""


class Run:
    """One folder of results, `runs/<domain>/<run>/`. Make one with `open_run`."""

    # how often this process holds each lock; a child made by fork holds none
    _held: ClassVar[Counter[tuple[int, Path, str]]] = Counter()

    def __init__(self, folder: Path):
        self.folder = folder

    @property
    def name(self) -> str:
        """The run's name, e.g. "demo"."""
        return self.folder.name

    @property
    def domain(self) -> str:
        """The domain's name, e.g. "travel_booking"."""
        return self.folder.parent.name

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def file(self, name: str) -> Path:
        """Where a file of this run lies, e.g. file("rows/train.jsonl"). It need not exist.

        Raises:
            RunError: it would lie outside the run folder: by "..", an absolute path or a link.
        """
        file = self.folder / name
        # resolve() follows links: one planted in the folder must not lead out of it
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise RunError(f'"{name}" leads out of the run folder {self.folder}; name a file in it')
        return file

    def read(
        self, name: str, model: type[BaseModel] | None = None, missing_ok: bool = False
    ) -> list:
        """The records of a JSONL file, as dicts or as `model`: `read_jsonl`.

        Raises:
            RunError: a line is not a record, or there is no such file (with `missing_ok`: []).
        """
        return list(self.iterate(name, model, missing_ok))

    def iterate(
        self, name: str, model: type[BaseModel] | None = None, missing_ok: bool = False
    ) -> Iterator:
        """The same, one after the other: so many conversations may be more than memory takes."""
        file = self.file(name)
        if file.exists():
            yield from iterate_jsonl(file, model)
        elif not missing_ok:
            raise RunError(f"{file} does not exist yet; {_writer_of(name)}")

    @property
    def is_gated(self) -> bool:
        """Whether it passed its gate, so that it must stay as it is: see `workbench.current`."""
        return (self.folder / GATED).exists()

    def check_open(self) -> None:
        """Make sure that the run may still be written to.

        Raises:
            GatedRunError: it passed its gate.
        """
        if self.is_gated:
            raise GatedRunError(
                f"{self.folder} passed its gate and does not change any more; give the run that"
                f" you want to make a new name, such as --run {self.name[:60]}-2"
            )

    def append(self, name: str, records: Iterable[Any]) -> None:
        """Add records to a JSONL file: `append_jsonl`."""
        self.check_open()
        append_jsonl(self.file(name), records)

    def write(self, name: str, records: Iterable[Any]) -> None:
        """Replace a JSONL file as a whole: `write_jsonl`."""
        self.check_open()
        write_jsonl(self.file(name), records)

    def reorder(self, name: str, places: Sequence[int]) -> None:
        """Put the records of a JSONL file in another order: `reorder_jsonl`."""
        self.check_open()
        reorder_jsonl(self.file(name), places)

    def write_text(self, name: str, text: str) -> Path:
        """Replace a text file as a whole, e.g. report.md, and say where it lies."""
        self.check_open()
        file = self.file(name)
        replace_file(file, text.encode())
        return file

    @property
    def manifest(self) -> dict[str, Any]:
        """What is on record: a dict for each stage. Empty for a new run.

        Raises:
            RunError: manifest.json is not what this program wrote.
        """
        file = self.file("manifest.json")
        if not file.exists():
            return {}
        manifest = _parse(file.read_bytes(), None, str(file))
        if not all(isinstance(facts, dict) for facts in manifest.values()):
            raise RunError(f"{file} must hold an object for each stage; delete it or use a new run")
        return manifest

    def record(self, stage: str, **facts: Any) -> None:
        """Put facts about a stage on record; one already there under the same name is replaced.

        Example: run.record("train", seconds=312.5, loss=0.21)
        """
        self._put(stage, _plain(facts), is_new=False)

    def claim(self, stage: str, **inputs: Any) -> bool:
        """Begin a stage with these inputs (hashes, seed, size), or continue one begun with them.

        Returns True if there is something to continue. Files of other inputs are never mixed: where
        the stage's files are gone, its claim is gone too.

        Raises:
            RunError: the stage was begun with other inputs; the message names what differs.
        """
        given = _plain(inputs)
        recorded = self.manifest.get(stage, {}).get("inputs")
        files = [name for name in STAGE_FILES.get(stage, ()) if self.file(name).exists()]
        is_begun = recorded is not None and (files or stage not in STAGE_FILES)
        if is_begun and recorded != given:
            way_out = f"or delete {', '.join(files)} there" if files else "or delete that folder"
            raise RunError(
                f'the stage "{stage}" of {self.folder} was begun with other inputs: '
                f"{'; '.join(_differences(recorded, given))}. Give the run a new name, {way_out}"
            )
        if not is_begun:
            begun_at = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"inputs": given, "begun_at": begun_at, "versions": package_versions()}
            self._put(stage, facts, is_new=True)
        return bool(is_begun)

    @contextmanager
    def lock(
        self, name: str = "stage", is_reader: bool = False, is_patient: bool = False
    ) -> Iterator[None]:
        """Keep other processes from writing to this run until the block ends, or the process does.

        Who only reads its results may hold it for a gated run too. Who is patient waits for it.

        Raises:
            RunError: another process holds it; the message gives its pid.
            GatedRunError: the run passed its gate.
        """
        if not is_reader:
            self.check_open()
        key = (os.getpid(), self.folder.resolve(), name)
        # a stage may call another of the same process
        file = self.folder / f".{name}.lock"
        wait = nullcontext() if self._held[key] else _flock(file, is_patient)
        with wait:
            self._held[key] += 1
            try:
                yield
            finally:
                self._held[key] -= 1

    def _put(self, stage: str, facts: dict[str, Any], is_new: bool) -> None:
        self.check_open()
        # two writers must not lose each other's facts; this lock is held for milliseconds
        with _flock(self.folder / ".manifest.lock", is_patient=True):
            manifest = self.manifest
            manifest[stage] = facts if is_new else manifest.get(stage, {}) | facts
            replace_file(self.file("manifest.json"), to_json(manifest, indent=2) + b"\n")


def open_run(domain: str, run: str, root: str | Path = "runs") -> Run:
    """The run folder `<root>/<domain>/<run>/`, made if it is missing.

    A relative `root` is taken from `project_folder()`; WORKBENCH_RUNS replaces "runs".

    Raises:
        RunNameError: a name is not a slug such as "travel_booking".
        RunError: a link leads out of `root`.
    """
    check_name("domain", domain)
    check_name("run", run)
    base = runs_folder(root)
    folder = base / domain / run
    if folder.resolve() != base.resolve() / domain / run:
        raise RunError(f"{folder} is a link to {folder.resolve()}; runs must lie in {base} itself")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise RunError(f"{folder} cannot be a folder: a file lies there; move it away") from error
    return Run(folder)


def find_run(name: str | Path, root: str | Path = "runs") -> Run:
    """A run that exists, by its domain and name, or by its folder.

    Example: find_run("travel_booking/demo")

    Raises:
        UnknownRunError: there is none.
        RunNameError: its folder, or the one that lies in, has a name that no run or domain has.
    """
    for place in (runs_folder(root), project_folder()):
        # a name may be too long for any file, hold a zero, or begin with somebody unknown
        with suppress(OSError, ValueError, RuntimeError):
            folder = (place / Path(name).expanduser()).resolve()
            if (folder / "manifest.json").is_file():
                break
    else:
        raise _no_such_run(str(name), root)
    # a copy made elsewhere takes its names from where it lies
    check_name("domain", folder.parent.name)
    check_name("run", folder.name)
    return Run(folder)


def _no_such_run(name: str, root: str | Path) -> UnknownRunError:
    known = [f"{file.parts[-3]}/{file.parts[-2]}" for file in runs_folder(root).glob(_MANIFESTS)]
    return UnknownRunError(
        f'there is no run "{name}" in {runs_folder(root)}; python -m workbench list shows those'
        f" there are.{suggest(name, known)}"
    )


def check_name(what: str, name: str) -> None:
    """Refuse what cannot be the name of a domain or a run.

    Raises:
        RunNameError: it is not a slug such as "travel_booking".
    """
    if not isinstance(name, str) or not _SLUG.fullmatch(name):
        raise RunNameError(
            f'the {what} is called "{name}", but a name is 1 to 64 of a-z, 0-9, _ and -'
        )


def runs_folder(root: str | Path = "runs") -> Path:
    """The absolute folder that all runs lie in; see `open_run`."""
    if str(root) == "runs":
        root = os.environ.get("WORKBENCH_RUNS") or root
    return project_folder() / Path(root).expanduser()


def project_folder() -> Path:
    """The folder one works in, or the one above it if one works in `notebooks`.

    It makes notebooks, whose kernels start in `notebooks`, and headless runs find the same things.
    """
    here = Path.cwd()
    return here.parent if here.name == "notebooks" else here


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, where installed."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def read_jsonl(file: Path, model: type[BaseModel] | None = None) -> list:
    """The records of a JSONL file, as dicts or as `model`.

    A last line that was cut off, by a kill or a full disk, is left out; the next `append_jsonl`
    mends it.

    Raises:
        RunError: a line is not a record; the message gives its number.
    """
    return list(iterate_jsonl(file, model))


def iterate_jsonl(file: Path, model: type[BaseModel] | None = None) -> Iterator:
    """The same, one after the other."""
    for number, _, line in _iterate_lines(file):
        yield _parse(line, model, f"{file}, line {number}")


def find_records(file: Path, name: str) -> dict[Any, int]:
    """Where each record of a JSONL file begins, in bytes, by a field; of the same the last.

    Example: {"3f2a": 0, "9c01": 5120}

    Raises:
        RunError: a line is not a record; the message gives its number.
    """
    return {
        _parse(line, None, f"{file}, line {number}")[name]: start
        for number, start, line in _iterate_lines(file)
    }


def read_record(file: Path, start: int, model: type[BaseModel]) -> Any:
    """The record that begins there: see `find_records`."""
    with file.open("rb") as lines:
        lines.seek(start)
        return _parse(lines.readline().rstrip(b"\n"), model, f"{file}, byte {start}")


def _iterate_lines(file: Path) -> Iterator[tuple[int, int, bytes]]:
    """Of each record the number of its line, where that begins in the file, and what it says."""
    start = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            is_whole = line.endswith(b"\n") or _is_record(line)
            if is_whole and line.strip():
                yield number, start, line.rstrip(b"\n")
            start += len(line)


def append_jsonl(file: Path, records: Iterable[Any]) -> None:
    """Add records to a JSONL file: all of them or, if the disk is full, none.

    Raises:
        RunError: the disk is full.
    """
    content = b"".join(_to_line(record) for record in records)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _open_at_end(file) as descriptor:
        start = _mend(descriptor)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        except OSError as error:
            os.ftruncate(descriptor, start)
            raise _disk_error(error, file) from error


def write_jsonl(file: Path, records: Iterable[Any]) -> None:
    """Replace a JSONL file as a whole: a reader sees the old one or the new one.

    Raises:
        RunError: the disk is full; the old file is still there.
    """
    _replace(file, map(_to_line, records))


def reorder_jsonl(file: Path, places: Sequence[int]) -> None:
    """Put the records of a JSONL file in another order, without reading all at once.

    `places` are those that they have now, from 0; what is not among them goes. Example: of three
    records [2, 0] leaves the last and the first, in this order.

    Raises:
        RunError: the disk is full; the old file is still there.
    """
    starts = [start for _, start, _ in _iterate_lines(file)]
    with file.open("rb") as lines:

        def read_at(place: int) -> bytes:
            lines.seek(starts[place])
            return lines.readline().rstrip(b"\n") + b"\n"

        _replace(file, map(read_at, places))


def replace_file(file: Path, content: bytes) -> None:
    """Put a file there as a whole, or leave the old one.

    Raises:
        RunError: the disk is full.
    """
    _replace(file, [content])


def _replace(file: Path, parts: Iterable[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        raise _disk_error(error, file) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _flock(file: Path, is_patient: bool = False) -> Iterator[None]:
    # the kernel frees a flock when its process ends, however it ends
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_patient else fcntl.LOCK_NB))
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
            raise RunError(
                f"{file.parent} is being written by process {pid}, another notebook or command; "
                "wait for it, stop it, or use another run name"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _is_record(line: bytes) -> bool:
    """Whether a last line without an end is a record nevertheless, as editors leave it."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@contextmanager
def _open_at_end(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _mend(descriptor: int) -> int:
    """Cut a torn last line off, or end it if it is whole; returns the file's length then."""
    length = os.fstat(descriptor).st_size
    if length == 0 or os.pread(descriptor, 1, length - 1) == b"\n":
        return length
    content = os.pread(descriptor, length, 0)
    start = content.rfind(b"\n") + 1
    if _is_record(content[start:]):
        return length + os.write(descriptor, b"\n")
    os.ftruncate(descriptor, start)
    return start


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as they will be read back: tuples as lists, keys as strings."""
    return json.loads(to_json(facts))


def _to_line(record: Any) -> bytes:
    return to_json(record) + b"\n"


def _parse(line: bytes, model: type[BaseModel] | None, where: str) -> Any:
    try:
        record = json.loads(line) if model is None else model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise RunError(
            f"{where}: {field}: {first['msg']}; mend the line, or delete the file"
        ) from error
    except ValueError as error:
        raise RunError(f"{where}: not JSON ({error}); mend it, or delete the file") from error
    if model is None and not isinstance(record, dict):
        raise RunError(f"{where}: a record must be an object, not {type(record).__name__}")
    return record


def _writer_of(name: str) -> str:
    for number, (stage, files) in enumerate(STAGE_FILES.items(), start=1):
        if any(name == file or name.startswith(f"{file}/") for file in files):
            return f"the notebook {number}_{stage} writes it"
    return "run the stage that writes it first"


def _differences(recorded: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """What differs, in words. Example: ["seed was 7, now 8"]"""
    return [
        f"{name} was {recorded.get(name, 'not given')}, now {given.get(name, 'not given')}"
        for name in sorted({*recorded, *given})
        if recorded.get(name) != given.get(name)
    ]


def _disk_error(error: OSError, file: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(f"{file} cannot be written: the disk is full; free some space and go on")
    return error
