"""Training speed on this machine: ours, TRL's defaults and the bare matrix products, in one run.

    python tests/bench/bench_training.py runs/travel_booking/demo --steps 12

Each runs in a process of its own. Printed: tokens a second without padding, the peak of memory, and
the loss on held-out rows after as many rows. Ours trains as size demo does, a row a step; TRL's
settings are its own, eight rows a step, except for the learning rate, which is ours: with its own
of 2e-5 it would hardly have begun to learn; and for bf16 on a processor without it, where all three
compute in float32. The products are those of our step's linear layers, forward and back, at their
best and with nothing between: no training that computes them can be quicker. Rows are those of a
run that was inspected; the base model is the embedded one, unless `--base-model` names another.
Exits with 1 if ours is not twice as fast as TRL's and half as fast as the products, or if its loss
is higher.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from workbench.sizes import size_of

WARM_UP = 2
"""Steps not counted."""

BATCH_SIZE = 8
"""Rows of a step as TRL has it."""

OURS = size_of("demo")
MAX_LENGTH = 1024
BARS = {"trl": 2.0, "products": 0.5}
"""How many times as fast as each ours is to be."""

REPEATS = 5
"""Times that each product is computed; the quickest counts."""


def time_ours(
    rows: list[dict], valid: list[dict], base_model: str, steps: int, folder: str
) -> dict:
    """Our training: autocast, grouped attention, logits at labelled positions, rows by length."""
    from workbench.run import open_run
    from workbench.train.finetune import train

    run, wide = open_run("bench", "ours", root=folder), BATCH_SIZE // OURS.batch_size
    run.write("rows/train.jsonl", rows)
    # held-out loss is measured after the clock has stopped, for both by the same function
    run.write("rows/valid.jsonl", [])
    train(
        run,
        base_model,
        epochs=3,
        max_steps=steps * wide,
        batch_size=OURS.batch_size,
        learning_rate=OURS.learning_rate,
        max_length=MAX_LENGTH,
    )
    log = [entry for entry in run.read("model/training_log.jsonl") if "tokens" in entry]
    first, last = log[WARM_UP * wide - 1], log[-1]
    found = rate(last["tokens"] - first["tokens"], last["seconds"] - first["seconds"])
    return found | {"valid_loss": measure_loss(run.file("model"), valid)}


def time_trl(rows: list[dict], valid: list[dict], base_model: str, steps: int, folder: str) -> dict:
    """TRL as it comes: its own preparation of the rows, its own loss, its own settings."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from workbench.models import device_and_dtype
    from workbench.train.base_model import resolve_base_model

    base = resolve_base_model(base_model).folder
    seen: list[tuple[float, int]] = []
    tokens = [0]

    class Counting(SFTTrainer):
        def compute_loss(self, model, inputs, *args, **options):
            tokens[0] += int(inputs["attention_mask"].sum())
            return super().compute_loss(model, inputs, *args, **options)

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            seen.append((time.perf_counter(), tokens[0]))

    trainer = Counting(
        str(base),
        args=SFTConfig(
            output_dir=folder,
            max_steps=steps,
            learning_rate=OURS.learning_rate,
            report_to="none",
            save_strategy="no",
            # without a GPU it does not start otherwise
            use_cpu=not torch.cuda.is_available(),
            # not where a processor only emulates it, which takes it many times as long
            bf16=device_and_dtype()[1] == "bfloat16",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(base),
        callbacks=[Clock()],
    )
    trainer.train()
    (begun, before), (ended, after) = seen[WARM_UP - 1], seen[-1]
    found = rate(after - before, ended - begun)
    trainer.save_model(f"{folder}/model")
    return found | {"valid_loss": measure_loss(Path(folder) / "model", valid)}


def measure_loss(folder: Path, valid: list[dict]) -> float | None:
    """Loss per token of the agent on held-out rows."""
    import torch

    from workbench.models import device_and_dtype
    from workbench.train.backend import choose_backend
    from workbench.train.base_model import load_tokenizer, resolve_base_model
    from workbench.train.finetune import encode_rows, loss_sum
    from workbench.train.loading import load_model
    from workbench.train.recipes import FULL

    base = resolve_base_model(str(folder))
    model, tokenizer = load_model(base, choose_backend(), FULL), load_tokenizer(base.folder)
    device, dtype = device_and_dtype()
    total, n = 0.0, 0
    for row in encode_rows(valid, tokenizer, MAX_LENGTH)[0]:
        ids, labels = (torch.tensor([one], device=device) for one in (row.input_ids, row.labels))
        with torch.no_grad():
            loss, count = loss_sum(model, ids, labels, dtype)
        total, n = total + float(loss), n + int(count)
    return round(total / n, 4) if n else None


def time_products(
    rows: list[dict], valid: list[dict], base_model: str, steps: int, folder: str
) -> dict:
    """The matrix products of a step's linear layers alone, forward and back."""
    import torch

    from workbench.models import device_and_dtype, prepare_process
    from workbench.train.backend import choose_backend
    from workbench.train.base_model import load_tokenizer, resolve_base_model
    from workbench.train.finetune import encode_rows, part_of_batch
    from workbench.train.loading import load_model
    from workbench.train.recipes import FULL

    prepare_process()
    device, dtype = device_and_dtype()
    base = resolve_base_model(base_model)
    model, tokenizer = load_model(base, choose_backend(), FULL), load_tokenizer(base.folder)
    encoded, _ = encode_rows(rows, tokenizer, MAX_LENGTH)
    lengths = [len(row.input_ids) for row in encoded]
    n_tokens = part_of_batch(OURS.batch_size, max(lengths), device) * sum(lengths) // len(lengths)
    labelled = sum(label != -100 for row in encoded for label in row.labels) / sum(lengths)
    # logits are needed where there is loss, and nowhere else
    shapes = Counter(
        (round(n_tokens * labelled) if name == "lm_head" else n_tokens, *layer.weight.shape)
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
    )
    kind = getattr(torch, dtype)
    seconds = 0.0
    for (n, size_out, size_in), times in shapes.items():
        x = torch.randn(n, size_in, dtype=kind, device=device)
        weight = torch.randn(size_out, size_in, dtype=kind, device=device)
        back = torch.randn(n, size_out, dtype=kind, device=device)
        products = (lambda: x @ weight.T, lambda: back @ weight, lambda: back.T @ x)  # noqa: B023
        seconds += times * sum(best_of(product, device) for product in products)
    return rate(n_tokens, seconds) | {"valid_loss": None}


def best_of(work, device: str) -> float:
    """The shortest of several times, after one that is not counted."""
    import torch

    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def rate(tokens: int, seconds: float) -> dict:
    """Tokens a second, and the peak of this process's memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"tokens_per_s": round(tokens / seconds, 1), "peak_gb": round(peak, 1)}


MEASURES = {"products": time_products, "trl": time_trl, "ours": time_ours}


def main() -> int:
    """Run all, each in its own process, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run's folder, inspected")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--base-model", default="smollm2")
    parser.add_argument("--only", choices=tuple(MEASURES))
    options = parser.parse_args()
    if options.only:
        rows, valid = (
            [
                json.loads(line)
                for line in (options.run / f"rows/{split}.jsonl").read_text("utf-8").splitlines()
            ]
            for split in ("train", "valid")
        )
        with tempfile.TemporaryDirectory() as folder:
            found = MEASURES[options.only](
                rows, valid[:32], options.base_model, options.steps, folder
            )
            print(json.dumps(found))
        return 0
    found = {}
    for name in MEASURES:
        command = [sys.executable, __file__, str(options.run), "--steps", str(options.steps)]
        command += ["--base-model", options.base_model, "--only", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{name} failed; what it said stands above")
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        loss = found[name]["valid_loss"]
        print(
            f"{name:8} {found[name]['tokens_per_s']:8.1f} tokens/s {found[name]['peak_gb']:6.1f} GB"
            + (f"   held-out loss {loss:.4f}" if loss is not None else ""),
            flush=True,
        )
    ours = found["ours"]
    missed = ours["valid_loss"] > found["trl"]["valid_loss"]
    print(f"held-out loss {'higher than' if missed else 'at most'} TRL's{', missed' * missed}")
    for name, called in (("trl", "TRL's defaults"), ("products", "the products")):
        times, bar = ours["tokens_per_s"] / found[name]["tokens_per_s"], BARS[name]
        print(f"ours beside {called:14} {times:8.2f} (bar {bar:g}{', missed' * (times < bar)})")
        missed |= times < bar
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
