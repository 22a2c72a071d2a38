"""Benchmarks run: what they import from the package moves, and nothing else would notice."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_finetune import talk

from workbench.run import open_run

BENCH = Path(__file__).parent / "bench" / "bench_training.py"
IN_BROWSER = BENCH.with_name("bench_browser.py")
MEASURED = {
    "chart": {"first picture", "click"},
    "notebook": {"picture in JupyterLab", "click in JupyterLab"},
    "answers": {"node", "talk", "filter", "path", "page"},
}


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["products", "ours"])
def test_training_is_measured_on_the_rows_of_a_run(tmp_path, monkeypatch, capsys, measure):
    run = open_run("toy", "bench", root=tmp_path)
    run.write("rows/train.jsonl", [talk(number) for number in range(24)])
    run.write("rows/valid.jsonl", [talk(30)])
    words = [str(run.folder), "--only", measure, "--steps", "3", "--base-model", "tiny-random"]
    monkeypatch.setattr(sys, "argv", [str(BENCH), *words])
    runpy.run_path(str(BENCH), run_name="__main__")
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["tokens_per_s"] > 0
    assert (found["valid_loss"] is None) == (measure == "products")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["chart", *(pytest.param(p, marks=pytest.mark.exhaustive) for p in ("notebook", "answers"))],
)
def test_clicks_are_measured_in_a_browser(part):
    for package in ("playwright", "jupyterlab"):
        pytest.importorskip(package)
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    command = [sys.executable, IN_BROWSER, "--only", part, "--talks", "1400"]
    # where other processes take the machine, bars are missed, and it ends with 1
    told = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False).stdout
    found = json.loads(told.splitlines()[-1])
    assert {*found} == MEASURED[part]
    assert min(second for seconds in found.values() for second in seconds) > 0
