"""A program in which models write 40 conversations, to be killed while they do."""

import os
from pathlib import Path

from workbench.api import model
from workbench.api.breaker import Patience
from workbench.design.plan import plan_paths
from workbench.domain import read_spoken
from workbench.run import open_run
from workbench.synthesize.speakers import read_cast
from workbench.synthesize.writing import plan_scenarios, write_conversations

CAP_USD = 2000


def write(folder: Path, environment: dict[str, str]) -> None:
    """Plan them and write them all; a file says when that is done."""
    os.environ.update(environment)
    patience = Patience(timeout_s=1.5, outage_s=20, first_delay_s=0.01, longest_delay_s=0.05)
    model.Patience = lambda **given: patience
    domain = read_spoken(folder / "coffee", needs_phrases=False)
    run = open_run("coffee", "killed", folder / "runs")
    cast = read_cast("api/toy", "api/toy", cap_usd=CAP_USD)
    plan_paths(run, domain, 7)
    plan_scenarios(run, domain, 40, 3, 7, "", cast)
    counts = write_conversations(run, domain, 7, progress=False, cast=cast)
    (folder / "done.txt").write_text(str(counts))
