import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy
import pytest
from safetensors.numpy import save_file

from workbench.__main__ import main
from workbench.chat_format import prompt_ids
from workbench.inspect.reviews import Review, ReviewError, hash_reviews
from workbench.models import LocalModel, device_and_dtype
from workbench.run import RunError, open_run
from workbench.show import LiveTraining
from workbench.train import finetune
from workbench.train.backend import BackendError, choose_backend
from workbench.train.base_model import BaseModel, load_tokenizer, resolve_base_model
from workbench.train.checkpoints import bytes_needed, find_damage, find_last
from workbench.train.estimate import estimate_training
from workbench.train.finetune import (
    TrainError,
    order_rows,
    part_of_batch,
    stop_training,
    train,
)
from workbench.train.progress import TrainingLog
from workbench.train.recipes import WARNING
from workbench.train.sample import SAMPLED_TOKENS, Sampler, make_sampler

SMALL = {"base_model": "tiny-random", "epochs": 2, "batch_size": 4, "max_length": 96}
TRAINS = """
from workbench.run import open_run
from workbench.train.finetune import train
train(open_run("toy", "killed", root="{root}"), **{settings})
"""


def talk(number):
    return {
        "messages": [
            {"role": "system", "content": "Sell coffee."},
            {"role": "assistant", "content": "Hello! What would you like?"},
            {"role": "user", "content": f"{number} coffees" + ", please" * (number % 3)},
            {"role": "assistant", "content": f"That is {number} euros."},
        ]
    }


def make_run(root, name, n_valid=3):
    run = open_run("toy", name, root=root)
    run.write("rows/train.jsonl", [talk(number) for number in range(16)])
    run.write("rows/valid.jsonl", [talk(20 + number) for number in range(n_valid)])
    return run


def weights(run):
    return read_weights(run.file("model"))


def read_weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def assert_same_weights(first, second):
    first, second = weights(first), weights(second)
    assert all((first[name].float() - second[name].float()).abs().max() < 1e-3 for name in first)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def trained(root):
    run = make_run(root, "whole")
    train(run, **SMALL)
    return run


def stop_at(monkeypatch, last):
    really_add = TrainingLog.add

    def add(log, step, loss, learning_rate):
        really_add(log, step, loss, learning_rate)
        if step == last:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingLog, "add", add)


@pytest.fixture(scope="module")
def cut(root):
    """A training that was interrupted in its fifth step of eight; to be copied, not changed."""
    run = make_run(root, "cut")
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            train(run, **SMALL)
    return run


def copy_run(run, name):
    shutil.copytree(run.folder, run.folder.with_name(name))
    return open_run("toy", name, root=run.folder.parents[1])


def test_a_trained_model_is_one_folder_with_all_that_belongs_to_it(trained):
    names = {file.name for file in trained.file("model").iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "README.md"} <= names
    assert {"tokenizer.json", "chat_template.jinja", "training_log.jsonl"} <= names
    assert "checkpoints" not in names
    # whoever serves it need not know the prompt
    assert "Sell coffee." in trained.file("model/chat_template.jinja").read_text()


def test_training_lowers_both_losses(root, capfd):
    result = train(make_run(root, "longer"), **SMALL | {"epochs": 10, "learning_rate": 5e-3})
    log = open_run("toy", "longer", root=root).read("model/training_log.jsonl")
    valid = [line["valid_loss"] for line in log if "valid_loss" in line]
    assert result["loss"] < log[0]["loss"] - 1
    assert result["valid_loss"] == min(valid) < valid[0]
    # a head that is tied to the embeddings is stored once, and nothing is amiss
    assert "missing keys" not in capfd.readouterr().err


def test_the_log_has_a_line_for_each_step(trained):
    steps = [line for line in trained.read("model/training_log.jsonl") if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, 9))
    result = trained.manifest["train"]["result"]
    assert (steps[-1]["tokens"], "all steps are done") == (result["tokens"], result["ended"])
    assert steps[-1]["eta_s"] == 0


