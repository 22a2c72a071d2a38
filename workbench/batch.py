"""The five notebooks headless, strictly: checked parameters, in order, resumed after a failure."""

import ast
import hashlib
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.design.older import find_older
from workbench.domain import GATE
from workbench.evaluate.curve import list_seeded, list_swept
from workbench.inspect.reviews import FILE as REVIEWS
from workbench.run import STAGE_FILES, Run, open_run, runs_folder
from workbench.source import FOLDER
from workbench.web_page import has_exporter, write_web_page

if TYPE_CHECKING:
    from workbench.synthesize.forecast import Forecast
    from workbench.synthesize.speakers import Cast

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
"""Where the notebooks lie in a checkout."""

PACKAGE = Path(__file__).parent
"""The code that the notebooks call."""

PROMPTS = PACKAGE / "prompts"
"""What the notebooks read besides the domain."""

STAGES = tuple(STAGE_FILES)
"""Names of the stages; the notebook of stage 1 is 1_design.ipynb, and so on."""

EVERYWHERE = ("domain", "run", "seed", "size")
"""Parameters that every notebook has."""


class BatchError(ValueError):
    """A notebook failed; the message says which, where and why."""


class UsageError(BatchError):
    """What was asked for cannot be: nothing was run."""

    exit_code = 2


@dataclass(frozen=True)
class Finished:
    """What became of one notebook."""

    notebook: Path
    """The executed copy, outputs included."""

    seconds: float
    """What it took; for a skipped one, what it took when it ran."""

    is_skipped: bool
    """It had finished before, with the same parameters on the same inputs."""


def run_notebooks(
    domain: str,
    run: str = "demo",
    size: str = "demo",
    seed: int = 7,
    parameters: dict[str, str] | None = None,
    stages: Iterable[int] | None = None,
    root: str | Path = "runs",
    progress: bool = True,
    notebooks: Path = NOTEBOOKS,
) -> list[Finished]:
    """Run the notebooks in order, each in a kernel of this very Python; print where the report is.

    `parameters` go to every notebook that has them, e.g. {"epochs": "3"}; `stages` are numbers from
    1 to 5 (default: all). Executed copies go to `notebooks/` in the run folder, signed as trusted,
    each with a page of HTML beside it where nbconvert is installed.
    A notebook that finished before with the same parameters is skipped while its own code, this
    package, the domain and the files that it read and wrote are unchanged. One that runs again
    takes seconds where its stage has nothing left to do.

    Raises:
        UsageError: an unknown notebook, parameter or stage, or a value of the wrong type.
        UnknownDomainError, RunNameError: there is no such domain, or a run cannot be named so.
        BatchError: a notebook failed; the message gives the cell and its error.
        RunError: another process is running notebooks in this run folder.
    """
    sources = choose_notebooks(notebooks, stages)
    asked = {"domain": domain, "run": run, "seed": str(seed), "size": size}
    checked = check_parameters(sources, asked, parameters or {})
    folder, name = _find_domain(domain, [*sources], read_speakers(sources, checked))
    # kernels work in another folder: a path must hold there too
    place = str(folder.resolve()) if os.sep in domain else domain
    values = {number: own | {"domain": place} for number, own in checked.items()}
    results = open_run(name, run, root)
    finished = []
    with results.lock("batch"):
        for number, source in sources.items():
            stage = _Stage(results, number, source, values[number], folder)
            finished.append(stage.run(progress))
            _say(progress, _describe(number, finished[-1]))
    # after fewer stages, a report that lies there may be of an earlier run
    if len(STAGES) in sources:
        _say(progress, headline(results))
    return finished


