"""The gate: whether a run may take the place of the one in use. `python -m workbench gate RUN`."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.current import move_current, read_pointer, seal
from workbench.domain import GATE, Domain, UnknownDomainError, find_domain, read_domain
from workbench.evaluate.checks import (
    Check,
    check_complete,
    check_instruments,
    check_levels,
    check_losses,
    check_parts,
    check_stale,
    check_touched,
)
from workbench.evaluate.junit import write_junit
from workbench.evaluate.metrics import Score
from workbench.evaluate.regression import Regression, compare_runs
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.stale import Staleness, find_copy, find_stale
from workbench.evaluate.thresholds import Thresholds
from workbench.run import Run, find_run
from workbench.show import Panel
from workbench.show.gated import (
    describe_stale,
    list_reasons,
    tabulate_checks,
    tabulate_kinds,
    tabulate_pairs,
    tabulate_parts,
)
from workbench.source import find_place, hash_domain
from workbench.synthesize.scenarios import Scenario
from workbench.train.card import hash_model


class GateError(ValueError):
    """There is nothing to gate, or nothing to compare it with; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Verdict:
    """What a gate found."""

    run: Run
    older: Run | None
    """None: it is the domain's first, and nothing was compared."""
    checks: list[Check]
    regression: Regression | None = None
    stale: Staleness | None = None

    @property
    def is_passed(self) -> bool:
        return bool(self.checks) and all(check.is_passed for check in self.checks)

    @property
    def title(self) -> str:
        """Example: "travel_booking/new against old: passed" """
        beside = f" against {self.older.name}" if self.older else ", the first"
        said = "passed" if self.is_passed else f"broken, {self.n_failed} of {len(self.checks)}"
        return f"{self.run.domain}/{self.run.name}{beside}: {said}"

    @property
    def n_failed(self) -> int:
        return sum(not check.is_passed for check in self.checks)


def find_older(run: Run, against: str = "", is_first: bool = False) -> Run | None:
    """The run that another is compared with: the one named, or the domain's current one.

    Raises:
        GateError: there is none, and that it is the first was not said; or it is the run itself.
        UnknownRunError: there is no run of that name.
    """
    pointer = read_pointer(run.domain, run.folder.parent.parent)
    # a gate that is asked again after it moved the pointer compares as it did before
    is_current = pointer is not None and pointer.run == run.name
    name = against or ((pointer.before if is_current else pointer.run) if pointer else "")
    if is_first and name:
        raise GateError(
            f'--first is for a domain\'s first run, but there is "{name}"; leave it out'
        )
    if is_first or (is_current and not name):
        return None
    if not name:
        raise GateError(
            f"no run of {run.domain} is current, so there is nothing to compare with; name one:"
            " --against RUN, or say --first if there is none"
        )
    older = find_run(name if "/" in name else f"{run.domain}/{name}", run.folder.parent.parent)
    if older.domain != run.domain:
        raise GateError(f"{older.folder} is of another domain than {run.folder}")
    if older.folder.resolve() == run.folder.resolve():
        raise GateError(f"{run.folder} cannot be compared with itself; name an older run")
    return older


def find_thresholds(run: Run, file: str = "") -> Path:
    """The gate.yaml that a run must pass: the one named, else that beside its domain's files.

    Raises:
        GateError: the domain's folder cannot be found.
    """
    if file:
        return Path(file)
    try:
        return find_domain(find_place(run)) / GATE
    except UnknownDomainError as error:
        raise GateError(f"{error} Or name the file: --thresholds FILE") from error


def gate(run: Run, older: Run | None, thresholds: Thresholds) -> Verdict:
    """Ask all that the thresholds want of a run; nothing is written.

    Raises:
        RunError: a file of a run is broken.
        DomainError: the domain cannot be read.
    """
    if whys := [*_find_unready(run), *(_find_unready(older) if older else ())]:
        return Verdict(run, older, [_missing(why) for why in whys])
    domain = _read_own_domain(run)
    if domain is None:
        why = "its domain is not what it was evaluated with; evaluate it again, or undo the edit"
        return Verdict(run, older, [_missing(f"{run.folder}: {why}")])
    scores, scenarios = run.read("scores.jsonl", Score), run.read("scenarios.jsonl", Scenario)
    result = json.loads(run.file("result.json").read_text("utf-8"))
    most = run.manifest["evaluate"]["inputs"]["test_scenarios"]
    checks = [*check_complete(scores, scenarios, most), *check_levels(thresholds, scores)]
    checks += check_instruments(thresholds, result)
    if older is None:
        return Verdict(run, None, checks)
    regression = compare_runs(run, older, domain)
    checks += [*check_touched(thresholds, regression, scores)]
    checks += [*check_losses(thresholds, regression), check_parts(thresholds, regression)]
    met = {score.scenario_id for score in scores if score.condition == "compiled"}
    talks = run.read("simulated/compiled.jsonl", Simulated)
    stale = find_stale(run, older, domain, talks, [s for s in scenarios if s.scenario_id in met])
    checks += check_stale(thresholds, stale)
    return Verdict(run, older, checks, regression, stale)


