"""Going on from an older run's model: which rows, from where, and what is said about it."""

import shutil

import pytest
from test_finetune import talk

from workbench.inspect.reviews import Review
from workbench.inspect.rows import hash_rows
from workbench.run import open_run
from workbench.train.base_model import hash_weights
from workbench.train.continuing import Start, choose_start, pick_rows, share_out
from workbench.train.finetune import train
from workbench.train.progress import TrainError, TrainingLog

OLD = [talk(number) for number in range(20)]


def make_run(folder, name, rows, **carried):
    run = open_run("toy", name, folder)
    run.write("rows/train.jsonl", rows)
    run.write("rows/valid.jsonl", [talk(90)])
    facts = {"since": "older", "are_walks_changed": False, "is_something_gone": False}
    run.record("synthesize", carried=facts | carried)
    return run


@pytest.fixture
def older(tmp_path):
    """An older run that says it has been trained."""
    run = make_run(tmp_path, "older", OLD)
    run.record("train", result={"loss": 1.0}, base={"name": "tiny-random"})
    run.write_text("model/model.safetensors", "weights")
    return run


def pick(older, n_changed, budget, n=20):
    rows = [*OLD[: n - n_changed], *(talk(50 + number) for number in range(n_changed))]
    return pick_rows(Start("older", "", older, budget), rows, 7)


def test_few_changed_rows_are_trained_three_times_and_replayed_between(older):
    picked = pick(older, n_changed=2, budget=0.5)
    assert (picked.n_changed, picked.n_trained, picked.repeats) == (2, 2, 3)
    assert picked.n_replayed == 3
    assert len(picked.rows) == 2 * 3 + 3
    assert sum(row in OLD for row in picked.rows) == 3


@pytest.mark.parametrize("n_changed", [1, 3, 8, 15, 20])
@pytest.mark.parametrize("budget", [0.2, 0.4])
def test_no_more_rows_are_trained_than_the_budget_has(older, n_changed, budget):
    picked = pick(older, n_changed, budget)
    assert 0 < len(picked.rows) <= round(budget * 20) + 1
    assert picked.n_trained <= n_changed


@pytest.mark.parametrize("n_changed", [1, 3, 8, 15, 20])
def test_what_is_forecast_is_what_is_picked(older, n_changed):
    picked = pick(older, n_changed, 0.4)
    n_own, repeats, n_replayed = share_out(0.4, 20, n_changed)
    assert (picked.n_trained, picked.repeats) == (n_own, repeats)
    assert picked.n_replayed == min(n_replayed, 20 - n_changed)


def test_from_the_base_all_rows_are_trained(older):
    assert pick_rows(Start("base", "", older), OLD, 7).rows == OLD


def test_where_a_training_starts_is_chosen_and_said(tmp_path, older):
    run = make_run(tmp_path, "newer", OLD)
    assert choose_start(run, "tiny-random").kind == "base"
    start = choose_start(run, "tiny-random", "older")
    assert (start.is_older, start.budget) == (True, 0.2)
    assert str(start) == "starts from the model of older: it has learnt what has not changed"
    # the domain may stand before the name, as elsewhere
    run.record("synthesize", carried=run.manifest["synthesize"]["carried"] | {"since": "toy/older"})
    assert choose_start(run, "tiny-random", "toy/older").is_older
    make_run(tmp_path, "newer", OLD, are_walks_changed=True)
    assert choose_start(run, "tiny-random", "older").budget == 0.4
    assert choose_start(run, "tiny-random", "older", "base").why == "it was asked for"
    assert "another base" in choose_start(run, "smollm2", "older").why


def test_what_is_gone_is_unlearnt_from_the_base_unless_asked_otherwise(tmp_path, older):
    run = make_run(tmp_path, "newer", OLD, is_something_gone=True)
    assert choose_start(run, "tiny-random", "older").kind == "base"
    assert choose_start(run, "tiny-random", "older", "older").kind == "older"


def test_what_was_rejected_since_is_unlearnt_from_the_base_unless_asked_otherwise(tmp_path, older):
    run = make_run(tmp_path, "newer", OLD[1:])
    older.write("conversations.jsonl", [{"conversation_id": "a"}, {"conversation_id": "b"}])
    older.write("dropped.jsonl", [{"conversation_id": "b"}])
    # the older model has not learnt the one, and the other may stay
    run.append("reviews.jsonl", [Review(conversation_id="b", verdict="reject", reason="odd")])
    run.append("reviews.jsonl", [Review(conversation_id="a", verdict="accept")])
    assert choose_start(run, "tiny-random", "older").is_older
    run.append("reviews.jsonl", [Review(conversation_id="a", verdict="reject", reason="odd")])
    assert "rejected by hand since" in choose_start(run, "tiny-random", "older").why
    assert choose_start(run, "tiny-random", "older", "older").is_older