def forecast(
    domain: str,
    run: str = "demo",
    size: str = "demo",
    seed: int = 7,
    parameters: dict[str, str] | None = None,
    root: str | Path = "runs",
    notebooks: Path = NOTEBOOKS,
) -> "Forecast":
    """What writing a run's conversations would ask of models, in calls, tokens and dollars.

    Nothing is sent, and nothing of the run is begun: it is planned in a folder that is thrown away.
    What a judge would be asked is not in it.

    Raises:
        UsageError, SpeakerError: a parameter is unknown or makes no sense.
        EndpointError, CapError: a model has no provider or, with a cap, no price.
    """
    from workbench.design.plan import plan_paths
    from workbench.domain import read_spoken
    from workbench.sizes import size_of
    from workbench.synthesize.forecast import forecast_writing
    from workbench.synthesize.writing import plan_scenarios

    sources = choose_notebooks(notebooks, None)
    given = {"domain": domain, "run": run, "seed": str(seed), "size": size}
    values = check_parameters(sources, given, parameters or {})
    own, cast = read_defaults(sources[2]) | values[2], read_speakers(sources, values)
    book = read_spoken(domain, needs_phrases=cast.needs_phrases)
    numbers = {name: own[name] for name in ("conversations", "test_scenarios")}
    settings = size_of(size, **numbers)
    with tempfile.TemporaryDirectory() as folder:
        plan = open_run(book.name, run, folder)
        plan_paths(plan, book, seed)
        counts = (settings.conversations, settings.test_scenarios)
        scenarios = plan_scenarios(plan, book, *counts, seed, own["shares"], cast)
        # what a run has already written need not be asked for; one that is not there is not made
        begun = runs_folder(root) / book.name / run
        results = Run(begun) if begun.exists() else plan
        return forecast_writing(results, book, seed, cast, scenarios)


def read_speakers(sources: dict[int, Path], values: dict[int, dict[str, Any]]) -> "Cast":
    """Who writes the conversations: as the parameters of stage 2 say, if that is to run.

    Raises:
        SpeakerError: nobody can speak so.
    """
    from workbench.synthesize.speakers import Cast, read_cast

    if 2 not in sources:
        return Cast()
    own = read_defaults(sources[2]) | values[2]
    names = ("teacher", "customer", "model_share", "cap_usd", "temperature")
    return read_cast(**{name: own[name] for name in names if name in own})


def read_defaults(source: Path) -> dict[str, Any]:
    """Name to value of a notebook's parameters as they stand in it."""
    import papermill

    inspected = papermill.inspect_notebook(source)
    return {name: ast.literal_eval(found["default"]) for name, found in inspected.items()}


def parse_stages(text: str) -> list[int]:
    """Numbers of stages. Example: "2-4" -> [2, 3, 4]; "1,5" -> [1, 5]

    Raises:
        UsageError: not such numbers, or not between 1 and 5.
    """
    numbers: set[int] = set()
    for part in text.split(","):
        found = re.fullmatch(r"\s*([1-5])\s*(?:-\s*([1-5])\s*)?", part, re.ASCII)
        if not found or (found[2] and found[2] < found[1]):
            raise UsageError(f'stages "{text}" must be like 3, 2-4 or 1,5, from 1 to {len(STAGES)}')
        numbers |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    return sorted(numbers)


def choose_notebooks(
    folder: Path = NOTEBOOKS, stages: Iterable[int] | None = None
) -> dict[int, Path]:
    """Stage number to its notebook, for the stages asked for (None: all), in order.

    Raises:
        UsageError: there is no such stage, or its notebook is missing.
    """
    numbers = sorted(set(stages)) if stages is not None else range(1, len(STAGES) + 1)
    sources = {}
    for number in numbers:
        if number not in range(1, len(STAGES) + 1):
            raise UsageError(f"stage {number} does not exist; there are 1 to {len(STAGES)}")
        sources[number] = folder / f"{number}_{STAGES[number - 1]}.ipynb"
    missing = [source.name for source in sources.values() if not source.exists()]
    if missing:
        raise UsageError(
            f"{folder} has no {', '.join(missing)}; notebooks run from a checkout of the "
            f"repository, installed with pip install -e"
        )
    return sources


def check_parameters(
    sources: dict[int, Path], given: dict[str, str], extra: dict[str, str]
) -> dict[int, dict[str, Any]]:
    """Stage number to the typed values that its notebook gets.

    `given` are the parameters that every notebook has, `extra` go to those that have them.

    Raises:
        UsageError: no notebook has such a parameter, or a value is of the wrong type.
    """
    known = {number: declared_types(source) for number, source in sources.items()}
    for number, types in known.items():
        for name in EVERYWHERE:
            if name not in types:
                raise UsageError(f'{sources[number].name} has no parameter "{name}"; it must')
    names = sorted({name for types in known.values() for name in types} - {*EVERYWHERE})
    for name in extra:
        if name in EVERYWHERE:
            raise UsageError(
                f'"{name}" is not set with -p; it has its own place on the command line'
            )
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(names)}"
            raise UsageError(f'no notebook to run has a parameter "{name}". {hint}')
    return {
        number: {
            name: _convert(value, types[name], f"parameter {name} of {sources[number].name}")
            for name, value in {**given, **extra}.items()
            if name in types
        }
        for number, types in known.items()
    }


