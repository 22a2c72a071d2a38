"""Fine-tuning: compile the procedure into the weights of a base model.

Full fine-tuning through TRL's SFTTrainer: weights in float32, products in bfloat16 where the
machine is quick at it, loss on what the agent says and nowhere else.
"""

import json
import math
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.conversation import hash_text
from workbench.inspect.rows import encode_row, mask_labels
from workbench.models import prepare_process, release_memory
from workbench.run import Run, append_jsonl, read_jsonl, write_jsonl
from workbench.train.backend import Backend, choose_backend
from workbench.train.base_model import (
    BaseModel,
    load_tokenizer,
    no_progress_bars,
    resolve_base_model,
)
from workbench.train.card import write_card
from workbench.train.kernels import labelled_loss, register_attention

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTTrainer

PLAIN_MODELS = {"llama", "mistral", "qwen2", "qwen3"}
"""Model types whose loss is a softmax over lm_head and nothing more; others use TRL's own loss."""

TOKENS_AT_A_TIME = {"cpu": 2048, "mps": 4096, "cuda": 32768}
"""Tokens that go through the model together. On a CPU few are as quick as many, and take less
memory; a batch that is larger is worked through in parts."""

VALID_ROWS = 64
"""Rows that held-out loss is measured on, at most: it is measured twice an epoch."""

STEPS_TO_RELEASE = 10
"""Steps after which kept memory is handed back: it costs less than a fiftieth of the time."""

SLACK = 2.4
"""Memory held for each byte in use by a step: sizes differ, and freed memory is kept between them.
Measured: 6.3 GB at the peak, where weights, moments and one step alone would take 4.0 GB."""

WINDOW = 16
"""Batches over which rows of like length are brought together."""


class TrainError(ValueError):
    """Training cannot start or go on; the message says what to do."""


@dataclass(frozen=True)
class Encoded:
    """A row as the trainer takes it. Both lists are (tokens,)."""

    input_ids: list[int]
    labels: list[int]
    """-100 where there is nothing to learn."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take, from a short trial on this machine."""

    tokens: int
    """Over all epochs, without padding."""

    tokens_per_s: float
    seconds: float

    memory_bytes: int
    """At its peak, this program's other memory not counted."""

    available_bytes: int
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.tokens:,} tokens at {self.tokens_per_s:,.0f} a second:"
                f" {self.seconds / 60:.0f} minutes,"
                f" {self.memory_bytes / 1e9:.1f} GB of {self.available_bytes / 1e9:.1f} GB memory",
                *self.warnings,
            ]
        )


