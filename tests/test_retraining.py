"""Rows that changed after a training had begun: what is said, and that the way out is one."""

import subprocess

import pytest
from test_overlap import TEXT, talk

from workbench.inspect.reviews import review
from workbench.inspect.rows import hash_rows
from workbench.run import RunError, open_run
from workbench.train import finetune
from workbench.train.base_model import BaseModel
from workbench.train.retraining import check_rows


@pytest.fixture
def run(tmp_path):
    """A run, in a folder whose name has a blank in it, that was trained and evaluated."""
    run = open_run("coffee", "trained", tmp_path / "my runs")
    run.write("rows/train.jsonl", [{"messages": []}, {"messages": [{"content": "Hi."}]}])
    run.claim("train", rows=hash_rows(run))
    run.write_text("model/model.safetensors", "")
    run.write_text("simulated/compiled.jsonl", "")
    run.write_text("result.json", "{}")
    return run


def test_rows_that_stayed_are_trained_on(run):
    review(run, talk("a", TEXT), "accept")
    check_rows(run)


def test_after_a_rejection_it_is_said_why_training_stops_and_the_command_makes_room(run):
    review(run, talk("a", TEXT), "reject", "odd")
    run.write("rows/train.jsonl", [{"messages": []}])
    with pytest.raises(RunError, match=r"judged by hand since \(reject 1; see .*reviews") as told:
        check_rows(run)
    command = str(told.value).partition("give the command: ")[2]
    subprocess.run(command, shell=True, check=True)
    check_rows(run)
    assert not run.claim("train", rows=hash_rows(run))
    assert not run.claim("evaluate", model="another")
    assert run.file("reviews.jsonl").exists()


def test_rows_that_changed_for_another_reason_are_not_put_down_to_verdicts(run):
    run.write("rows/train.jsonl", [{"messages": []}])
    with pytest.raises(RunError, match=r"3_inspect has made other rows since; .* rm -r"):
        check_rows(run)


def test_a_training_begun_with_other_rows_says_so(run, monkeypatch):
    base = BaseModel(run.folder, "tiny-random", "nowhere", "none", "abc")
    monkeypatch.setattr(finetune, "resolve_base_model", lambda _: base)
    monkeypatch.setattr(finetune, "_refuse_uncomputed", lambda *_: None)
    run.write("rows/train.jsonl", [{"messages": []}])
    with pytest.raises(RunError, match="was begun with other rows than there are now"):
        finetune.train(run, "tiny-random")
