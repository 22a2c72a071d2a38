"""Checkpoints of a training: room for them on the disk, and the newest that is whole."""

import hashlib
import json
import shutil
import warnings
import zipfile
from pathlib import Path

from workbench.run import replace_file
from workbench.train.progress import TrainError

KEPT = 2
"""Checkpoints kept: the best one and the newest."""

BYTES_A_WEIGHT = 12
"""Of a checkpoint: the weight and its two moments, in float32."""

SUMS = "sha256.json"
"""Of a checkpoint: the sums of its weights' files, which have none of their own."""

BYTES_A_FINAL_WEIGHT = 2
"""Of the compiled model, in bfloat16."""


def bytes_needed(n_weights: int, folder: Path, n_trained: int | None = None) -> int:
    """Disk space that a training of a model with so many weights will take beyond what it has.

    A new checkpoint is written before the oldest is deleted. Checkpoints that a killed training
    left in `folder` will be replaced, and their space counts as there. `n_trained` are the weights
    that a checkpoint holds, where they are adapters' and not the model's.
    """
    there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    kept = n_weights if n_trained is None else n_trained
    most = (KEPT + 1) * BYTES_A_WEIGHT * kept + BYTES_A_FINAL_WEIGHT * n_weights
    return max(0, most - there)


def check_space(n_weights: int, folder: Path, n_trained: int | None = None) -> None:
    """Make sure before anything is trained that the disk has room for the checkpoints.

    Raises:
        TrainError: it has not; the message says how much is needed and how much is left.
    """
    needed = bytes_needed(n_weights, folder, n_trained)
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        raise TrainError(
            f"training writes up to {needed / 1e9:.1f} GB of checkpoints to {folder}, and its disk"
            f" has {free / 1e9:.1f} GB left; free the difference, or keep runs on another disk"
        )


def keep_sums(checkpoint: Path) -> None:
    """Write down what the weights of a checkpoint are that has just been saved."""
    replace_file(checkpoint / SUMS, json.dumps(_sum_weights(checkpoint)).encode())


def _sum_weights(checkpoint: Path) -> dict[str, str]:
    sums = {}
    for path in sorted(checkpoint.glob("*.safetensors")):
        with path.open("rb") as file:
            sums[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return sums


def find_last(folder: Path) -> Path | None:
    """The newest checkpoint that is whole. Those after it are deleted, with a warning.

    A kill while saving leaves one that ends in the middle, a full disk one with holes.
    """
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]))
    for checkpoint in reversed(checkpoints):
        damage = find_damage(checkpoint)
        if damage is None:
            _find_best(checkpoint)
            return checkpoint
        warnings.warn(
            f"{checkpoint} is damaged ({damage}); training goes on from the one before, or anew",
            stacklevel=2,
        )
        # first what tells a whole one: a kill amid the deletion leaves nothing that looks like it
        (checkpoint / "trainer_state.json").unlink(missing_ok=True)
        shutil.rmtree(checkpoint)
    return None


def _find_best(checkpoint: Path) -> None:
    """Let a checkpoint know where the best one lies now, in case the run was moved.

    It has the whole path on record; where nothing lies there, training would end in the last
    weights and not in the best.
    """
    file = checkpoint / "trainer_state.json"
    state = json.loads(file.read_text())
    if recorded := state.get("best_model_checkpoint"):
        best = checkpoint.with_name(Path(recorded).name)
        if str(best) != recorded and best.is_dir():
            replace_file(file, json.dumps(state | {"best_model_checkpoint": str(best)}).encode())


def find_damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint's files, e.g. "optimizer.pt is no whole archive"; or None."""
    from safetensors import SafetensorError, safe_open

    try:
        # this file is written last: where it is whole, none is missing
        json.loads((checkpoint / "trainer_state.json").read_text())
        for file in sorted(checkpoint.glob("*.safetensors")):
            # its header says how long it must be
            with safe_open(file, framework="pt"):
                pass
        # a kill right after saving leaves a whole one without sums
        if (checkpoint / SUMS).exists():
            kept = json.loads((checkpoint / SUMS).read_text())
            if changed := [k for k, v in _sum_weights(checkpoint).items() if kept.get(k) != v]:
                return f"{changed[0]} is not what was saved"
        for file in sorted([*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]):
            with zipfile.ZipFile(file) as archive:
                if broken := archive.testzip():
                    return f"{file.name} is broken at {broken}"
    except zipfile.BadZipFile:
        return f"{file.name} is no whole archive"
    except (OSError, ValueError, SafetensorError) as error:
        return str(error)
    return None
