"""Several processes that train one model, as far as a CPU can tell."""

import os
import subprocess
import sys

import pytest
from test_finetune import talk

from workbench.run import open_run
from workbench.train.__main__ import main
from workbench.train.finetune import TrainError, train
from workbench.train.processes import count_processes, is_any, is_main


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return make_run("several")


def make_run(name):
    run = open_run("toy", name)
    run.write("rows/train.jsonl", [talk(number) for number in range(16)])
    run.write("rows/valid.jsonl", [talk(20 + number) for number in range(4)])
    run.record("inspect", train=16)
    return run


def test_one_process_is_the_main_one_and_of_several_it_is_the_first(monkeypatch):
    assert (count_processes(), is_main()) == (1, True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert (count_processes(), is_main()) == (2, False)


def test_what_one_process_has_heard_of_all_have(monkeypatch):
    assert (is_any(True), is_any(False)) == (True, False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("accelerate.utils.gather_object", lambda flags: [*flags, True])
    assert is_any(False)


def test_a_batch_that_cannot_be_shared_out_is_refused(run, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainError, match="3 processes cannot share out a batch of 4"):
        train(run, "tiny-random", batch_size=4)
    with pytest.raises(TrainError, match="take max_steps"):
        train(run, "tiny-random", batch_size=3, max_minutes=1)
    assert "train" not in run.manifest


def test_the_command_names_what_is_missing(run, capsys):
    assert main(["toy/nobody"]) == 1
    assert 'there is no run "toy/nobody"' in capsys.readouterr().err
    run.record("design", paths=1)
    other = open_run("toy", "empty")
    other.record("design", paths=1)
    assert main(["toy/empty"]) == 1
    assert "run its stages 1 to 3 first" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_train_the_same_model_as_one(run):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["-m", "workbench.train", "toy/several", "--size", "smoke", "--epochs", "2"]
    subprocess.run(
        [*command, "--batch-size", "2", "--max-tokens", "96"],
        env=os.environ,
        check=True,
        timeout=600,
    )
    facts = run.manifest["train"]
    assert (facts["processes"], facts["result"]["steps"]) == (2, 16)
    assert run.file("model/model.safetensors").exists()
    assert not run.file("model/checkpoints").exists()
    alone = make_run("alone")
    train(alone, "tiny-random", 2, 5e-4, 2, max_length=96)
    assert facts["inputs"] == alone.manifest["train"]["inputs"]
    several, one = (of.read("model/training_log.jsonl") for of in (run, alone))
    # weights that are shared out write no sample replies
    one = [line for line in one if "reply" not in line]
    for first, second in zip(several, one, strict=True):
        assert set(first) == set(second)
        for name in {"loss", "valid_loss"} & set(first):
            assert first[name] == pytest.approx(second[name], abs=0.03)
    # and whoever asks again finds it done
    assert train(run, "tiny-random", 2, 5e-4, 2, max_length=96) == facts["result"]
