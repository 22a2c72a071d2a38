"""Benchmarks run: what they import from the package moves, and nothing else would notice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_finetune import talk

from workbench.run import open_run

BENCH = Path(__file__).parent / "bench" / "bench_training.py"


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["products", "ours"])
def test_training_is_measured_on_the_rows_of_a_run(tmp_path, measure):
    run = open_run("toy", "bench", root=tmp_path)
    run.write("rows/train.jsonl", [talk(number) for number in range(24)])
    run.write("rows/valid.jsonl", [talk(30)])
    command = [sys.executable, BENCH, run.folder, "--only", measure, "--steps", "3"]
    told = subprocess.check_output([*command, "--base-model", "tiny-random"], text=True)
    found = json.loads(told.splitlines()[-1])
    assert found["tokens_per_s"] > 0
    assert (found["valid_loss"] is None) == (measure == "products")