def test_a_model_whose_rows_were_made_anew_is_not_gone_on_from(tmp_path, older):
    run = make_run(tmp_path, "newer", OLD)
    older.record("train", inputs={"rows": hash_rows(older)})
    assert choose_start(run, "tiny-random", "older").is_older
    older.write("rows/train.jsonl", OLD[1:])
    assert choose_start(run, "tiny-random", "older").why == (
        "the rows of older are others now than its model was trained with"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start_from": "older"}, "since names no run"),
        ({"since": "older", "start_from": "old"}, "must be base or older"),
        ({"since": "another"}, 'were not made since "another"'),
        ({"since": "older", "budget": 2.0}, "must be from 0 to 1"),
    ],
)
def test_a_start_that_cannot_be_is_refused(tmp_path, older, given, message):
    with pytest.raises(TrainError, match=message):
        choose_start(make_run(tmp_path, "newer", OLD), "tiny-random", **given)


def test_a_model_without_an_end_is_not_gone_on_from(tmp_path, older):
    older.file("model/model.safetensors").unlink()
    run = make_run(tmp_path, "newer", OLD)
    assert choose_start(run, "tiny-random", "older").why == "older has no finished model"
    with pytest.raises(TrainError, match="older has no finished model"):
        choose_start(run, "tiny-random", "older", "older")


@pytest.mark.slow
def test_training_goes_on_from_the_older_model_or_keeps_it(tmp_path, monkeypatch):
    settings = {"epochs": 1, "batch_size": 4}
    older = make_run(tmp_path, "older", OLD)
    before = train(older, "tiny-random", **settings)
    weights = hash_weights(older.file("model"))

    same = make_run(tmp_path, "same", OLD)
    kept = train(same, "tiny-random", **settings, since="older")
    assert hash_weights(same.file("model")) == weights
    assert kept["ended"] == "no row has changed: the model of older is kept"
    assert same.manifest["train"]["start"]["n_changed"] == 0

    # stopped before the weights are there, it has none, and goes on
    def stop(file, target):
        if file.suffix == ".safetensors":
            raise KeyboardInterrupt
        copy(file, target)

    stopped, copy = make_run(tmp_path, "stopped", OLD), shutil.copy2
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", stop)
        with pytest.raises(KeyboardInterrupt):
            train(stopped, "tiny-random", **settings, since="older")
    assert not stopped.file("model/model.safetensors").exists()
    assert "result" not in stopped.manifest["train"]
    assert train(stopped, "tiny-random", **settings, since="older") == kept
    assert hash_weights(stopped.file("model")) == weights

    # from one that was taken over it goes on as from any other
    third = make_run(tmp_path, "third", [*OLD[:19], talk(72)], since="same")
    train(third, "tiny-random", **settings, since="same", budget=0.5)
    assert third.manifest["train"]["start"]["n_changed"] == 1
    assert hash_weights(third.file("model")) != weights

    run = make_run(tmp_path, "newer", [*OLD[:18], talk(70), talk(71)])
    result = train(run, "tiny-random", **settings, since="older", budget=0.5)
    start = run.manifest["train"]["start"]
    assert (start["from"], start["n_changed"], start["repeats"]) == ("older", 2, 3)
    assert result["steps"] == 3 < before["steps"]
    first = run.read("model/training_log.jsonl")[0]["loss"]
    assert first < older.read("model/training_log.jsonl")[0]["loss"]
    assert "| starts from | the model of older:" in run.file("model/README.md").read_text()
    assert hash_weights(older.file("model")) == weights
    assert train(run, "tiny-random", **settings, since="older", budget=0.5) == result


def log_losses(folder, losses):
    log = TrainingLog(folder / "log.jsonl", [1] * len(losses), 0)
    log.begin(0)
    for step, loss in enumerate(losses, start=1):
        log.add(step, loss, 1e-4)
    log.end()


def test_a_model_that_has_learnt_may_rise_a_little_before_it_falls(tmp_path):
    # as after a whole training, of which the last losses were 0.005
    log_losses(tmp_path, [0.005] * 20 + [0.05] * 40)
    with pytest.raises(TrainError, match="training has come apart"):
        log_losses(tmp_path, [0.005] * 20 + [1.5] * 40)
    with pytest.raises(TrainError, match="training has come apart"):
        log_losses(tmp_path, [2.0] * 20 + [4.5] * 40)


def test_from_an_older_model_less_is_moved_at_each_step(older):
    assert Start("base", "", older).ease(4e-4) == 4e-4
    assert Start("older", "", older, 0.2).ease(4e-4) == pytest.approx(1e-4)
