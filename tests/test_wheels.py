"""Wheels: only the pinned one is used, once, and never half."""

import hashlib
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench import wheels
from workbench.wheels import WheelError, cache_folder, unpack_wheel


@pytest.fixture
def wheel(tmp_path):
    file = tmp_path / "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny/model/weights.bin", "w" * 100)
        archive.writestr("tiny/model/config.json", "{}")
        archive.writestr("tiny/__init__.py", "raise SystemExit('code of a wheel was run')")
    return file


@pytest.fixture
def downloads(wheel, monkeypatch, tmp_path):
    """Requirements that were downloaded, from an index that has the tiny wheel."""
    asked = []

    def download(requirement, folder):
        asked.append(requirement)
        return Path(shutil.copy(wheel, folder / wheel.name))

    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(wheels, "_download", download)
    return asked


@pytest.fixture
def pin(wheel):
    return ("tiny==1", hashlib.sha256(wheel.read_bytes()).hexdigest(), "tiny/model")


def left_over():
    return [file for file in (cache_folder() / "wheels").iterdir() if file.suffix != ".lock"]


def test_only_the_model_folder_is_unpacked(downloads, pin):
    folder = unpack_wheel(*pin)
    assert {file.name for file in folder.iterdir()} == {"weights.bin", "config.json"}
    assert not (folder.parent / "__init__.py").exists()


def test_a_wheel_is_downloaded_once(downloads, pin):
    assert unpack_wheel(*pin) == unpack_wheel(*pin)
    assert downloads == ["tiny==1"]


def test_four_at_once_download_once(downloads, pin):
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: unpack_wheel(*pin), range(4)))
    assert len(set(folders)) == len(downloads) == 1


def test_a_wheel_of_another_checksum_is_refused_and_leaves_nothing(downloads, pin):
    with pytest.raises(WheelError, match=f"has sha256 {pin[1]}, but {'0' * 64} is pinned"):
        unpack_wheel(pin[0], "0" * 64, pin[2])
    assert left_over() == []


def test_a_wheel_without_the_folder_is_refused_and_leaves_nothing(downloads, pin):
    with pytest.raises(WheelError, match="has no folder tiny/other"):
        unpack_wheel(*pin[:2], "tiny/other")
    assert left_over() == []


def test_a_kill_while_unpacking_leaves_nothing_half(downloads, pin, monkeypatch):
    def die(wheel, inside, folder):
        (folder / inside).mkdir(parents=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(wheels, "_unzip", die)
        with pytest.raises(KeyboardInterrupt):
            unpack_wheel(*pin)
    assert (left_over(), len(list(unpack_wheel(*pin).iterdir()))) == ([], 2)


def test_without_a_network_the_way_out_is_said(tmp_path, monkeypatch, pin):
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: No matching distribution")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    with pytest.raises(WheelError, match=r"\(ERROR: No matching distribution\); connect to a"):
        unpack_wheel(*pin)


def test_the_cache_stands_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("WORKBENCH_CACHE", raising=False)
    assert cache_folder() == tmp_path / "procedure-workbench"
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