def estimate_training(
    rows: Sequence[dict[str, Any]],
    epochs: float = 3,
    base_model: str = "smollm2",
    batch_size: int = 8,
    max_length: int = 1024,
) -> Estimate:
    """What training on these rows will take; a few hundred tokens are tried out (seconds).

    Held-out loss and saving come on top: about a tenth.
    """
    import psutil

    prepare_process()
    backend = choose_backend()
    model, tokenizer = _load(resolve_base_model(base_model), backend)
    encoded, _ = _encode(rows, tokenizer, max_length)
    longest = max(len(row.input_ids) for row in encoded)
    tokens = round(sum(len(row.input_ids) for row in encoded) * epochs)
    share = sum(label != -100 for row in encoded for label in row.labels) * epochs / tokens
    tokens_per_s, bytes_per_token = _try_out(model, backend, min(longest, 256), share)
    # weights, gradients and two moments in float32, and a copy in the dtype of the products
    at_rest = sum(weight.numel() for weight in model.parameters()) * 18
    at_once = longest * part_of_batch(batch_size, longest, backend.device)
    memory = at_rest + at_once * bytes_per_token * SLACK
    available = psutil.virtual_memory().available
    if backend.device == "cuda":
        available = _free_gpu_bytes()
    seconds = tokens / tokens_per_s
    warnings = []
    if seconds > 3600:
        warnings.append(
            f"this takes {seconds / 3600:.1f} hours; fewer epochs or rows, or a GPU, make it less"
        )
    if memory > 0.9 * available:
        warnings.append("this may not fit the memory; close other programs or lower max_length")
    return Estimate(tokens, tokens_per_s, seconds, int(memory), available, warnings)


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

    Killed and called again, it goes on from its last checkpoint; when done, it is not repeated.
    0 means no limit. A training that `max_minutes` ends keeps its best weights so far, but the
    learning rate has not come down: fewer epochs are the better way to make it shorter.

    Returns seconds, tokens, tokens_per_s, loss (of the last tenth of steps), valid_loss (of the
    weights kept) and steps.

    Raises:
        RunError: this run was trained with other rows or parameters, and `overwrite` is not set.
        TrainError: there are no rows, or none fits.
    """
    prepare_process()
    with run.lock():
        rows, valid = run.read("rows/train.jsonl"), run.read("rows/valid.jsonl", missing_ok=True)
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
        inputs = {"base_sha256": base.sha256, "rows": hash_text(rows, valid)}
        run.claim("train", **parameters, **inputs)
        run.file("model").mkdir(exist_ok=True)
        result = run.manifest["train"].get("result")
        if result is None or not run.file("model/model.safetensors").exists():
            result = _train(run, base, rows, valid, parameters)
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


def _train(
    run: Run, base: BaseModel, rows: list, valid: list, parameters: dict[str, Any]
) -> dict[str, Any]:
    backend = choose_backend()
    model, tokenizer = _load(base, backend)
    encoded, n_cut = _encode(rows, tokenizer, parameters["max_length"])
    held_out, _ = _encode(valid[:VALID_ROWS], tokenizer, parameters["max_length"])
    if not encoded:
        raise TrainError(f"{run.file('rows/train.jsonl')} has no rows to learn from; inspect first")
    trainer, log = _make_trainer(run, model, tokenizer, encoded, held_out, parameters, backend)
    trainer.train(resume_from_checkpoint=_last_checkpoint(run.file("model/checkpoints")))
    result = log.result()
    _save(trainer.model, tokenizer, run.file("model"))
    facts = {
        "result": result,
        "seconds": result["seconds"],
        "rows": len(encoded),
        "rows_cut": n_cut,
        "base": {"name": base.name, "source": base.source, "quantization": base.quantization}
        | {"sha256": base.sha256},
        "backend": vars(backend),
    }
    write_card(run, facts | {"parameters": parameters})
    run.record("train", **facts)
    shutil.rmtree(run.file("model/checkpoints"), ignore_errors=True)
    return result


def _load(base: BaseModel, backend: Backend) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Base model and tokenizer, ready to be trained: weights in float32, whatever they are kept in.

    Quick attention on a CPU, where the model is a plain Llama without dropout.
    """
    if backend.name == "unsloth":
        from unsloth import FastLanguageModel

        model, _ = FastLanguageModel.from_pretrained(
            str(base.folder), full_finetuning=True, load_in_4bit=False
        )
        return model, load_tokenizer(base.folder)

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = AutoConfig.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
    is_quick = shape.model_type == "llama" and not shape.attention_dropout
    attention = register_attention() if is_quick and backend.device == "cpu" else "sdpa"
    with no_progress_bars():
        model = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=torch.float32,
            attn_implementation=attention,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    return model.to(backend.device), load_tokenizer(base.folder)


