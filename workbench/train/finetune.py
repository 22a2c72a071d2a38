"""Fine-tuning: compile the procedure into the weights of a base model.

Through TRL's SFTTrainer, by a recipe: see `recipes.py`. Products are in bfloat16 where the machine
is quick at it, loss is on what the agent says and nowhere else.
"""

import math
import random
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.conversation import hash_text
from workbench.decoding import find_uncomputed
from workbench.inspect.rows import encode_row, hash_rows, mask_labels, read_system
from workbench.models import describe_hardware, no_progress_bars, prepare_process
from workbench.run import Run
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import BaseModel, load_tokenizer, resolve_base_model
from workbench.train.card import make_card
from workbench.train.checkpoints import KEPT, check_space, find_last, keep_sums
from workbench.train.choosing import choose_recipe
from workbench.train.continuing import Picked, Start, choose_start, pick_rows
from workbench.train.kernels import is_plain_llama, labelled_loss, last_states
from workbench.train.loading import gather_weights, load_model, merge_adapters, save_model
from workbench.train.memory import (
    Shape,
    device_bytes,
    free_memory,
    is_out_of_memory,
    measure_shape,
    peak_bytes,
    tokens_that_fit,
)
from workbench.train.processes import count_processes, is_main, main_first
from workbench.train.progress import STOP, TrainError, TrainingLog, Watcher, follow
from workbench.train.recipes import Recipe, check_method
from workbench.train.retraining import check_rows
from workbench.train.sample import Sampler, make_sampler

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTTrainer

PLAIN_MODELS = {"llama", "mistral", "qwen2", "qwen3"}
"""Model types whose loss is a softmax over lm_head and nothing more; others use TRL's own loss."""

TOKENS_AT_A_TIME = {"cpu": 4096, "mps": 4096, "cuda": 32768}
"""Tokens that go through the model together, at most; a batch that is larger is worked through in
parts. With 4096 travel's rows take 9.6 GB on a CPU at their peak, eight a step, and 5.1 one a step.
On a GPU they are fewer where the formula in `memory.py` says that no more fit."""

LOG = "model/training_log.jsonl"
"""Each step's losses and speed, and what the model said whenever held-out loss was measured."""

VALID_ROWS = 32
"""Rows that held-out loss is measured on, at most: it is measured twice an epoch."""

KEPT_FACTS = ("rows", "rows_cut", "base", "backend", "hardware", "recipe", "rows_at_a_time")
"""What is on record of a training, and stays so where its model is taken over."""

BETA2 = 0.98
"""AdamW's memory of how large gradients are, a step's share of it 1 / 50: the usual 1 / 1,000 would
remember those of the first steps, many times larger, to the end of a training of some hundreds."""

WINDOW = 16
"""Batches over which rows of like length are brought together."""


@dataclass(frozen=True)
class Encoded:
    """A row as the trainer takes it. Both lists are (tokens,)."""

    input_ids: list[int]
    labels: list[int]
    """-100 where there is nothing to learn."""


