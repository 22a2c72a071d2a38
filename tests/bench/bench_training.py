"""Training speed on this machine: ours beside TRL's defaults, on the same rows, in one run.

    python tests/bench/bench_training.py runs/travel_booking/demo --steps 12

Each runs in a process of its own. Printed: tokens a second without padding, the ratio, and the peak
of memory. Rows are those of a run that was inspected; the base model is the embedded one.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP = 2
"""Steps not counted."""


def time_ours(rows: list[dict], steps: int, folder: str) -> dict:
    """Our training: autocast, grouped attention, logits at labelled positions, rows by length."""
    from workbench.run import open_run
    from workbench.train.finetune import train

    run = open_run("bench", "ours", root=folder)
    run.write("rows/train.jsonl", rows)
    run.write("rows/valid.jsonl", [])
    train(run, epochs=3, max_steps=steps)
    log = [entry for entry in run.read("model/training_log.jsonl") if "tokens" in entry]
    first, last = log[WARM_UP - 1], log[-1]
    return rate(last["tokens"] - first["tokens"], last["seconds"] - first["seconds"])


def time_trl(rows: list[dict], steps: int, folder: str) -> dict:
    """TRL as it comes: its own preparation of the rows, its own loss, its own settings."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from workbench.train.base_model import resolve_base_model

    base = resolve_base_model("smollm2").folder
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
        AutoModelForCausalLM.from_pretrained(base),
        args=SFTConfig(
            output_dir=folder,
            max_steps=steps,
            report_to="none",
            save_strategy="no",
            # without a GPU it does not start otherwise
            use_cpu=not torch.cuda.is_available(),
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(base),
        callbacks=[Clock()],
    )
    trainer.train()
    (begun, before), (ended, after) = seen[WARM_UP - 1], seen[-1]
    return rate(after - before, ended - begun)


def rate(tokens: int, seconds: float) -> dict:
    """Tokens a second, and the peak of this process's memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"tokens_per_s": round(tokens / seconds, 1), "peak_gb": round(peak, 1)}


def main() -> None:
    """Run both, each in its own process, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run's folder, inspected")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--only", choices=["ours", "trl"])
    options = parser.parse_args()
    if options.only:
        lines = (options.run / "rows/train.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        with tempfile.TemporaryDirectory() as folder:
            measure = {"ours": time_ours, "trl": time_trl}[options.only]
            print(json.dumps(measure(rows, options.steps, folder)))
        return
    found = {}
    for name in ("trl", "ours"):
        command = [sys.executable, __file__, str(options.run), "--steps", str(options.steps)]
        done = subprocess.run(
            [*command, "--only", name], capture_output=True, text=True, check=True
        )
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"{name:5} {found[name]['tokens_per_s']:8.1f} tokens/s {found[name]['peak_gb']:6.1f} GB"
        )
    print(f"ratio {found['ours']['tokens_per_s'] / found['trl']['tokens_per_s']:8.2f}")


if __name__ == "__main__":
    main()
