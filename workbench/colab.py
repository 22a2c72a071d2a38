"""Colab: makes its machine ready for a notebook, and says what to do where that fails."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
"""The clone that this file lies in."""

DRIVE = Path("/content/drive/MyDrive")
"""The user's Drive, where it is mounted."""


class ColabError(ValueError):
    """The machine cannot be made ready as it is; the message says what to do."""


def prepare(extra: str = "") -> None:
    """Install the checkout with an extra and work in its notebooks from now on, as on a desk.

    Called again it does nothing, so that the cell can be run as often as one likes.

    Raises:
        ColabError: pip failed, or replaced what the session has in use.
    """
    install(extra)
    check_pyarrow()
    os.chdir(CHECKOUT / "notebooks")
    print(place_runs())


def install(extra: str) -> None:
    """Install the checkout with an extra, once.

    Raises:
        ColabError: pip failed.
    """
    wanted = f"{CHECKOUT}[{extra}]" if extra else str(CHECKOUT)
    done = CHECKOUT / f".installed-{extra or 'base'}"
    if done.exists():
        return
    print(f"Installing {wanted}, which takes a minute or two.", flush=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    result = subprocess.run([*command, "--editable", wanted], capture_output=True, text=True)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ColabError(
            f"pip could not install {wanted} ({last}); run this cell again, or, if a version is the"
            " reason, choose another with Change runtime version in the command palette first"
        )
    done.touch()


def check_pyarrow() -> None:
    """Refuse a session that has one pyarrow in memory and another on disk.

    A new session has pyarrow loaded already, with pandas, and the extra "train" brings a newer one.

    Raises:
        ColabError: it is such a session.
    """
    loaded, installed = sys.modules.get("pyarrow"), version("pyarrow")
    if loaded and loaded.__version__ != installed:
        raise ColabError(
            f"pyarrow {installed} is installed now, but this session has {loaded.__version__} in"
            " memory; choose Restart session and run all in the menu Runtime"
        )


def place_runs() -> str:
    """Let runs go to the user's Drive if it is mounted; says where they go, and how to keep them.

    A run folder that the user has named in WORKBENCH_RUNS stays.
    """
    if DRIVE.is_dir():
        os.environ.setdefault("WORKBENCH_RUNS", str(DRIVE / "procedure-workbench"))
    if kept := os.environ.get("WORKBENCH_RUNS"):
        return f"Runs are kept in {kept}."
    return (
        "Runs are lost with this machine, and the next notebook has a machine of its own. To keep"
        " them, mount your Drive (a button beside the files on the left) and run this cell again."
    )