def test_with_each_held_out_loss_goes_a_reply_to_a_customer_not_learned_from(trained):
    log = trained.read("model/training_log.jsonl")
    samples = [line for line in log if "reply" in line]
    assert [line["step"] for line in samples] == [one["step"] for one in log if "valid_loss" in one]
    assert {(line["heard"], line["taught"]) for line in samples} == {
        ("20 coffees, please, please", "That is 20 euros.")
    }
    assert all(line["reply"] for line in samples)


def test_without_held_out_rows_there_are_no_samples(root):
    run = make_run(root, "unsampled", n_valid=0)
    train(run, **SMALL | {"max_steps": 2})
    assert not [line for line in run.read("model/training_log.jsonl") if "reply" in line]


def test_samples_change_nothing_and_end_no_training(root, trained, monkeypatch):
    def broken(sampler, model):
        raise RuntimeError("no reply")

    monkeypatch.setattr(Sampler, "write", broken)
    run = make_run(root, "mute")
    with pytest.warns(UserWarning, match="no sample replies are written: no reply"):
        train(run, **SMALL)
    assert_same_weights(run, trained)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_sample_is_what_the_model_replies_and_leaves_it_as_it_was(trained, dtype):
    import torch
    from transformers import AutoModelForCausalLM

    folder = trained.file("model")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).train()
    before = torch.get_rng_state()
    sampler = make_sampler([talk(20)], load_tokenizer(folder))
    reply = sampler.write(model)["reply"]
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    if dtype == device_and_dtype()[1]:
        (whole,) = LocalModel(folder).reply([talk(20)["messages"][:3]], SAMPLED_TOKENS)
        assert reply.removesuffix(" …") == whole.text


def test_the_card_says_where_the_model_comes_from_and_who_taught_it(trained):
    card = trained.file("model/README.md").read_text()
    assert trained.manifest["train"]["base"]["sha256"] in card
    assert "embedded phrase-book teacher" in card


def test_a_finished_training_is_not_repeated(trained, monkeypatch):
    monkeypatch.setattr("workbench.train.finetune._train", None)
    assert train(trained, **SMALL) == trained.manifest["train"]["result"]


def test_a_second_training_of_one_run_is_refused(root):
    run = make_run(root, "busy")
    # as another process does: a lock of this one would be its own
    with (run.folder / ".stage.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="is being written by process"):
            train(run, **SMALL)
    assert "train" not in run.manifest


def test_what_a_training_killed_at_its_very_end_left_is_cleared_away(root, monkeypatch):
    base = BaseModel(root, "tiny-random", "nowhere", "none", "abc")
    monkeypatch.setattr(finetune, "resolve_base_model", lambda _: base)
    monkeypatch.setattr(finetune, "_refuse_uncomputed", lambda *_: None)
    monkeypatch.setattr(finetune, "_train", lambda *_: None)
    run = make_run(root, "left")
    train(run, **SMALL)
    run.write_text("model/model.safetensors", "")
    run.write_text("model/checkpoints/checkpoint-8/optimizer.pt", "")
    run.record("train", result={"steps": 8})
    assert train(run, **SMALL) == {"steps": 8}
    assert not run.file("model/checkpoints").exists()


def test_other_parameters_are_refused(trained):
    with pytest.raises(RunError, match="epochs was 2, now 3"):
        train(trained, **SMALL | {"epochs": 3})


def test_other_parameters_may_overwrite(root):
    run = make_run(root, "again", n_valid=0)
    train(run, **SMALL | {"max_steps": 1})
    assert train(run, **SMALL | {"max_steps": 2}, overwrite=True)["steps"] == 2


def test_an_interrupted_training_goes_on_and_ends_in_the_same_weights(root, trained, monkeypatch):
    run = make_run(root, "interrupted")
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            train(run, **SMALL, watcher=(live := LiveTraining()))
    assert live.describe().startswith("Stopped: step 5")
    result = train(run, **SMALL, watcher=live)
    assert live.describe().startswith("Done: step 8")
    assert (result["steps"], result["tokens"]) == (
        8,
        trained.manifest["train"]["result"]["tokens"],
    )
    assert_same_weights(run, trained)


def test_what_was_trained_is_kept_from_time_to_time(root, trained, monkeypatch):
    run = make_run(root, "from_time_to_time")
    with monkeypatch.context() as patch:
        stop_at(patch, 6)
        patch.setattr("workbench.train.progress.SECONDS_TO_SAVE", 0)
        with pytest.raises(KeyboardInterrupt):
            train(run, **SMALL)
    kept = {path.name for path in run.folder.glob("model/checkpoints/*")}
    assert {"checkpoint-5"} < kept
    train(run, **SMALL)
    assert_same_weights(run, trained)


@pytest.mark.parametrize("name", ["trainer_state.json", "model.safetensors", "optimizer.pt"])
def test_a_damaged_checkpoint_is_passed_over(cut, trained, name):
    run = copy_run(cut, "torn-" + name.partition(".")[0])
    file = run.file(f"model/checkpoints/checkpoint-4/{name}")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="checkpoint-4 is damaged"):
        train(run, **SMALL)
    assert_same_weights(run, trained)