def _encode(
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


def _loss_sum(
    model: "PreTrainedModel", input_ids: "Tensor", labels: "Tensor", backend_dtype: str
) -> tuple["Tensor", "Tensor"]:
    """Cross-entropy summed over labelled positions, and their number; logits only where needed."""
    import torch

    # padding is on the right, where no position that counts can see it: no attention mask
    dtype = getattr(torch, backend_dtype)
    with torch.autocast(input_ids.device.type, dtype=dtype, enabled=dtype != torch.float32):
        states = model.model(input_ids=input_ids, use_cache=False).last_hidden_state
        targets = labels[:, 1:]
        chosen = targets != -100
        head = model.lm_head.weight.to(dtype)
        total = labelled_loss(states[:, :-1][chosen].to(dtype), head, targets[chosen])
    return total, chosen.sum()


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
            total, count = _loss_sum(model, inputs["input_ids"], inputs["labels"], backend.dtype)
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
        save_total_limit=2,
        load_best_model_at_end=bool(held_out),
        metric_for_best_model="eval_loss" if held_out else None,
        prediction_loss_only=True,
        logging_steps=1,
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
    _follow(trainer, log)
    return trainer, log


class TrainingLog:
    """What a training does, as it does it: one line a step in a file, and a bar to watch."""

    def __init__(self, file: Path, tokens_of_steps: list[int], limit_s: float):
        self.file = file
        self.tokens_of_steps = tokens_of_steps
        """Tokens of each step, padding not counted."""
        self.limit_s = limit_s
        """Seconds after which training ends; 0: never."""
        self.lines: list[dict[str, Any]] = []
        self._begun = time.perf_counter()

    def begin(self, step: int) -> None:
        """Start, or go on after `step` steps: what was logged later is about to be repeated."""
        from tqdm import tqdm

        if step and self.file.exists():
            self.lines = [line for line in read_jsonl(self.file) if line["step"] <= step]
        write_jsonl(self.file, self.lines)
        before_s = self.lines[-1]["seconds"] if self.lines else 0.0
        self._begun = time.perf_counter() - before_s
        self._bar = tqdm(total=sum(self.tokens_of_steps), unit="token", desc="training")
        self._bar.update(sum(self.tokens_of_steps[:step]))

    def add(self, step: int, loss: float, learning_rate: float) -> None:
        """One step is done."""
        seconds, tokens = self.seconds, sum(self.tokens_of_steps[:step])
        speed = tokens / seconds
        self._write(
            step=step,
            loss=round(loss, 5),
            learning_rate=learning_rate,
            tokens=tokens,
            seconds=round(seconds, 2),
            tokens_per_s=round(speed, 1),
            eta_s=round((sum(self.tokens_of_steps) - tokens) / speed, 1),
        )
        self._bar.update(self.tokens_of_steps[step - 1])
        self._bar.set_postfix(loss=f"{loss:.3f}")

    def add_valid(self, step: int, valid_loss: float) -> None:
        """The held-out loss was measured."""
        self._write(step=step, valid_loss=round(valid_loss, 5), seconds=round(self.seconds, 2))

    def end(self) -> None:
        """Close the bar."""
        self._bar.close()

    @property
    def seconds(self) -> float:
        """Spent on training, before a kill and after."""
        return time.perf_counter() - self._begun

    @property
    def is_over_time(self) -> bool:
        """Whether the time given is used up."""
        return bool(self.limit_s) and self.seconds > self.limit_s

    def result(self) -> dict[str, Any]:
        """The training in a few numbers."""
        steps = [line for line in self.lines if "loss" in line]
        valid = [line["valid_loss"] for line in self.lines if "valid_loss" in line]
        last = [line["loss"] for line in steps[-max(1, len(steps) // 10) :]]
        seconds = self.lines[-1]["seconds"]
        return {
            "seconds": seconds,
            "tokens": steps[-1]["tokens"],
            "tokens_per_s": round(steps[-1]["tokens"] / seconds, 1),
            "loss": round(sum(last) / len(last), 5),
            "valid_loss": min(valid) if valid else None,
            "steps": steps[-1]["step"],
        }

    def _write(self, **line: Any) -> None:
        self.lines.append(line)
        append_jsonl(self.file, [line])


def _follow(trainer: "SFTTrainer", log: TrainingLog) -> None:
    """Let the log hear of each step, and end training when its time is over."""
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    class Follower(TrainerCallback):
        def on_train_begin(self, args, state, control, **_):
            log.begin(state.global_step)

        def on_log(self, args, state, control, logs, **_):
            if "loss" in logs:
                log.add(state.global_step, logs["loss"], logs["learning_rate"])
            if "eval_loss" in logs:
                log.add_valid(state.global_step, logs["eval_loss"])

        def on_step_end(self, args, state, control, **_):
            if state.global_step % STEPS_TO_RELEASE == 0:
                release_memory()
            if log.is_over_time or state.global_step == state.max_steps:
                control.should_training_stop = True
                control.should_evaluate = args.eval_strategy != "no"
                control.should_save = True

        def on_train_end(self, *_, **__):
            log.end()

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Follower())


def _last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that is whole; a kill while saving leaves one that is not."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]))
    for checkpoint in reversed(checkpoints):
        try:
            # this file is written last
            json.loads((checkpoint / "trainer_state.json").read_text())
        except (OSError, ValueError):
            shutil.rmtree(checkpoint)
            continue
        return str(checkpoint)
    return None


def _save(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """Write model and tokenizer, the weights last: where they are, all is there."""
    import torch

    draft = folder / "checkpoints" / "final"
    model.to(torch.bfloat16).save_pretrained(draft, max_shard_size="1TB")
    tokenizer.save_pretrained(draft)
    for file in sorted(draft.iterdir(), key=lambda file: file.suffix == ".safetensors"):
        file.replace(folder / file.name)


def _try_out(
    model: "PreTrainedModel", backend: Backend, length: int, share: float
) -> tuple[float, float]:
    """Tokens a second, and bytes a token that are kept for going back, from three short steps."""
    import torch

    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(0, model.config.vocab_size, (2, length), generator=generator)
    labels = ids.masked_fill(torch.rand(ids.shape, generator=generator) > share, -100)
    ids, labels = ids.to(backend.device), labels.to(backend.device)
    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            total, count = _loss_sum(model, ids, labels, backend.dtype)
        (total / count).backward()
        model.zero_grad()
        times.append(time.perf_counter() - start)
    n_bytes = sum(size for place, size in kept.items() if place not in weights) / 3
    return ids.numel() / min(times[1:]), n_bytes / ids.numel()


def _free_gpu_bytes() -> int:
    import torch

    return torch.cuda.mem_get_info()[0]