def declared_types(source: Path) -> dict[str, str]:
    """Name to type of a notebook's parameters. Example: {"domain": "str", "seed": "int"}

    Raises:
        UsageError: the notebook cannot be read, or a parameter is no number and no words.
    """
    import papermill

    try:
        inspected = papermill.inspect_notebook(source)
    except ValueError as error:
        raise UsageError(
            f"{source.name} cannot be read ({error}); its kernelspec must have the name python3 "
            f"and the language python"
        ) from error
    types = {}
    for name, parameter in inspected.items():
        types[name] = parameter["inferred_type_name"]
        if types[name] not in _CONVERTERS:
            raise UsageError(
                f"{source.name} declares {name} as {types[name]}; it must be int, float or str"
            )
    return types


def headline(run: Run) -> str:
    """Where the report of a run is, and the first table in it. "" if there is no report yet."""
    file = run.file("report.md")
    if not file.exists():
        return ""
    lines = file.read_text("utf-8").splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    shown = run.file("report.html") if run.file("report.html").exists() else file
    return "\n".join(["", *lines[start:end], "", f"Report: {shown}"])


class _Stage:
    """One notebook of one run."""

    def __init__(self, run: Run, number: int, source: Path, values: dict[str, Any], domain: Path):
        self.results = run
        self.source = source
        self.values = values
        self.copy = run.file(f"notebooks/{source.name}")
        self.page = self.copy.with_suffix(".html")
        before = [file for stage in STAGES[: number - 1] for file in STAGE_FILES[stage]]
        self.reads = [domain, PROMPTS, *map(run.file, before)]
        if since := find_older(run, str(values.get("since", ""))):
            # what a run goes on from may be run again, too
            stages = STAGES[:2] if number <= 2 else STAGES[2:4]
            files = [file for stage in stages for file in STAGE_FILES[stage]]
            self.reads += [since.file(file) for file in (FOLDER, *files)]
        if STAGES[number - 1] == "inspect":
            # no stage writes it: people judge between two runs
            self.reads.append(run.file(REVIEWS))
        if STAGES[number - 1] == "evaluate":
            from workbench.evaluate.baselines import list_models

            named = (str(values.get(name, "")) for name in ("older", "baseline"))
            self.reads += list_models(run, *named)
            # the report has the learning curve of a sweep of this run
            others = [*list_swept(run), *list_seeded(run)]
            self.reads += [folder / "result.json" for folder in others]
        self.writes = [run.file(file) for file in STAGE_FILES[STAGES[number - 1]]]

    def run(self, progress: bool) -> Finished:
        """Execute the notebook unless that is done; raises BatchError if a cell fails."""
        basis = self._basis()
        done = self.results.manifest.get("notebooks", {}).get(self.source.stem, {})
        if done.get("basis") == basis and done.get("results") == _hash_files(self.writes):
            return Finished(self.copy, done["seconds"], is_skipped=True)
        _say(progress, f"{self.source.stem} ...")
        # a failed rerun must not look finished by what an earlier run recorded
        self._record(None)
        self.page.unlink(missing_ok=True)
        begun = time.monotonic()
        self._execute(progress)
        seconds = round(time.monotonic() - begun, 1)
        self._record(
            {
                "parameters": self.values,
                "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": seconds,
                "basis": basis,
                "results": _hash_files(self.writes),
            }
        )
        self._export(progress)
        return Finished(self.copy, seconds, is_skipped=False)

    def _export(self, progress: bool) -> None:
        """Write the page beside the copy; a run that lasted hours does not fail over it."""
        if has_exporter():
            try:
                write_web_page(self.copy, self.page)
            except (OSError, ValueError) as error:
                _say(progress, f"{self.page} was not written: {error}")

    def _basis(self) -> dict[str, str]:
        """Hashes of all that the notebook's results depend on."""
        return {
            "parameters": hashlib.sha256(repr(sorted(self.values.items())).encode()).hexdigest(),
            "notebook": _hash_code(self.source),
            # any module may shape what a notebook shows, and running again is quick
            "package": _hash_files([PACKAGE], "*.py"),
            "read": _hash_files(self.reads),
        }

    def _record(self, facts: dict[str, Any] | None) -> None:
        self.results.record("notebooks", **{self.source.stem: facts or {}})

    def _execute(self, progress: bool) -> None:
        import papermill

        self.copy.parent.mkdir(parents=True, exist_ok=True)
        place = f"{self.source.name} of {self.results.folder}"
        try:
            with _kernel_environment(self.results.folder.parent.parent):
                papermill.execute_notebook(
                    self.source,
                    self.copy,
                    self.values,
                    kernel_name="python3",
                    kernel_manager_class=_kernel_of_this_python(),
                    # what it says about TCP at every start helps nobody here
                    extra_arguments=["--log-level=ERROR"],
                    start_timeout=300,
                    cwd=self.source.parent,
                    progress_bar=False,
                    # of a progress bar the copy keeps the last state, not thousands
                    coalesce_streams=True,
                    stdout_file=sys.stdout if progress else None,
                    # progress bars: one line that moves in a terminal, thousands in a log
                    stderr_file=sys.stderr if progress and sys.stderr.isatty() else None,
                )
        except papermill.PapermillExecutionError as error:
            raise BatchError(
                f"{place} failed in its cell [{error.exec_count}] "
                f"({_first_line(error.source)}): {error.ename}: {error.evalue}; "
                f"all its outputs are in {self.copy}, and the same command goes on from there"
            ) from error
        except RuntimeError as error:
            # nbclient's for a kernel that does not start or does not live
            raise BatchError(
                f"{place} lost its kernel ({error}): killed, perhaps, as the memory was full; free "
                f"some or choose a smaller size, and give the same command again"
            ) from error
        finally:
            _sign(self.copy)


