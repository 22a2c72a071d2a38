"""Every domain trained and evaluated on this machine, and a table of what that took: see run.sh.

Seeds are of the training alone: all learn the conversations that the first seed drew, and meet the
same customers, so that their figures differ by training and by nothing else.
"""

import argparse
import json
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from workbench.batch import Finished, run_notebooks
from workbench.domain import list_domains
from workbench.run import STAGE_FILES, Run, open_run, replace_file, runs_folder
from workbench.sizes import SIZES
from workbench.train.base_model import resolve_base_model
from workbench.train.estimate import OPERATIONS
from workbench.train.memory import measure_shape

DATA = ("design", "synthesize", "inspect")
"""Stages whose results all seeds share."""


def main() -> int:
    """Do all domains and seeds; returns 1 if one of them failed."""
    given = make_parser().parse_args()
    out = Path(given.out) if given.out else runs_folder() / "gpu.md"
    names = given.domains.split(",") if given.domains else list_domains()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    # in a process of its own, which takes no memory of the device with it
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        peak, dtype = pool.submit(measure_peak).result()
    rows: list[dict[str, Any]] = []
    for domain in names:
        for seed in seeds:
            row = {"domain": domain, "training seed": seed}
            try:
                row |= train_and_evaluate(domain, seed, seeds[0], given, peak)
            except ValueError as error:
                # the other domains are still worth having
                row |= {"failed": str(error)}
            rows.append(row)
            replace_file(out, write_table(rows, peak, dtype).encode())
    print(out.read_text("utf-8"))
    return int(any("failed" in row for row in rows))


def make_parser() -> argparse.ArgumentParser:
    """What can be chosen."""
    parser = argparse.ArgumentParser("tests/gpu/run.sh", description=__doc__)
    parser.add_argument("--size", default="full", choices=tuple(SIZES))
    parser.add_argument(
        "--seeds", default="7,8,9", help="of the training; the first draws the data"
    )
    parser.add_argument("--domains", default="", help="e.g. travel_booking; all there are if empty")
    parser.add_argument("--base-model", default="", help="a folder; empty: as the size says")
    parser.add_argument(
        "--method", default="", help="full, lora or qlora; empty: the best that fits"
    )
    parser.add_argument("--out", default="", help="the table (gpu.md in the folder of runs)")
    return parser


def train_and_evaluate(
    domain: str, seed: int, first: int, given: argparse.Namespace, peak: float
) -> dict[str, Any]:
    """A line of the table: one domain, trained with one seed and evaluated."""
    parameters = {"base_model": given.base_model, "method": given.method}
    parameters = {name: value for name, value in parameters.items() if value}
    of_first, own = f"gpu-{given.size}-{first}", f"gpu-{given.size}-{seed}"
    finished = run_notebooks(domain, of_first, given.size, first, parameters)
    if seed != first:
        copy_data(open_run(domain, of_first), own)
        trained = run_notebooks(domain, own, given.size, seed, parameters, stages=[4, 5])
        finished = [*finished[:3], *trained]
    return describe(open_run(domain, own), finished, peak)


def copy_data(run: Run, name: str) -> None:
    """Begin a run with the data of another, unless it is begun; it says whose they are."""
    twin = open_run(run.domain, name)
    if twin.manifest:
        return
    for stage in DATA:
        for file in STAGE_FILES[stage]:
            copy = shutil.copytree if run.file(file).is_dir() else shutil.copyfile
            copy(run.file(file), twin.file(file))
    for stage in DATA:
        twin.record(stage, **run.manifest[stage])
    twin.record("data", run=run.name)


def describe(run: Run, finished: list[Finished], peak: float) -> dict[str, Any]:
    """What a run's training took, and how its model did."""
    facts = run.manifest["train"]
    result, method = facts["result"], facts["inputs"].get("method", "full")
    n_weights = measure_shape(resolve_base_model(facts["inputs"]["base_model"]).folder).n_weights
    operations = result["tokens_per_s"] * OPERATIONS[method] * n_weights
    compiled = json.loads(run.file("result.json").read_text("utf-8"))["conditions"]["compiled"]
    return {
        "base model": facts["base"]["name"],
        "method": f"{method}, {facts['recipe']['weights']}",
        "rows at a time": f"{facts['rows_at_a_time']} of {facts['inputs']['batch_size']}",
        "tokens/s": round(result["tokens_per_s"]),
        "share of peak %": round(100 * operations / peak, 1),
        "peak memory GB": round(facts["peak_bytes"] / 1e9, 1),
        "training min": round(result["seconds"] / 60, 1),
        "flowchart to evaluation min": round(sum(done.seconds for done in finished) / 60, 1),
        **{
            f"endings right %, {stratum}": _percent(compiled[stratum]["ending_correct"]["mean"])
            for stratum in ("seen", "unseen")
        },
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


def measure_peak() -> tuple[float, str]:
    """Operations a second of a matrix product here, the best of 20, and of which numbers."""
    import torch

    from workbench.models import device_and_dtype

    device, dtype = device_and_dtype()
    size = 1024 if device == "cpu" else 8192
    left, right = (torch.randn(size, size, device=device).to(getattr(torch, dtype)) for _ in "ab")
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        # one number is asked for, so that it is done and not only begun
        (left @ right)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / min(seconds), dtype


def write_table(rows: list[dict[str, Any]], peak: float, dtype: str) -> str:
    """The table in Markdown, with what its figures are."""
    from workbench.models import describe_hardware

    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_write_cell(row.get(name)) for name in columns] for row in rows]
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join(
        [
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            f"{describe_hardware()}, {time.strftime('%Y-%m-%d')}. Share of peak: 6 operations a"
            f" weight and token (4 beside frozen weights) of the {peak / 1e12:.2f} TFLOP/s that a"
            f" matrix product in {dtype} was measured to reach here; attention and what is computed"
            " again are not counted. Tokens without padding. Flowchart to evaluation: all five"
            " notebooks, of which the first three ran once for all seeds.",
            "",
        ]
    )


def _write_cell(value: Any) -> str:
    return "-" if value is None else str(value).replace("|", "/").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
