"""Fine-tuning: compile the procedure into the weights of a base model.

Full fine-tuning through TRL's SFTTrainer: weights in float32, products in bfloat16 where the
machine is quick at it, loss on what the agent says and nowhere else.
"""

import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat_format import with_system
from workbench.conversation import hash_text
from workbench.inspect.rows import encode_row, hash_rows, mask_labels
from workbench.models import describe_hardware, no_progress_bars, prepare_process
from workbench.run import Run
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import BaseModel, load_tokenizer, resolve_base_model
from workbench.train.card import make_card
from workbench.train.checkpoints import KEPT, check_space, find_last
from workbench.train.kernels import is_plain_llama, labelled_loss, last_states
from workbench.train.progress import TrainError, TrainingLog, follow

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTTrainer

PLAIN_MODELS = {"llama", "mistral", "qwen2", "qwen3"}
"""Model types whose loss is a softmax over lm_head and nothing more; others use TRL's own loss."""

TOKENS_AT_A_TIME = {"cpu": 4096, "mps": 4096, "cuda": 32768}
"""Tokens that go through the model together; a batch that is larger is worked through in parts.
With 4096 the demo's training takes 9.6 GB on a CPU at its peak."""

VALID_ROWS = 32
"""Rows that held-out loss is measured on, at most: it is measured twice an epoch."""

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
) -> dict[str, Any]:
    """Train on `rows/train.jsonl` and write the compiled model to `model/`.

    Killed and called again, it goes on from its last checkpoint; when done, it is not repeated. It
    ends early when held-out loss has stopped falling, and the best weights are kept. 0 means no
    limit. A training that `max_minutes` ends keeps its best weights so far, but the
    learning rate has not come down: fewer epochs are the better way to make it shorter.

    Returns seconds, tokens, tokens_per_s, loss (of the last tenth of steps), valid_loss (of the
    weights kept), steps, and why it ended.

    Raises:
        RunError: this run was trained with other rows or parameters, and `overwrite` is not set.
        TrainError: there are no rows, none fits, the disk has no room for checkpoints, or the loss
            rises where it should fall.
    """
    prepare_process()
    with run.lock():
        base = resolve_base_model(base_model)
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
        if overwrite:
            shutil.rmtree(run.file("model"), ignore_errors=True)
        inputs = {"base_sha256": base.sha256, "rows": hash_rows(run)}
        run.claim("train", **parameters, **inputs)
        run.file("model").mkdir(exist_ok=True)
        result = run.manifest["train"].get("result")
        if result is None or not run.file("model/model.safetensors").exists():
            result = _train(run, base, parameters)
        return result


