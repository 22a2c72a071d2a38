"""A program that asks a provider 150 questions, to be killed while it does."""

import os
from pathlib import Path

from workbench.api.breaker import Patience
from workbench.api.model import ask_all, open_model
from workbench.run import open_run

CAP_USD = 200


def ask(folder: Path, environment: dict[str, str]) -> None:
    """Ask them all, and write the answers to a file when all have come."""
    os.environ.update(environment)
    run = open_run("toy", "calls", folder / "runs")
    patience = Patience(timeout_s=1.5, first_delay_s=0.01, longest_delay_s=0.05)
    model = open_model(
        "api/toy", run, "teacher", CAP_USD, max_tokens=50, at_once=20, patience=patience
    )
    questions = [[{"role": "user", "content": f"question {n}"}] for n in range(150)]
    texts = [answer.text for answer in ask_all(model, questions, progress=False)]
    (folder / "answers.txt").write_text("\n".join(texts))