def train(
    run: Run,
    base_model: str = "smollm2",
    epochs: float = 3,
    learning_rate: float = 5e-4,
    batch_size: int = 8,
    seed: int = 7,
    max_steps: int = 0,
    max_minutes: float = 0,
    max_length: int = 1024,
    overwrite: bool = False,
    method: str = "full",
    watcher: Watcher | None = None,
    since: str = "",
    start_from: str = "",
    budget: float = 0.0,
) -> dict[str, Any]:
    """Train on `rows/train.jsonl` and write the compiled model to `model/`.

    Killed and called again, it goes on from its last checkpoint; when done, it is not repeated. It
    ends early when held-out loss has stopped falling, and the best weights are kept. 0 means no
    limit. A training that `max_minutes` ends keeps its best weights so far, but the
    learning rate has not come down: fewer epochs are the better way to make it shorter.

    `method` is full, lora or qlora; `choosing.settle` says which is best here. Where memory is
    full, fewer rows of a batch are worked through together: results change by rounding only. Who
    watches is shown each step. `stop_training` ends it with the best weights so far.

    A run that goes on from an older one may start from that one's model, with the rows that it has
    not seen and some that it has: see `continuing`. Where no row has changed it is kept as it is.

    Returns seconds, tokens, tokens_per_s, loss (of the last tenth of steps), valid_loss (of the
    weights kept), steps, and why it ended.

    Raises:
        RunError: this run was trained with other rows or parameters, and `overwrite` is not set;
            of other rows it says why there are others, and the command that makes room.
        ReviewError: verdicts were given that the rows do not have yet.
        TrainError: there are no rows, none fits, the base model is of a kind that cannot be
            evaluated, the method cannot be done here, memory is too
            small for a single row, the disk has no room for checkpoints, or the loss rises where
            it should fall.
    """
    prepare_process()
    # before anything is on record that would have to be taken back
    _check(method, batch_size, max_minutes)
    with _alone(run):
        check_rows(run, overwrite)
        base = resolve_base_model(base_model)
        _refuse_uncomputed(base, max_length)
        parameters = {
            "base_model": base.name,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "seed": seed,
            "max_steps": max_steps,
            "max_minutes": max_minutes,
            "max_length": max_length,
        }
        if method != "full":
            # runs begun before there was a choice have no method on record
            parameters["method"] = method
        start = choose_start(run, base.name, since, start_from, budget)
        parameters |= start.list_inputs()
        with main_first():
            if is_main():
                _claim(run, parameters, base, overwrite)
            result = run.manifest["train"].get("result")
            is_done = result is not None and run.file("model/model.safetensors").exists()
            if is_done and is_main():
                # gigabytes, if it was killed between its last word and this
                _clear_away(run)
        if is_done and watcher:
            watcher.show(run.read(LOG, missing_ok=True), is_over=True)
        return result if is_done else _train(run, base, parameters, watcher, start)


def stop_training(run: Run) -> bool:
    """End the training of a run after the step it is at; its best weights so far are kept.

    Returns whether there is one to end: begun, and not at its end.
    """
    begun = run.manifest.get("train", {})
    if not begun or "result" in begun:
        return False
    run.write_text(f"model/{STOP}", "")
    return True


