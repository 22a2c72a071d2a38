"""Rows that changed after a training had begun: what happened, and how to train anew."""

import shlex
from collections import Counter

from workbench.inspect.reviews import FILE, check_honoured, read_reviews
from workbench.inspect.rows import hash_rows
from workbench.run import STAGE_FILES, Run, RunError


def check_rows(run: Run, overwrite: bool = False) -> None:
    """Make sure that a training may begin with the rows as they are, or go on with them.

    With `overwrite` they may be others than those that it was begun with.

    Raises:
        ReviewError: verdicts were given that the rows do not have yet.
        RunError: they are others now; it says since when, why, and which command makes room.
    """
    check_honoured(run)
    begun = run.manifest.get("train", {})
    known = begun.get("inputs", {}).get("rows")
    if overwrite or not run.file("model").exists() or known in (None, hash_rows(run)):
        return
    # what was measured of the older model would stop the evaluation, hours later
    names = STAGE_FILES["train"] + STAGE_FILES["evaluate"]
    files = [file for name in names if (file := run.file(name)).exists()]
    raise RunError(
        f"{run.file('model')} was begun with other rows than there are now, as"
        f" {_say_why(run, begun['begun_at'])}; to keep both, give the run a new name, and since"
        f" {run.name}; to train and measure this one anew, first give the command:"
        f" rm -r {shlex.join(map(str, files))}"
    )


def _say_why(run: Run, begun_at: str) -> str:
    reviews = read_reviews(run).values()
    # times in UTC, written alike
    since = Counter(made.verdict for made in reviews if made.at >= begun_at)
    if not since:
        return "3_inspect has made other rows since"
    said = ", ".join(f"{verdict} {n}" for verdict, n in sorted(since.items()))
    return f"conversations were judged by hand since ({said}; see {run.file(FILE)})"
