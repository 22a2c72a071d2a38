"""The script that takes the README's pictures."""

import json
import struct
import sys
from pathlib import Path

import pytest
from test_exported import shown  # noqa: F401 (a fixture)
from test_jupyterlab import CHROMIUM

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "pictures"))
from take import SHOTS, main  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def read_size(file: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    return struct.unpack(">II", file.read_bytes()[16:24])


def test_a_picture_is_taken_of_an_output_and_what_lacks_is_named(shown, tmp_path, capsys):  # noqa: F811
    pytest.importorskip("nbconvert", reason='no nbconvert: pip install -e ".[lab]"')
    pytest.importorskip("playwright.sync_api", reason='no playwright: see extra "dev"')
    if not CHROMIUM:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "1_design.ipynb").write_text(json.dumps(shown))
    (tmp_path / "notebooks" / "5_evaluate.ipynb").write_text(json.dumps(shown))
    only = ["--only", "flowchart", "sides", "report"]
    assert main([str(tmp_path), "--to", str(tmp_path), *only]) == 1
    wide, high = read_size(tmp_path / "flowchart.png")
    assert wide > 1000
    assert high > 600
    told = capsys.readouterr().err
    assert "5_evaluate.ipynb has no output where [id=" in told
    assert "report.html is not there; run that stage first" in told


def test_the_readme_shows_pictures_that_are_taken():
    pictures = ROOT / "notebooks" / "pictures"
    assert {file.stem for file in pictures.glob("*.png")} <= {*SHOTS}
