"""What is for GPUs, as far as a machine without one can tell; `tests/gpu/run.sh` tells the rest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.run import open_run

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "workbench/train/launch"


def test_the_script_is_one_that_can_be_run():
    assert os.access(ROOT / "tests/gpu/run.sh", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / "tests/gpu/run.sh")], check=True)


@pytest.mark.parametrize(("name", "kind"), [("fsdp", "FSDP"), ("zero3", "DEEPSPEED")])
def test_the_files_for_several_gpus_are_accelerates(name, kind):
    from accelerate.commands.config.config_args import load_config_from_file

    loaded = load_config_from_file(str(LAUNCH / f"{name}.yaml")).to_dict()
    assert (loaded["distributed_type"], loaded["mixed_precision"]) == (kind, "bf16")


def test_the_files_for_several_gpus_are_installed_with_the_package():
    assert "train/launch/*.yaml" in (ROOT / "pyproject.toml").read_text()


@pytest.mark.exhaustive
def test_the_script_runs_at_size_smoke_with_two_training_seeds_on_one_data_set(tmp_path):
    command = [ROOT / "tests/gpu/run.sh", "--size", "smoke", "--seeds", "7,8"]
    subprocess.run(
        [*command, "--domains", "travel_booking"],
        env=os.environ | {"WORKBENCH_RUNS": str(tmp_path), "PYTHON": sys.executable},
        check=True,
    )
    header, _, *rows = (tmp_path / "gpu.md").read_text().splitlines()[:4]
    columns = [cell.strip() for cell in header.split("|")]
    assert {"tokens/s", "share of peak %", "peak memory GB"} < set(columns)
    assert [row.split("|")[columns.index("training seed")].strip() for row in rows] == ["7", "8"]
    runs = [open_run("travel_booking", f"gpu-smoke-{seed}", tmp_path) for seed in (7, 8)]
    inputs = [run.manifest["train"]["inputs"] for run in runs]
    assert inputs[0] | {"seed": 8} == inputs[1]
    results = [json.loads(run.file("result.json").read_text()) for run in runs]
    assert results[0]["conditions"]["walker"] == results[1]["conditions"]["walker"]