def promote(verdict: Verdict) -> str:
    """Seal a run that has passed and make it the current one; says what is so now.

    Killed in between, it is sealed and the older one still current: the same call goes on.

    Raises:
        GateError: it has not passed.
        CurrentError: it was sealed before, and its files changed since.
    """
    if not verdict.is_passed:
        raise GateError(f"{verdict.title}; only what has passed is promoted")
    against = verdict.older.name if verdict.older else ""
    seal(verdict.run, against, [asdict(check) for check in verdict.checks])
    pointer = move_current(verdict.run)
    back = f"; back: python -m workbench current {verdict.run.domain} {pointer.before}"
    return f"{verdict.run.domain} now uses {pointer.run}{back if pointer.before else ''}"


def describe(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    parts = [*map(str, _list_parts(verdict, is_long=False)), list_reasons(verdict.checks)]
    return "\n\n".join(part for part in parts if part)


def write_markdown(verdict: Verdict) -> str:
    """The verdict for a comment on a change, with what improved and what broke."""
    parts = _list_parts(verdict, is_long=True)
    return "\n\n".join(part.markdown if isinstance(part, Panel) else part for part in parts) + "\n"


def write_xml(verdict: Verdict) -> bytes:
    """The verdict as JUnit XML."""
    at = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return write_junit(verdict.checks, f"gate of {verdict.run.domain}/{verdict.run.name}", at)


def _list_parts(verdict: Verdict, is_long: bool) -> Iterator[str | Panel]:
    yield f"{'## ' * is_long}{verdict.title}"
    yield tabulate_checks(verdict.checks, has_reasons=is_long)
    found, stale = verdict.regression, verdict.stale
    if found is not None:
        yield f"{'### ' * is_long}Beside the older model"
        yield (
            f"{found.source} Points are what the new model has more, with 95 % intervals that know"
            " that conversations on one path are alike; p is exact, and adjusted by Holm over hubs"
            " and endings."
        )
        yield tabulate_kinds(found)
        yield tabulate_parts(found)
        for is_better, title in ((False, "What broke"), (True, "What improved")):
            pairs = found.list_changed(is_better)
            yield f"{'### ' * is_long}{title}: {len(pairs)} customers on unchanged paths"
            if is_long and pairs:
                yield tabulate_pairs(pairs)
    if stale is not None and is_long:
        yield "### Stale knowledge"
        yield describe_stale(stale)


def _find_unready(run: Run) -> Iterator[str]:
    """Why a run cannot be gated, or compared with."""
    manifest = run.manifest
    if "result" not in manifest.get("train", {}):
        yield f"{run.folder} is not trained to the end"
        return
    evaluated = manifest.get("evaluate", {})
    is_there = all(run.file(name).exists() for name in ("result.json", "scores.jsonl"))
    if not is_there or "seconds" not in evaluated:
        yield f"{run.folder} is not evaluated to the end; run its stage 5"
    elif evaluated["inputs"].get("model") != hash_model(manifest["train"]):
        yield f"{run.folder} was trained anew after it had been evaluated; run its stage 5 again"


def _read_own_domain(run: Run) -> Domain | None:
    """The domain that a run was evaluated with: its own copy, or the folder; None if neither is."""
    wanted = run.manifest["evaluate"]["inputs"]["data"]
    for place in filter(None, (find_copy(run), find_place(run))):
        with suppress(UnknownDomainError):
            domain = read_domain(place)
            if hash_domain(domain) == wanted:
                return domain
    return None


def _missing(why: str) -> Check:
    return Check("complete", "results", "trained and evaluated", "nothing", 0, why)