@pytest.mark.parametrize("name", ["optimizer.pt", "model.safetensors"])
def test_a_byte_that_changed_on_the_disk_is_found(cut, name):
    run = copy_run(cut, "flipped-" + name.partition(".")[0])
    file = run.file(f"model/checkpoints/checkpoint-2/{name}")
    assert find_damage(file.parent) is None
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert find_damage(file.parent).startswith(name)


def test_a_damaged_checkpoint_that_is_half_deleted_is_no_whole_one(tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint-2"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text("{}")
    (checkpoint / "optimizer.pt").write_bytes(b"torn")

    def killed(folder):
        (folder / "optimizer.pt").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.warns(match="no whole archive"), pytest.raises(KeyboardInterrupt):
        find_last(tmp_path)
    assert find_damage(checkpoint)


def test_the_best_checkpoint_is_found_where_a_run_was_moved_to(tmp_path):
    for step in (2, 4):
        state = {"global_step": step, "best_model_checkpoint": "/gone/checkpoint-2"}
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(json.dumps(state))
    last = find_last(tmp_path)
    state = json.loads((last / "trainer_state.json").read_text())
    assert (last.name, state["global_step"]) == ("checkpoint-4", 4)
    assert state["best_model_checkpoint"] == str(tmp_path / "checkpoint-2")


def test_a_model_that_could_not_be_evaluated_is_not_trained(root, tmp_path):
    from transformers import Gemma2Config

    Gemma2Config().save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    save_file({"lm_head.weight": numpy.zeros((1, 1))}, tmp_path / "model.safetensors")
    run = make_run(root, "capped")
    with pytest.raises(TrainError, match="has attn_logit_softcapping, which the evaluation"):
        train(run, **SMALL | {"base_model": str(tmp_path)})
    assert not run.file("model").exists()


def test_a_full_disk_is_named_before_anything_is_trained(root, monkeypatch):
    run = make_run(root, "full_disk")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 1000)
    )
    with pytest.raises(TrainError, match=r"its disk has 0\.0 GB left; free"):
        train(run, **SMALL)
    assert not run.file("model/training_log.jsonl").exists()


def test_what_a_killed_training_left_is_no_need_for_more_disk(tmp_path):
    whole = bytes_needed(1000, tmp_path)
    (tmp_path / "checkpoint-4").mkdir()
    (tmp_path / "checkpoint-4/optimizer.pt").write_bytes(bytes(8000))
    assert (whole, bytes_needed(1000, tmp_path)) == (38_000, 30_000)


def test_a_training_that_comes_apart_stops_and_says_what_to_change(root):
    run = make_run(root, "apart", n_valid=0)
    with pytest.raises(TrainError, match="choose a lower learning_rate"):
        train(run, **SMALL | {"epochs": 40, "learning_rate": 3.0})
    assert len(run.read("model/training_log.jsonl")) < 160


def test_a_loss_that_is_no_number_stops_it_at_once(root, monkeypatch):
    really = finetune.loss_sum

    def broken(*given):
        total, count = really(*given)
        return total * float("nan"), count

    monkeypatch.setattr(finetune, "loss_sum", broken)
    with pytest.raises(TrainError, match="the loss is nan at step 1"):
        train(make_run(root, "no_number"), **SMALL)


