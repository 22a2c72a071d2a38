"""The run in use: a pointer that moves in one step, and runs that do not change once gated."""

import json
import multiprocessing
import os

import pytest

from workbench import current
from workbench.__main__ import main
from workbench.current import (
    CurrentError,
    check_seal,
    find_current,
    find_run_in_use,
    hold_results,
    move_current,
    read_pointer,
    seal,
)
from workbench.run import GatedRunError, RunError, UnknownRunError, open_run


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    return tmp_path


def make_run(root, name):
    """A run with a model, gated."""
    run = open_run("toy", name, root)
    run.record("train", result={"loss": 0.1})
    run.write_text("model/model.safetensors", f"weights of {name}")
    run.write("scores.jsonl", [{"scenario_id": "a"}])
    seal(run, "", [])
    return run


def test_the_pointer_moves_forth_and_back(root):
    old, new = make_run(root, "old"), make_run(root, "new")
    assert read_pointer("toy") is None
    move_current(old)
    assert move_current(new).before == "old"
    assert find_current("toy").folder == new.folder
    assert main(["current", "toy", "old"]) == 0
    assert find_current("toy").folder == old.folder


def test_the_command_prints_the_name_alone_so_that_scripts_can_take_it(root, capsys):
    move_current(make_run(root, "old"))
    assert main(["current", "toy"]) == 0
    assert capsys.readouterr().out == "old\n"


def test_naming_the_current_run_again_keeps_the_one_to_go_back_to(root):
    move_current(make_run(root, "old"))
    move_current(make_run(root, "new"))
    assert move_current(find_current("toy")).before == "old"


def test_a_domain_alone_is_its_current_run_and_a_run_is_itself(root):
    old, new = make_run(root, "old"), make_run(root, "new")
    move_current(new)
    assert find_run_in_use("toy").folder == new.folder
    assert find_run_in_use("toy/old").folder == old.folder
    assert find_run_in_use(str(old.folder)).folder == old.folder


def test_chat_and_serve_follow_the_pointer(root, monkeypatch):
    move_current(make_run(root, "old"))
    served = []
    monkeypatch.setattr("workbench.serve.serve", lambda run, *_: served.append(run.name))
    monkeypatch.setattr("workbench.chat.chat", lambda run: served.append(run.name))
    assert main(["serve", "toy"]) == main(["chat", "toy"]) == 0
    move_current(make_run(root, "new"))
    assert main(["serve", "toy"]) == 0
    assert served == ["old", "old", "new"]


def test_without_a_current_run_the_way_to_one_is_said(root, capsys):
    make_run(root, "old")
    assert main(["current", "toy"]) == 2
    assert "no run of toy is current" in capsys.readouterr().err
    with pytest.raises(UnknownRunError, match="gate toy/RUN --first --promote"):
        find_run_in_use("toy")


def test_a_run_that_passed_no_gate_is_refused_unless_that_is_said(root, capsys):
    run = open_run("toy", "raw", root)
    run.record("train", result={})
    assert main(["current", "toy", "raw"]) == 1
    assert "has passed no gate" in capsys.readouterr().err
    assert read_pointer("toy") is None
    assert main(["current", "toy", "raw", "--ungated"]) == 0


def test_a_run_without_a_model_cannot_be_used(root):
    with pytest.raises(CurrentError, match="is not trained to the end"):
        move_current(open_run("toy", "raw", root), is_ungated_fine=True)


def test_a_pointer_that_names_nothing_says_what_to_do_and_can_be_replaced(root):
    run = make_run(root, "old")
    (root / "toy/current.json").write_text("{")
    with pytest.raises(CurrentError, match="name a run anew"):
        find_current("toy")
    move_current(run)
    (root / "toy/current.json").write_text('{"run": "gone"}')
    with pytest.raises(UnknownRunError, match='"gone", is gone; name another'):
        find_current("toy")


@pytest.mark.parametrize(
    "write",
    [
        lambda run: run.claim("train", seed=8),
        lambda run: run.record("train", seconds=1),
        lambda run: run.write("scores.jsonl", []),
        lambda run: run.append("scores.jsonl", [{}]),
        lambda run: run.write_text("report.md", ""),
        lambda run: run.lock().__enter__(),
    ],
)
def test_nothing_writes_to_a_gated_run(root, write):
    run = make_run(root, "old")
    before = current.hash_results(run)
    with pytest.raises(GatedRunError, match="give the run that you want to make a new name"):
        write(run)
    assert current.hash_results(run) == before


def test_who_only_reads_may_hold_a_gated_run(root):
    with make_run(root, "old").lock(is_reader=True):
        pass


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "model/model.safetensors").write_text("other"),
        lambda folder: (folder / "scores.jsonl").unlink(),
        lambda folder: (folder / "model/more.bin").write_text("more"),
        lambda folder: (folder / "manifest.json").write_text('{"train": {"result": 1}}'),
    ],
)
def test_a_gated_run_whose_files_changed_is_not_used(root, change):
    run = make_run(root, "old")
    change(run.folder)
    with pytest.raises(CurrentError, match=r"is not what passed the gate: .* changed since"):
        move_current(run)
    assert read_pointer("toy") is None


def test_hidden_files_and_exports_are_no_results(root):
    run = make_run(root, "old")
    (run.folder / ".stage.lock").write_text("1")
    (run.folder / "export").mkdir()
    (run.folder / "export" / "README.md").write_text("how to run it")
    assert check_seal(run).files.keys() == {
        "manifest.json", "model/model.safetensors", "scores.jsonl",
    }  # fmt: skip


def test_a_broken_seal_is_named(root):
    run = make_run(root, "old")
    (run.folder / "gated.json").write_text(json.dumps({"files": 3}))
    with pytest.raises(CurrentError, match=r"gated\.json is not what this program wrote"):
        check_seal(run)


def test_a_run_that_is_written_to_is_not_sealed(root):
    run = open_run("toy", "busy", root)
    run.record("train", result={})
    with run.lock():
        # a lock is held again by the same process, but not by another
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool, pytest.raises(RunError, match="is being written by process"):
            pool.apply(seal, (run, "", []))
    assert not run.is_gated


def move_elsewhere(root):
    """Another process makes "old" the current run."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=move_current, args=(open_run("toy", "old", root),))
    process.start()
    return process


def test_who_gates_and_promotes_is_waited_for(root):
    make_run(root, "old")
    new = make_run(root, "new")
    with hold_results(new):
        other = move_elsewhere(root)
        other.join(3)
        assert other.is_alive()
        move_current(new)
    other.join(300)
    assert read_pointer("toy").model_dump(include={"run", "before"}) == {
        "run": "old", "before": "new",
    }  # fmt: skip


def test_a_run_that_a_stage_writes_to_is_not_held(root):
    run = open_run("toy", "busy", root)
    pool = multiprocessing.get_context("spawn").Pool(1)
    refused = pytest.raises(RunError, match="is being written by process")
    with pool, run.lock("batch"), refused:
        pool.apply(hold, (run,))


def hold(run):
    with hold_results(run):
        pass


def test_a_kill_while_the_pointer_moves_leaves_the_old_one(root, monkeypatch):
    move_current(make_run(root, "old"))
    new = make_run(root, "new")

    def die(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        move_current(new)
    assert find_current("toy").name == "old"
