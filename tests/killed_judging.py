"""A program in which a judge scores a run's conversations, to be killed while it does."""

import os
from pathlib import Path

from workbench.api import model
from workbench.api.breaker import Patience
from workbench.domain import read_domain
from workbench.evaluate.judging import Scope, judge_run
from workbench.run import open_run

COFFEE = Path(__file__).parent / "toy" / "coffee"
CAP_USD = 20_000
SCOPE = Scope(per_condition=40, pairs=3, repeated=10, times=3)


def judge(folder: Path, environment: dict[str, str]) -> None:
    """Judge them all; a file says when that is done."""
    os.environ.update(environment)
    patience = Patience(timeout_s=4, outage_s=20, first_delay_s=0.01, longest_delay_s=0.05)
    model.Patience = lambda **given: patience
    run, asked = open_run("coffee", "killed", folder / "runs"), ("api/toy", CAP_USD, SCOPE)
    judge_run(run, read_domain(COFFEE), {"schema": 2}, *asked, progress=False)
    (folder / "done").write_text("")