def test_a_held_out_loss_that_is_no_number_stops_it_too(tmp_path):
    log = TrainingLog(tmp_path / "log.jsonl", [10] * 4, 0)
    log.begin(0)
    with pytest.raises(TrainError, match="held-out loss is nan at step 2"):
        log.add_valid(2, float("nan"))


def test_training_ends_when_held_out_loss_no_longer_falls(root):
    run = make_run(root, "flat")
    result = train(run, **SMALL | {"epochs": 20, "learning_rate": 1e-12})
    assert (result["steps"], result["ended"]) == (8, "held-out loss no longer fell")
    assert run.file("model/model.safetensors").exists()


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_in_the_same_weights(root, trained):
    run = make_run(root, "killed")
    child = subprocess.Popen([sys.executable, "-c", TRAINS.format(root=root, settings=SMALL)])
    deadline = time.monotonic() + 120
    while not list(run.folder.glob("model/checkpoints/checkpoint-2/trainer_state.json")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    train(run, **SMALL)
    assert_same_weights(run, trained)


class Impatient:
    """Somebody who ends a training when the third step is told; a fourth is then under way."""

    def __init__(self, run):
        self.run = run

    def show(self, lines, is_over=False, is_cut=False):
        self.is_over = is_over
        if len([one for one in lines if "loss" in one]) == 3:
            assert stop_training(self.run)


def test_a_training_that_is_stopped_keeps_what_it_has(root):
    run = make_run(root, "stopped")
    result = train(run, **SMALL | {"epochs": 500}, watcher=(watcher := Impatient(run)))
    assert watcher.is_over
    assert (result["steps"], result["ended"]) == (4, "it was stopped")
    assert run.file("model/model.safetensors").exists()
    assert train(run, **SMALL | {"epochs": 500}) == result


def test_there_is_nothing_to_stop_before_a_training_and_after_it(root, trained):
    fresh = open_run("toy", "fresh", root=root)
    assert not stop_training(fresh)
    assert not stop_training(trained)
    fresh.record("train", begun_at="now")
    assert main(["stop", str(fresh.folder)]) == 0
    assert fresh.file("model/stop").exists()
    assert main(["stop", str(trained.folder)]) == 1


def test_training_ends_when_its_time_is_over_and_keeps_what_it_has(root):
    run = make_run(root, "short")
    result = train(run, **SMALL | {"epochs": 500, "max_minutes": 1 / 600})
    assert result["steps"] < 2000
    assert result["ended"] == "its time was over"
    assert result["valid_loss"] is not None
    assert run.file("model/model.safetensors").exists()


LORA = SMALL | {"method": "lora", "epochs": 5, "learning_rate": 2e-2}


@pytest.fixture(scope="module")
def adapted(root):
    run = make_run(root, "adapted")
    train(run, **LORA)
    return run


def test_lora_lowers_the_loss_and_changes_linear_layers_and_nothing_else(adapted):
    import torch

    log = [line for line in adapted.read("model/training_log.jsonl") if "loss" in line]
    assert log[-1]["loss"] < log[0]["loss"] - 0.1
    before, after = read_weights(resolve_base_model("tiny-random").folder), weights(adapted)
    changed = {
        name for name in before if not torch.equal(before[name].to(torch.bfloat16), after[name])
    }
    assert changed == {name for name in before if "_proj" in name}


def test_a_model_with_adapters_is_sampled_too(adapted):
    log = adapted.read("model/training_log.jsonl")
    assert {line["step"] for line in log if "valid_loss" in line} == {
        line["step"] for line in log if line.get("reply")
    }


def test_what_lora_trained_is_a_plain_model(adapted):
    names = {file.name for file in adapted.file("model").iterdir()}
    assert "model.safetensors" in names
    assert not {name for name in names if "adapter" in name or name == "checkpoints"}
    assert LocalModel(adapted.file("model")).reply([talk(1)["messages"][:1]], 4)[0].reply_tokens


def test_the_method_is_on_record_and_its_warning_on_the_card(adapted, trained):
    assert adapted.manifest["train"]["inputs"]["method"] == "lora"
    assert adapted.manifest["train"]["recipe"]["weights"] == "float32"
    card = adapted.file("model/README.md").read_text()
    assert "LoRA on all linear layers" in card
    assert WARNING in card
    assert WARNING not in trained.file("model/README.md").read_text()


def test_a_run_begun_before_there_were_methods_goes_on(trained):
    assert "method" not in trained.manifest["train"]["inputs"]
    with pytest.raises(RunError, match="begun with other inputs: method"):
        train(trained, **SMALL, method="lora")


def test_an_interrupted_lora_goes_on_and_ends_in_the_same_weights(root, adapted, monkeypatch):
    run = make_run(root, "adapted-interrupted")
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            train(run, **LORA)
    train(run, **LORA)
    first, second = weights(run), weights(adapted)
    assert all((first[name].float() - second[name].float()).abs().max() < 0.02 for name in first)


def test_a_method_that_cannot_be_done_leaves_the_run_as_it_was(root):
    run = make_run(root, "quantized")
    with pytest.raises(TrainError, match="needs an NVIDIA GPU"):
        train(run, **SMALL, method="qlora")
    assert "train" not in run.manifest
    assert not run.file("model").exists()


def fill_memory(monkeypatch, most_rows, at_step=0):
    """As if no more rows than these fitted the memory."""
    import torch

    really, steps = finetune.loss_sum, []

    def loss_sum(model, input_ids, *rest):
        steps.append(input_ids.shape[0])
        if input_ids.shape[0] > most_rows and len(steps) > at_step:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return really(model, input_ids, *rest)

    monkeypatch.setattr(finetune, "loss_sum", loss_sum)


def test_where_memory_is_full_fewer_rows_are_taken_at_a_time(root, trained, monkeypatch):
    run = make_run(root, "tight")
    fill_memory(monkeypatch, most_rows=1, at_step=6)
    with pytest.warns(UserWarning, match="memory was full with"):
        result = train(run, **SMALL)
    whole = trained.manifest["train"]["result"]
    assert run.manifest["train"]["rows_at_a_time"] == 1
    assert (result["steps"], result["tokens"]) == (whole["steps"], whole["tokens"])
    # parts are rounded otherwise
    assert result["valid_loss"] == pytest.approx(whole["valid_loss"], abs=0.01)


def test_memory_that_holds_no_row_is_named_with_the_ways_out(root, monkeypatch):
    run = make_run(root, "too-tight")
    message = "1 at a time .* goes on from the last checkpoint; .* method lora or qlora"
    with monkeypatch.context() as patch:
        fill_memory(patch, most_rows=0, at_step=6)
        with pytest.warns(match="memory was full"), pytest.raises(TrainError, match=message):
            train(run, **SMALL)
    assert list(run.folder.glob("model/checkpoints/checkpoint-*"))
    assert train(run, **SMALL)["steps"] == 8


def test_another_error_is_not_taken_for_full_memory(root, monkeypatch):
    def broken(*given):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(finetune, "loss_sum", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train(make_run(root, "broken"), **SMALL)


def test_a_model_that_can_think_is_saved_with_a_template_that_keeps_it_from_it(root, tmp_path):
    base = shutil.copytree(resolve_base_model("tiny-random").folder, tmp_path / "thinking")
    template = load_tokenizer(base).chat_template
    header = "<|im_start|>assistant\\n"
    thought = "{% if not enable_thinking|default(true) %}{{ '<think></think>' }}{% endif %}"
    end = f"{{{{ '{header}' }}}}"
    assert end in template
    (base / "chat_template.jinja").write_text(template.replace(end, end + thought))
    run = make_run(root, "thinking")
    train(run, **SMALL | {"base_model": str(base), "max_steps": 1})
    prompt = prompt_ids(talk(1)["messages"][:1], load_tokenizer(base))
    tokenizer = load_tokenizer(run.file("model"))
    assert prompt_ids(talk(1)["messages"][:1], tokenizer) == prompt
    text = tokenizer.apply_chat_template(
        talk(1)["messages"], tokenize=False, add_generation_prompt=False
    )
    assert text.count("assistant\n<think></think>") == 2


def test_a_run_without_rows_is_refused(root):
    run = open_run("toy", "empty", root=root)
    with pytest.raises(RunError, match="3_inspect writes it"):
        train(run, **SMALL)
    run.write("rows/train.jsonl", [])
    with pytest.raises(TrainError, match="no rows to learn from"):
        train(run, **SMALL)


def test_verdicts_that_the_rows_do_not_have_are_refused(root):
    run = make_run(root, "judged")
    run.record("inspect", reviews=hash_reviews({}))
    run.append("reviews.jsonl", [Review(conversation_id="a", verdict="reject", reason="odd")])
    with pytest.raises(ReviewError, match="run the notebook 3_inspect again, and then 4_train"):
        train(run, **SMALL)
    assert "train" not in run.manifest


def test_an_estimate_counts_tokens_and_warns_of_long_trainings():
    once = estimate_training([talk(1)] * 4, 1, "tiny-random")
    often = estimate_training([talk(1)] * 4, 1e8, "tiny-random")
    assert often.tokens == 1e8 * once.tokens
    assert not once.warnings
    assert "hours" in str(often)


def test_an_estimate_says_what_every_method_would_take():
    estimate = estimate_training([talk(1)] * 4, 1, "tiny-random", 4, 96, "lora")
    full, lora = estimate.tabulate()
    assert (full["method"], lora["method"]) == ("full", "lora")
    assert (full["taken"], lora["taken"]) == ("", "yes")
    assert (full["from"], lora["from"]) == ("a formula", "a trial")
    assert full["rows at a time"] == 4
    assert WARNING in str(estimate)


def test_an_estimate_says_so_if_even_the_trial_was_too_much(monkeypatch):
    def full(*given):
        raise MemoryError

    monkeypatch.setattr("workbench.train.estimate._try_out", full)
    estimate = estimate_training([talk(1)] * 4, 1, "tiny-random")
    assert "could not be tried out: memory was full" in str(estimate)
    assert estimate.tabulate()[0]["minutes"] is None


def test_every_row_comes_once_an_epoch_in_batches_of_like_length():
    lengths = [number % 50 for number in range(200)]
    order = order_rows(lengths, 2, 8, seed=7)
    batches = [order[at : at + 8] for at in range(0, len(order), 8)]
    padding = sum(max(lengths[at] for at in batch) * 8 for batch in batches) - 2 * sum(lengths)
    assert sorted(order) == sorted([*range(200), *range(200)])
    assert padding < 0.1 * 2 * sum(lengths)
    assert order == order_rows(lengths, 2, 8, seed=7) != order_rows(lengths, 2, 8, seed=8)


def test_a_batch_that_is_too_much_at_once_is_worked_through_in_parts():
    assert [part_of_batch(8, longest, "cpu") for longest in (10, 400, 1200, 5000)] == [8, 8, 2, 1]


def test_a_backend_says_why_it_was_chosen(monkeypatch):
    monkeypatch.setattr("workbench.train.backend.device_and_dtype", lambda: ("cpu", "float32"))
    backend = choose_backend()
    assert (backend.name, backend.device) == ("transformers", "cpu")
    assert "no GPU" in backend.why


def test_a_gpu_before_ampere_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (7, 5))
    assert device_and_dtype.__wrapped__() == ("cuda", "float16")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (8, 0))
    assert device_and_dtype.__wrapped__() == ("cuda", "bfloat16")


def test_unsloth_is_imported_first_where_it_is_chosen(monkeypatch):
    monkeypatch.setattr("workbench.train.backend.device_and_dtype", lambda: ("cuda", "float16"))
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "unsloth")
    imported = []
    monkeypatch.setattr("importlib.import_module", imported.append)
    assert choose_backend().name == "unsloth"
    assert choose_backend("transformers").name == "transformers"
    assert imported == ["unsloth"]
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert choose_backend().name == "transformers"


def test_unsloth_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr("workbench.train.backend.device_and_dtype", lambda: ("cpu", "float32"))
    with pytest.raises(BackendError, match="needs an NVIDIA GPU"):
        choose_backend("unsloth")
    with pytest.raises(BackendError, match="does not exist"):
        choose_backend("jax")