def _to_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError
    return int(text)


def _to_float(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError
    return float(text)


_CONVERTERS: dict[str, Callable[[str], Any]] = {"int": _to_int, "float": _to_float, "str": str}
_EXAMPLES = {"int": "a whole number such as 3", "float": "a number such as 0.5 or 1e-4"}


def _convert(value: str, kind: str, what: str) -> Any:
    try:
        return _CONVERTERS[kind](str(value))
    except ValueError as error:
        raise UsageError(f'{what} is "{value}", but must be {_EXAMPLES[kind]}') from error


def _find_domain(domain: str, stages: list[int], cast: "Cast") -> tuple[Path, str]:
    """Folder and name; what is wrong with a domain is said before anything runs.

    For the design alone flowchart and facts are enough, and up to the evaluation, whose customers
    speak from the phrase book, a domain without one where models say everything.
    """
    from workbench.domain import read_design, read_spoken

    needs_phrases = 5 in stages or (2 in stages and cast.needs_phrases)
    found = (
        read_design(domain) if stages == [1] else read_spoken(domain, needs_phrases=needs_phrases)
    )
    return found.folder, found.name


def _hash_code(source: Path) -> str:
    """Hash of a notebook's code: prose and outputs may change."""
    import nbformat

    notebook = nbformat.read(source, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(code).encode()).hexdigest()


def _hash_files(places: Iterable[Path], pattern: str = "*") -> str:
    """Hash of names and contents of files, and of all in folders that fit. Missing ones count."""
    digest = hashlib.sha256()
    for place in places:
        files = sorted(place.rglob(pattern)) if place.is_dir() else [place]
        for file in files:
            # editors and file managers leave hidden files behind
            is_own = not file.name.startswith(".") and file.name != GATE
            if file.is_file() and is_own:
                name = file.relative_to(place.parent)
                digest.update(f"{name}\0{_hash_file(file, file.stat().st_mtime_ns)}\0".encode())
    return digest.hexdigest()


@cache
def _hash_file(file: Path, modified_ns: int) -> str:
    # a model of hundreds of MB is asked for by the stage that wrote it and by the next
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@cache
def _kernel_of_this_python() -> type:
    """A kernel manager that starts this interpreter, whatever "python3" means to this user."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class KernelOfThisPython(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python")

    return KernelOfThisPython


@contextmanager
def _kernel_environment(root: Path) -> Iterator[None]:
    """Within the block, kernels use this very package and keep their runs in `root`."""
    before = dict(os.environ)
    paths = [str(Path(__file__).parent.parent), before.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["WORKBENCH_RUNS"] = str(root)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _sign(notebook: Path) -> None:
    """Mark outputs as this user's own, so that JupyterLab draws them."""
    import nbformat
    from nbformat.sign import NotebookNotary

    if notebook.exists():
        NotebookNotary().sign(nbformat.read(notebook, as_version=4))


def _first_line(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    return lines[0][:80] if lines else "empty"


def _describe(number: int, done: Finished) -> str:
    how = "unchanged, skipped; it took" if done.is_skipped else "done in"
    return f"{number}_{STAGES[number - 1]}: {how} {done.seconds:.0f} s"


def _say(progress: bool, text: str) -> None:
    if progress and text:
        print(text, flush=True)