def part_of_batch(batch_size: int, longest: int, device: str, most_tokens: float = math.inf) -> int:
    """Rows of a batch that go through the model together: the most that fit, dividing the batch.

    Example: part_of_batch(8, 600, "cpu") is 2, as three rows of 600 tokens would fit but 8 / 3 not
    """
    fits = max(1, min(TOKENS_AT_A_TIME[device], most_tokens) // longest)
    return max(part for part in range(1, batch_size + 1) if batch_size % part == 0 and part <= fits)


def choose_part(
    batch_size: int, longest: int, backend: Backend, shape: Shape, recipe: Recipe
) -> int:
    """Rows that each process works through together, so that its device's memory holds them."""
    n, most = count_processes(), math.inf
    if backend.device == "cuda":
        most = tokens_that_fit(shape, recipe, backend.dtype, device_bytes("cuda"), n)
    return part_of_batch(batch_size // n, longest, backend.device, most)


def order_rows(lengths: Sequence[int], epochs: float, batch_size: int, seed: int) -> list[int]:
    """The places of the rows in the order they are trained in, all epochs one after the other.

    Rows of like length stand in one batch, so that little is padded; batches are in random order.
    """
    order: list[int] = []
    for epoch in range(math.ceil(epochs)):
        generator = random.Random(hash_text(seed, "train", epoch))
        places = generator.sample(range(len(lengths)), len(lengths))
        if epoch + 1 > epochs:
            places = places[: round(len(places) * (epochs - epoch))]
        order += places
    ordered: list[int] = []
    for start in range(0, len(order), WINDOW * batch_size):
        window = sorted(order[start : start + WINDOW * batch_size], key=lengths.__getitem__)
        batches = [window[at : at + batch_size] for at in range(0, len(window), batch_size)]
        # a batch that is not full must stay last, or all after it would shift
        full = batches[:-1] if len(window) % batch_size else batches
        random.Random(hash_text(seed, "batches", start)).shuffle(full)
        for batch in [*full, *batches[len(full) :]]:
            ordered += batch
    return ordered


def _check(method: str, batch_size: int, max_minutes: float) -> None:
    n = count_processes()
    if method != "full":
        check_method(method, choose_backend(), n)
    if batch_size % n:
        raise TrainError(
            f"{n} processes cannot share out a batch of {batch_size}; make batch_size a multiple"
        )
    if max_minutes and n > 1:
        raise TrainError("clocks of several processes differ; take max_steps, not max_minutes")


def _refuse_uncomputed(base: BaseModel, longest: int) -> None:
    """Before hours of training, not after: such a model could not be evaluated."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    if found := find_uncomputed(config, longest):
        raise TrainError(
            f"the attention of {base.name} has {' and '.join(found)}, which the evaluation does not"
            " compute; take another base_model"
        )


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Keep others from writing to the run; of several processes the main one holds the lock."""
    if is_main():
        with run.lock():
            yield
    else:
        yield


def _claim(run: Run, parameters: dict[str, Any], base: BaseModel, overwrite: bool) -> None:
    if overwrite:
        shutil.rmtree(run.file("model"), ignore_errors=True)
    run.claim("train", **parameters, base_sha256=base.sha256, rows=hash_rows(run))
    run.file("model").mkdir(exist_ok=True)


@dataclass(frozen=True)
class _Job:
    """All that a training is made of."""

    run: Run
    base: BaseModel
    shape: Shape
    backend: Backend
    recipe: Recipe
    weights: BaseModel
    """Where training starts: the base, or the model of an older run."""
    tokenizer: "PreTrainedTokenizerBase"
    rows: list[Encoded]
    held_out: list[Encoded]
    sampler: Sampler | None
    parameters: dict[str, Any]
    watcher: Watcher | None


def _train(
    run: Run,
    base: BaseModel,
    parameters: dict[str, Any],
    watcher: Watcher | None,
    start: Start,
) -> dict[str, Any]:
    picked = pick_rows(start, run.read("rows/train.jsonl"), parameters["seed"])
    if start.is_older and not picked.rows:
        return _keep_model(run, start)
    rows, valid = picked.rows, run.read("rows/valid.jsonl", missing_ok=True)
    backend, max_length = choose_backend(), parameters["max_length"]
    tokenizer = load_tokenizer(base.folder)
    encoded, n_cut = encode_rows(rows, tokenizer, max_length)
    held_out, _ = encode_rows(valid[:VALID_ROWS], tokenizer, max_length)
    if not encoded:
        raise TrainError(f"{run.file('rows/train.jsonl')} has no rows to learn from; inspect first")
    shape = measure_shape(base.folder)
    method = parameters.get("method", "full")
    recipe = _keep_recipe(run, choose_recipe(base, shape, backend, max_length, method))
    weights = replace(base, folder=start.folder) if start.is_older else base
    model = (shape, backend, recipe, weights, tokenizer)
    # several processes share the weights out, and unsloth has a forward pass of its own
    is_alone = backend.name == "transformers" and count_processes() == 1
    sampler = make_sampler(valid, tokenizer) if is_alone else None
    job = _Job(run, base, *model, encoded, held_out, sampler, parameters, watcher)
    longest = max(len(row.input_ids) for row in encoded)
    part = choose_part(parameters["batch_size"], longest, backend, shape, recipe)
    with no_progress_bars():
        result, part = _fit_in_parts(job, part, longest)
    # trainers hold on to themselves: without this a GPU has no room for what comes next
    free_memory()
    facts = {
        "result": result,
        "seconds": result["seconds"],
        "rows": len(encoded),
        "rows_cut": n_cut,
        "base": {"name": base.name, "source": base.source, "quantization": base.quantization}
        | {"sha256": base.sha256},
        "backend": vars(backend),
        "rows_at_a_time": part,
        "processes": count_processes(),
        "peak_bytes": peak_bytes(backend.device),
        "hardware": describe_hardware(),
    }
    if start.older is not None:
        facts["start"] = {"from": start.kind, "why": start.why} | picked.describe()
    if is_main():
        run.write_text("model/README.md", make_card(run, run.manifest["train"] | facts))
        run.record("train", **facts)
        _clear_away(run)
    return result


def _clear_away(run: Run) -> None:
    """Delete what only a training needs that is not at its end."""
    run.file(f"model/{STOP}").unlink(missing_ok=True)
    shutil.rmtree(run.file("model/checkpoints"), ignore_errors=True)


def _keep_model(run: Run, start: Start) -> dict[str, Any]:
    """Take over the older run's model, which has learnt these very rows; nothing is trained."""
    older = start.folder.parent
    trained = Run(older).manifest["train"]
    ended = f"no row has changed: the model of {older.name} is kept"
    facts = {name: trained[name] for name in KEPT_FACTS if name in trained}
    facts |= {"result": trained["result"] | {"ended": ended}, "seconds": 0.0}
    facts["start"] = {"from": start.kind, "why": start.why} | Picked([], 0, 0, 1, 0).describe()
    with main_first():
        if is_main():
            # the weights last: by them a model is known to be whole
            files = [f for f in start.folder.iterdir() if f.is_file() and f.name != "README.md"]
            for file in sorted(files, key=lambda file: file.suffix == ".safetensors"):
                shutil.copy2(file, run.file(f"model/{file.name}.part"))
                run.file(f"model/{file.name}.part").replace(run.file(f"model/{file.name}"))
            run.write_text("model/README.md", make_card(run, run.manifest["train"] | facts))
            run.record("train", **facts)
    return facts["result"]


def _keep_recipe(run: Run, chosen: Recipe) -> Recipe:
    """The recipe that the training was begun by, which its checkpoints fit; or the chosen one."""
    with main_first():
        begun = run.manifest["train"].get("recipe")
        if begun is None and is_main():
            run.record("train", recipe=vars(chosen))
        return Recipe(**run.manifest["train"]["recipe"])


def _fit_in_parts(job: _Job, part: int, longest: int) -> tuple[dict[str, Any], int]:
    """Train with so many rows at a time, and with fewer wherever memory is full."""
    while True:
        try:
            return _fit(job, part), part
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # the others would wait for a process that begins again
            if part == 1 or count_processes() > 1:
                raise TrainError(_explain_full_memory(job, part, longest)) from error
        # not while the error is handled: it holds on to what filled the memory
        free_memory()
        fewer = max(n for n in range(1, part) if part % n == 0)
        warnings.warn(
            f"memory was full with {part} rows at a time; training goes on from its last checkpoint"
            f" with {fewer}, the batch stays {job.parameters['batch_size']}",
            stacklevel=2,
        )
        part = fewer


def _explain_full_memory(job: _Job, part: int, longest: int) -> str:
    """What was too much, and the ways out; a smaller batch is none, it is worked in parts."""
    others = {"full": "method lora or qlora, ", "lora": "method qlora, ", "qlora": ""}
    several = "more GPUs, a smaller batch_size, " if count_processes() > 1 else ""
    return (
        f"memory is full with rows of up to {longest} tokens, {part} at a time (method"
        f" {job.recipe.method}, weights in {job.recipe.weights}): close other programs that use it"
        f" and give the same command, which goes on from the last checkpoint; or, in a run of"
        f" another name, take {several}{others[job.recipe.method]}a smaller max_tokens or a smaller"
        " base_model"
    )


def _fit(job: _Job, part: int) -> dict[str, Any]:
    """Train from the last checkpoint on and write the model; returns the training in numbers."""
    folder = job.run.file("model")
    checkpoints = folder / "checkpoints"
    model = load_model(job.weights, job.backend, job.recipe, job.parameters["seed"])
    n_trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    with main_first():
        if is_main():
            check_space(job.shape.n_weights, checkpoints, n_trained)
        last = find_last(checkpoints)
    trainer, log = _make_trainer(job, model, part)
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    finally:
        # one that came to its end has closed its log already
        log.end(is_cut=True)
    if job.recipe.method != "full":
        trained = merge_adapters(trainer.model, job.weights, checkpoints / "adapters")
    elif count_processes() > 1:
        trained = gather_weights(trainer, checkpoints / "gathered")
    else:
        trained = trainer.model
    if is_main():
        system = "".join(message.content for message in read_system(job.run))
        save_model(trained, job.tokenizer, folder, system)
    return log.result()


def encode_rows(
    rows: Sequence[dict[str, Any]], tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> tuple[list[Encoded], int]:
    """Rows as the trainer takes them, and how many were cut at `max_length`."""
    encoded, n_cut = [], 0
    for row in (encode_row(row["messages"], tokenizer) for row in rows):
        ids, mask = row.ids[:max_length], row.mask[:max_length]
        n_cut += len(row.ids) > max_length
        if any(mask[1:]):
            encoded.append(Encoded(ids, mask_labels(ids, mask)))
    return encoded, n_cut


def loss_sum(
    model: "PreTrainedModel", input_ids: "Tensor", labels: "Tensor", backend_dtype: str
) -> tuple["Tensor", "Tensor"]:
    """Cross-entropy summed over labelled positions, and their number; logits only where needed."""
    import torch

    dtype = getattr(torch, backend_dtype)
    # adapters are called with the layers that they stand beside, and nowhere else
    has_adapters = hasattr(model, "get_base_model")
    model = model.get_base_model() if has_adapters else model
    if input_ids.device.type == "cpu" and is_plain_llama(model.config) and not has_adapters:
        states = last_states(model, input_ids, dtype)
    else:
        # padding is on the right, where no position that counts can see it: no attention mask
        with torch.autocast(input_ids.device.type, dtype=dtype, enabled=dtype != torch.float32):
            states = model.model(input_ids=input_ids, use_cache=False).last_hidden_state
    targets = labels[:, 1:]
    chosen = targets != -100
    head = model.lm_head.weight.to(dtype)
    return labelled_loss(states[:, :-1][chosen].to(dtype), head, targets[chosen]), chosen.sum()


def _make_trainer(
    job: _Job, model: "PreTrainedModel", part: int
) -> tuple["SFTTrainer", "TrainingLog"]:
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    run, rows, held_out, parameters = job.run, job.rows, job.held_out, job.parameters
    backend, recipe, n_processes = job.backend, job.recipe, count_processes()
    # several processes must call the model as it is wrapped, and so with its own loss
    is_plain = (
        model.config.model_type in PLAIN_MODELS
        and backend.name == "transformers"
        and n_processes == 1
    )

    class LabelledTrainer(SFTTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if not is_plain:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            model = self.accelerator.unwrap_model(model)
            total, count = loss_sum(model, inputs["input_ids"], inputs["labels"], backend.dtype)
            loss = total / (count if num_items_in_batch is None else num_items_in_batch)
            return (loss, {}) if return_outputs else loss

        def _issue_warnings_after_load(self, load_result):
            # a head that is tied to the embeddings is stored once, as those
            is_tied = getattr(self.model.config, "tie_word_embeddings", False)
            if not (is_tied and load_result.missing_keys == ["lm_head.weight"]):
                super()._issue_warnings_after_load(load_result)

    batch_size = parameters["batch_size"]
    lengths = [len(row.input_ids) for row in rows]
    order = order_rows(lengths, parameters["epochs"], batch_size, parameters["seed"])
    if parameters["max_steps"]:
        order = order[: parameters["max_steps"] * batch_size]
    n_steps = math.ceil(len(order) / batch_size)
    n_between = max(1, math.ceil(len(rows) / batch_size / 2))
    log = TrainingLog(
        run.file(LOG),
        [
            sum(lengths[at] for at in order[i : i + batch_size])
            for i in range(0, len(order), batch_size)
        ],
        parameters["max_minutes"] * 60,
        is_main(),
        job.watcher,
    )
    settings = SFTConfig(
        output_dir=str(run.file("model/checkpoints")),
        # the order holds all epochs, so that a resumed training sees the same rows
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=part,
        per_device_eval_batch_size=part,
        gradient_accumulation_steps=batch_size // (part * n_processes),
        pad_to_multiple_of=8,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        # in chunks, of which processes have unlike numbers, ZeRO-3 waits forever
        loss_type="nll" if is_plain or n_processes > 1 else "chunked_nll",
        learning_rate=parameters["learning_rate"],
        lr_scheduler_type="cosine",
        warmup_steps=min(20, n_steps // 10),
        weight_decay=0.01,
        adam_beta2=BETA2,
        max_grad_norm=1.0,
        optim=recipe.optimizer,
        use_cpu=backend.device == "cpu",
        bf16=not is_plain and backend.dtype == "bfloat16",
        fp16=backend.dtype == "float16",
        gradient_checkpointing=recipe.checkpointing,
        eval_strategy="steps" if held_out else "no",
        eval_steps=n_between,
        save_strategy="steps",
        save_steps=n_between,
        save_total_limit=KEPT,
        load_best_model_at_end=bool(held_out),
        metric_for_best_model="eval_loss" if held_out else None,
        prediction_loss_only=True,
        logging_steps=1,
        # a loss that is no number is to be seen, not passed over
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        seed=parameters["seed"],
        dataloader_pin_memory=False,
    )
    trainer = LabelledTrainer(
        model,
        args=settings,
        train_dataset=Dataset.from_list([vars(rows[at]) for at in order]),
        eval_dataset=Dataset.from_list([vars(row) for row in held_out]) if held_out else None,
        processing_class=job.tokenizer,
    )
    if recipe.method != "full":
        for weight in model.parameters():
            if weight.requires_grad:
                # TRL makes QLoRA's adapters bfloat16, in which a T4 cannot be trained
                weight.data = weight.data.float()
    follow(trainer, log, keep_sums, job.sampler)
    return trainer, log
