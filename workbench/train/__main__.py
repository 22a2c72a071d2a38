"""Stage 4 of a run without its notebook, for several GPUs: the command that processes launch.

    accelerate launch --config_file workbench/train/launch/fsdp.yaml --num_processes 8 \\
        -m workbench.train travel_booking/demo --size full --base-model Qwen/Qwen3-8B

Stages 1 to 3 of the run are done before, with the same base model; afterwards `python -m workbench
run` with the same numbers finds the training done and goes on. Never run on several GPUs.
"""

import argparse
import sys
from collections.abc import Sequence

from workbench.run import RunError, find_run
from workbench.sizes import SIZES
from workbench.train.processes import is_main

NUMBERS = {"epochs": float, "learning_rate": float, "batch_size": int, "max_tokens": int}
"""Parameters of notebook 4 that a size has; 0 means as the size says."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a run; returns 0, or 1 if that failed."""
    given = make_parser().parse_args(arguments)
    try:
        result = train_run(given)
    except ValueError as error:
        # ours are one sentence; others deserve their traceback
        if not type(error).__module__.startswith("workbench."):
            raise
        print(f"workbench: {error}", file=sys.stderr)
        return 1
    if is_main():
        print(result)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The run and the parameters of notebook 4."""
    parser = argparse.ArgumentParser(
        "python -m workbench.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a run, e.g. travel_booking/demo, or its folder")
    parser.add_argument("--size", default="demo", choices=tuple(SIZES))
    parser.add_argument("--seed", default=7, type=int, help="fixes the order of rows (7)")
    parser.add_argument("--base-model", default="", help="a folder or a name on the model hub")
    parser.add_argument(
        "--method", default="", help="full, lora or qlora; empty: the best that fits"
    )
    parser.add_argument("--since", default="", help="the older run that stages 1, 2 go on from")
    parser.add_argument("--start-from", default="", help="base or older; empty: as fits")
    parser.add_argument("--budget", default=0.0, type=float, help="most rows, as a share of all")
    parser.add_argument("--max-steps", default=0, type=int, help="end after so many steps")
    for name, kind in NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default=kind(0), type=kind)
    return parser


def train_run(given: argparse.Namespace) -> dict:
    """Train as notebook 4 does with the same parameters."""
    from workbench.train.choosing import settle
    from workbench.train.finetune import train

    run = find_run(given.run)
    if "inspect" not in run.manifest:
        raise RunError(f"{run.folder} has no rows yet; run its stages 1 to 3 first")
    numbers = {name: getattr(given, name) for name in NUMBERS}
    settings, method = settle(run, given.size, given.method, base_model=given.base_model, **numbers)
    return train(
        run,
        settings.base_model,
        settings.epochs,
        settings.learning_rate,
        settings.batch_size,
        given.seed,
        given.max_steps,
        max_length=settings.max_tokens,
        method=method,
        since=given.since,
        start_from=given.start_from,
        budget=given.budget,
    )


if __name__ == "__main__":
    sys.exit(main())