def part_of_batch(batch_size: int, longest: int, device: str) -> int:
    """Rows of a batch that go through the model together: the most that fit, dividing the batch.

    Example: part_of_batch(8, 600, "cpu") is 2, as three rows of 600 tokens would fit but 8 / 3 not
    """
    fits = max(1, TOKENS_AT_A_TIME[device] // longest)
    return max(part for part in range(1, batch_size + 1) if batch_size % part == 0 and part <= fits)


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


def _train(run: Run, base: BaseModel, parameters: dict[str, Any]) -> dict[str, Any]:
    rows, valid = run.read("rows/train.jsonl"), run.read("rows/valid.jsonl", missing_ok=True)
    backend = choose_backend()
    model, tokenizer = load_model(base, backend)
    encoded, n_cut = encode_rows(rows, tokenizer, parameters["max_length"])
    held_out, _ = encode_rows(valid[:VALID_ROWS], tokenizer, parameters["max_length"])
    if not encoded:
        raise TrainError(f"{run.file('rows/train.jsonl')} has no rows to learn from; inspect first")
    checkpoints = run.file("model/checkpoints")
    check_space(model.num_parameters(), checkpoints)
    trainer, log = _make_trainer(run, model, tokenizer, encoded, held_out, parameters, backend)
    last = find_last(checkpoints)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    result = log.result()
    system = next((one["content"] for one in rows[0]["messages"] if one["role"] == "system"), "")
    # a tokenizer with several templates has a dictionary of them
    if system and isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = with_system(tokenizer.chat_template, system)
    _save(trainer.model, tokenizer, run.file("model"))
    facts = {
        "result": result,
        "seconds": result["seconds"],
        "rows": len(encoded),
        "rows_cut": n_cut,
        "base": {"name": base.name, "source": base.source, "quantization": base.quantization}
        | {"sha256": base.sha256},
        "backend": vars(backend),
        "hardware": describe_hardware(),
    }
    run.write_text("model/README.md", make_card(run, run.manifest["train"] | facts))
    run.record("train", **facts)
    shutil.rmtree(run.file("model/checkpoints"), ignore_errors=True)
    return result


def load_model(
    base: BaseModel, backend: Backend
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Base model and tokenizer, ready to be trained: weights in float32 however they are kept."""
    if backend.name == "unsloth":
        from unsloth import FastLanguageModel

        model, _ = FastLanguageModel.from_pretrained(
            str(base.folder), full_finetuning=True, load_in_4bit=False
        )
        return model, load_tokenizer(base.folder)

    import torch
    from transformers import AutoModelForCausalLM

    with no_progress_bars():
        model = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=torch.float32,
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    return model.to(backend.device), load_tokenizer(base.folder)


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
    if input_ids.device.type == "cpu" and is_plain_llama(model.config):
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
    run: Run,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: list[Encoded],
    held_out: list[Encoded],
    parameters: dict[str, Any],
    backend: Backend,
) -> tuple["SFTTrainer", "TrainingLog"]:
    from datasets import Dataset, disable_progress_bars
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    is_plain = model.config.model_type in PLAIN_MODELS and backend.name == "transformers"

    class LabelledTrainer(SFTTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            if not is_plain:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            model = self.accelerator.unwrap_model(model)
            total, count = loss_sum(model, inputs["input_ids"], inputs["labels"], backend.dtype)
            loss = total / (count if num_items_in_batch is None else num_items_in_batch)
            return (loss, {}) if return_outputs else loss

    batch_size = parameters["batch_size"]
    lengths = [len(row.input_ids) for row in rows]
    order = order_rows(lengths, parameters["epochs"], batch_size, parameters["seed"])
    if parameters["max_steps"]:
        order = order[: parameters["max_steps"] * batch_size]
    n_steps = math.ceil(len(order) / batch_size)
    n_between = max(1, math.ceil(len(rows) / batch_size / 2))
    part = part_of_batch(batch_size, max(lengths), backend.device)
    log = TrainingLog(
        run.file("model/training_log.jsonl"),
        [
            sum(lengths[at] for at in order[i : i + batch_size])
            for i in range(0, len(order), batch_size)
        ],
        parameters["max_minutes"] * 60,
    )
    settings = SFTConfig(
        output_dir=str(run.file("model/checkpoints")),
        # the order holds all epochs, so that a resumed training sees the same rows
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=part,
        per_device_eval_batch_size=part,
        gradient_accumulation_steps=batch_size // part,
        pad_to_multiple_of=8,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        loss_type="nll" if is_plain else "chunked_nll",
        learning_rate=parameters["learning_rate"],
        lr_scheduler_type="cosine",
        warmup_steps=min(20, n_steps // 10),
        weight_decay=0.01,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        use_cpu=backend.device == "cpu",
        bf16=not is_plain and backend.dtype == "bfloat16",
        fp16=backend.dtype == "float16",
        gradient_checkpointing=False,
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
        processing_class=tokenizer,
    )
    follow(trainer, log)
    return trainer, log


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Write model and tokenizer, the weights last: where they are, all is there."""
    import torch

    draft = folder / "checkpoints" / "final"
    model.to(torch.bfloat16).save_pretrained(draft, max_shard_size="1TB")
    tokenizer.save_pretrained(draft)
    for file in sorted(draft.iterdir(), key=lambda file: file.suffix == ".safetensors"):
        file.replace(folder / file.name)
