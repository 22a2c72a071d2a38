"""What an edit of a procedure costs: compiled by what has changed, and from scratch, side by side.

    python tests/bench/bench_recompile.py runs/travel_booking/demo --size demo

For each edit in `tests/edits.py` a copy of the domain, as the run was made from it, is edited and
compiled twice with the notebooks: going on from the run (named demo-since-a-changed-price) and from
nothing (demo-scratch-a-changed-price). Printed after each: conversations kept, redone, new and
gone, minutes of writing and training of both, their ratio, right endings of the compiled model on
paths that the edit changed and on others, and how often it states a value that is no longer so.
What was done is not done again, so it may be stopped and given again. The run itself is only read.

The edits are of the travel domain, so the run must be. From scratch takes as long as the run took,
for each edit; `--only price,opening` takes the edits with these words, `--no-scratch` goes on only
and compares with the run's own minutes, `--no-evaluation` leaves out the last three columns. An
evaluation with few customers has wide intervals: the numbers behind each share are printed.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from edits import TRAVEL, Files  # noqa: E402

from workbench.batch import run_notebooks  # noqa: E402
from workbench.design.changes import Changes  # noqa: E402
from workbench.diff import Diff, compare_run  # noqa: E402
from workbench.evaluate.metrics import Score  # noqa: E402
from workbench.evaluate.simulation import Simulated  # noqa: E402
from workbench.evaluate.stale import find_copy  # noqa: E402
from workbench.run import Run, find_run, open_run  # noqa: E402
from workbench.show import table  # noqa: E402


def list_old_values(changes: Changes) -> Iterator[tuple[str, str]]:
    """Values that are no longer so, each with what must stand beside it ("": nothing)."""
    old, new, renames = changes.old, changes.new, changes.renames
    for key in sorted(changes.touched):
        kind, _, name = key.partition(".")
        if kind == "fact":
            now = new.facts.get(renames.fact(name))
            if now is None or now.spoken() != old.facts[name].spoken():
                yield old.facts[name].spoken(), ""
        if kind == "offer":
            now = new.offers.get(renames.offers.get(name, name))
            values = new.offer_values(now) if now else {}
            for field, value in old.offer_values(old.offers[name]).items():
                if field in old.offer_units and values.get(field) != value:
                    yield value, old.offers[name].name


def count_old_values(changes: Changes, talks: list[Simulated]) -> tuple[int, int]:
    """Replies that state an old value, and replies that could (those about the same thing)."""
    stated = could = 0
    values = [*list_old_values(changes)]
    for talk in talks:
        for message in talk.conversation.messages:
            if message.role == "assistant":
                near = [value for value, beside in values if beside in message.content]
                could += bool(near)
                stated += any(
                    # "120 euros" is none of "1,120 euros", nor "2 day" of "2 days"
                    re.search(rf"(?<![\w.,]){re.escape(value)}(?!\w)", message.content)
                    for value in near
                )
    return stated, could


def measure_endings(run: Run, kinds: dict[str, str]) -> dict[str, str]:
    """Right endings of the compiled model on paths that the edit changed, and on others."""
    own = [s for s in run.read("scores.jsonl", Score) if s.condition == "compiled"]
    shown = {}
    for name, is_changed in (("changed paths", True), ("others", False)):
        found = [
            s.measures["ending_correct"]
            for s in own
            if (kinds.get(s.path_id, "new") != "same") == is_changed
            and s.measures.get("ending_correct") is not None
        ]
        shown[name] = f"{sum(found):g} of {len(found)}"
    return shown


def minutes_of(run: Run) -> float:
    """Writing and training."""
    manifest = run.manifest
    seconds = manifest["synthesize"].get("seconds", 0.0) + manifest["train"].get("seconds", 0.0)
    return round(seconds / 60, 2)


def compile_edit(older: Run, folder: Path, name: str, given: argparse.Namespace, since: str) -> Run:
    """A run of the edited domain by the notebooks 1 to 4, and 5 if it is to be evaluated."""
    stages = [1, 2, 3, 4] if given.no_evaluation else [1, 2, 3, 4, 5]
    parameters = {"conversations": str(older.manifest["synthesize"]["inputs"]["conversations"])}
    if since:
        parameters |= {"since": since, "start_from": given.start_from}
    if not given.no_evaluation:
        parameters |= {"conditions": "compiled", "test_scenarios": str(given.test_scenarios)}
        parameters["repeats"] = "1"
    root = older.folder.parent.parent
    run_notebooks(str(folder), name, given.size, given.seed, parameters, stages, root)
    return open_run(older.domain, name, root)


def describe(edit: str, way: str, run: Run, diff: Diff, given: argparse.Namespace) -> dict:
    """A line of the table."""
    carried = run.manifest["synthesize"].get("carried", {})
    row = {"edit": edit, "way": way, "minutes": minutes_of(run)}
    row |= {what: carried.get(what) for what in ("kept", "redone", "new", "gone")}
    trained = run.manifest["train"]
    start = trained.get("start", {"from": "base"})
    # a model that is taken over as it is has the rows of its own training on record
    is_kept = start["from"] == "older" and not start["n_trained"]
    row["rows trained"] = 0 if is_kept else trained["rows"]
    row["starts from"] = start["from"]
    if not given.no_evaluation:
        row |= measure_endings(run, diff.kinds)
        stated, could = count_old_values(diff.changes, run.read(COMPILED, Simulated))
        row["old values"] = f"{stated} of {could}" if could else None
    return row


COMPILED = "simulated/compiled.jsonl"


def main() -> None:
    """Apply each edit, compile it both ways and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="a finished run of the travel domain, or its folder")
    parser.add_argument("--size", default="demo")
    parser.add_argument("--seed", default=7, type=int)
    parser.add_argument("--only", default="", help="words of the edits to take, with commas")
    parser.add_argument("--start-from", default="", help="base or older; empty: as fits the edit")
    parser.add_argument("--no-scratch", action="store_true")
    parser.add_argument("--no-evaluation", action="store_true")
    parser.add_argument("--test-scenarios", default=30, type=int)
    given = parser.parse_args()
    older, words = find_run(given.run), [w for w in given.only.split(",") if w]
    edits = {n: e for n, e in TRAVEL.items() if not words or any(w in n for w in words)}
    rows = []
    for edit, apply in edits.items():
        slug = edit.replace(" ", "-")
        # it must stay: a run that is gone on with reads its domain again
        folder = older.folder.parent / f"{older.name}-edits" / slug / older.domain
        if not folder.exists():
            # one that was left half edited is begun anew
            shutil.rmtree(folder.with_suffix(".part"), ignore_errors=True)
            made_from = find_copy(older) or ROOT / "domains" / older.domain
            shutil.copytree(made_from, folder.with_suffix(".part"))
            apply(Files(folder.with_suffix(".part")))
            folder.with_suffix(".part").rename(folder)
        diff = compare_run(older, str(folder))
        ways = {"since": older.name} | ({} if given.no_scratch else {"scratch": ""})
        for way, since in ways.items():
            run = compile_edit(older, folder, f"{older.name}-{way}-{slug}", given, since)
            rows.append(describe(edit, way, run, diff, given))
        if given.no_scratch:
            rows.append({"edit": edit, "way": "the run itself", "minutes": minutes_of(older)})
        since_min, whole_min = rows[-2]["minutes"], rows[-1]["minutes"]
        rows[-2]["ratio"] = round(since_min / whole_min, 2) if whole_min else None
        print(f"\n{table(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
