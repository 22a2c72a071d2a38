"""What a notebook does on Colab before its first import."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench import colab
from workbench.colab import ColabError, install, place_runs, prepare


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of Colab's with a clone, no Drive, and a pip that only notes what it is told."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_RUNS", raising=False)
    monkeypatch.delitem(colab.sys.modules, "pyarrow", raising=False)
    monkeypatch.setattr(colab, "CHECKOUT", tmp_path)
    monkeypatch.setattr(colab, "DRIVE", tmp_path / "drive")
    asked = []

    def run(command, **options):
        asked.append(command[-1])
        return subprocess.CompletedProcess(command, returncode=0)

    monkeypatch.setattr(colab.subprocess, "run", run)
    return SimpleNamespace(folder=tmp_path, asked=asked)


def test_a_machine_is_made_ready_once_for_each_extra(machine):
    for extra in ("", "", "train", "train"):
        prepare(extra)
    assert machine.asked == [str(machine.folder), f"{machine.folder}[train]"]
    assert Path.cwd() == machine.folder / "notebooks"


def test_a_failure_of_pip_is_told_with_the_way_out_and_tried_again(machine, monkeypatch):
    failed = subprocess.CompletedProcess([], returncode=1, stderr="a\nERROR: no network\n")
    monkeypatch.setattr(colab.subprocess, "run", lambda *given, **options: failed)
    for _ in range(2):
        with pytest.raises(ColabError, match=r"\(ERROR: no network\); run this cell again"):
            install("train")


def test_a_session_with_an_older_pyarrow_in_memory_must_be_restarted(machine, monkeypatch):
    monkeypatch.setitem(colab.sys.modules, "pyarrow", SimpleNamespace(__version__="18.1.0"))
    monkeypatch.setattr(colab, "version", {"pyarrow": "26.0.1"}.get)
    with pytest.raises(ColabError, match=r"26\.0\.1 .* 18\.1\.0 in memory; choose Restart session"):
        prepare("train")
    monkeypatch.setattr(colab, "version", {"pyarrow": "18.1.0"}.get)
    prepare("train")


def test_runs_go_to_a_drive_that_is_mounted(machine):
    assert "mount your Drive" in place_runs()
    assert "WORKBENCH_RUNS" not in os.environ
    (machine.folder / "drive").mkdir()
    assert place_runs() == f"Runs are kept in {machine.folder / 'drive/procedure-workbench'}."
    assert os.environ.pop("WORKBENCH_RUNS").startswith(str(machine.folder / "drive"))


def test_a_folder_for_runs_that_the_user_named_stays(machine, monkeypatch):
    (machine.folder / "drive").mkdir()
    monkeypatch.setenv("WORKBENCH_RUNS", "/content/mine")
    assert place_runs() == "Runs are kept in /content/mine."
