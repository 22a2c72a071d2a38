"""Benchmarks run: what they import from the package moves, and nothing else would notice."""

import json
import runpy
import shutil
import subprocess
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path

import pytest
from conftest import COFFEE, edit
from scripted import make_run
from test_finetune import talk

from workbench.design.changes import compare_domains
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.simulation import Simulated
from workbench.run import open_run

BENCH = Path(__file__).parent / "bench" / "bench_training.py"
IN_BROWSER = BENCH.with_name("bench_browser.py")
MEASURED = {
    "chart": {"first picture", "click"},
    "notebook": {"picture after Run All", "picture in JupyterLab", "click in JupyterLab"},
    "answers": {"node", "talk", "filter", "path", "page"},
}


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["products", "trl", "ours"])
def test_training_is_measured_on_the_rows_of_a_run(tmp_path, monkeypatch, capsys, measure):
    run = open_run("toy", "bench", root=tmp_path)
    run.write("rows/train.jsonl", [talk(number) for number in range(24)])
    run.write("rows/valid.jsonl", [talk(30)])
    words = [str(run.folder), "--only", measure, "--steps", "3", "--base-model", "tiny-random"]
    monkeypatch.setattr(sys, "argv", [str(BENCH), *words])
    with pytest.raises(SystemExit, match="0"):
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


@pytest.mark.slow
def test_a_recompiled_model_is_measured_on_what_changed_and_on_the_rest(
    tmp_path, copy, monkeypatch, word_encoder
):
    monkeypatch.syspath_prepend(BENCH.parent)
    bench = import_module("bench_recompile")
    older = make_run(tmp_path / "runs", "old", COFFEE)
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    new, files = make_run(tmp_path / "runs", "new", copy), hash_files(older.folder)
    taught = {"new": copy, "old": COFFEE}

    def open_scripted(name, *given):
        return Walker(read_domain(taught[name.rpartition("/")[2]]), name, has_true_ears=True)

    monkeypatch.setattr(bench, "open_baseline", open_scripted)
    given = Namespace(size="smoke", seed=7, changed=5, unchanged=2, strata=("seen", "unseen"))
    found = bench.measure(new, older, copy, True, given)
    assert found["talks"] == 2 * (5 + 2)
    assert found["changed: ending_correct"].endswith("n 10")
    assert found["points more: ending_correct"].endswith("n 4")
    assert found["stated"].startswith("new ")
    stated = bench.count_old_values(bench_changes(copy), new.read(f"{TALKS}new.jsonl", Simulated))
    assert stated.new == stated.could > 0
    assert stated.old == 0
    # who learnt the old price states it
    taught["new"] = COFFEE
    new.file(f"{TALKS}new.jsonl").unlink()
    assert f"new 0, old {stated.could} of" in bench.measure(new, older, copy, True, given)["stated"]
    assert hash_files(older.folder) == files


def bench_changes(folder):
    return compare_domains(read_domain(COFFEE), read_domain(folder))


def hash_files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


TALKS = "simulated/local_coffee%2F"


@pytest.mark.parametrize("options", [[], ["--in-a-row"], ["--no-scratch"]])
def test_each_edit_is_compiled_both_ways_and_told(tmp_path, monkeypatch, capsys, options):
    monkeypatch.syspath_prepend(BENCH.parent)
    bench = import_module("bench_recompile")
    compiled = []

    def compile_edit(first, folder, name, given, since):
        run = make_run(tmp_path / "runs", name, folder)
        start = {"from": "older", "n_trained": int("3" not in (folder / "facts.yaml").read_text())}
        own = {"start": start} if since else {}
        run.record("train", result={"tokens": 10 if since else 100}, rows=2, seconds=60, **own)
        compiled.append((name, since))
        return run

    edits = {"a price": lambda files: files.replace("facts.yaml", "3", "4"), "none": lambda _: None}
    for name in ("TRAVEL", "TEN"):
        monkeypatch.setattr(bench, name, edits)
    monkeypatch.setattr(bench, "compile_edit", compile_edit)
    monkeypatch.setattr(bench, "measure", lambda run, *_: {"talks": f"with {run.name}"})
    first = make_run(tmp_path / "runs", "old", COFFEE)
    first.record("train", result={"tokens": 200}, rows=9, seconds=600)
    monkeypatch.setattr(sys, "argv", ["bench", str(first.folder), *options])
    bench.main()
    said, row = capsys.readouterr().out, "row-" * ("--in-a-row" in options)
    before = "old-row-since-a-price" if row else "old"
    wanted = [(f"old-{row}since-a-price", "old"), (f"old-{row}since-none", before)]
    assert [(name, since) for name, since in compiled if since] == wanted
    assert ("the run itself" in said) == ("--no-scratch" in options)
    assert (f"old-{row}scratch-a-price" in str(compiled)) == ("--no-scratch" not in options)
    assert f"with old-{row}since-a-price" in said
    # an edit that changes nothing keeps the model, and nobody need meet it
    if not row:
        assert "none, the model is that of old as it is" in said
