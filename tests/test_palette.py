"""Colours: writing that has no ground of its own is read on light pages and on dark ones."""

import re
from pathlib import Path

import pytest

from workbench.show.editor import WARNED
from workbench.show.palette import AGENT, NEVER, QUIET, SUCCESS, write_in

SHOW = Path(__file__).parents[1] / "workbench" / "show"
LIGHT, DARK = ("#FFFFFF", "#212121"), ("#111111", "#FFFFFF")
"""Ground and writing of JupyterLab's two themes."""


def read_color(color):
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]


def measure_light(color):
    """Relative luminance, as WCAG 2 defines it."""
    parts = [part / 255 for part in color]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("color", [NEVER, SUCCESS, QUIET, AGENT[1], WARNED])
@pytest.mark.parametrize(("ground", "ink"), [LIGHT, DARK], ids=["light", "dark"])
def test_coloured_writing_has_enough_contrast_in_both_themes(color, ground, ink):
    share = int(re.search(r" (\d+)%", write_in(color))[1]) / 100
    pairs = zip(read_color(color), read_color(ink), strict=True)
    mixed = [share * own + (1 - share) * page for own, page in pairs]
    low, high = sorted([measure_light(mixed), measure_light(read_color(ground))])
    assert (high + 0.05) / (low + 0.05) > 4.5


@pytest.mark.parametrize("file", [*SHOW.glob("*.py"), SHOW.parent / "live.py"])
def test_a_colour_of_writing_comes_with_its_ground(file):
    fixed = re.compile(r"(?<![\w-])color: ?(#|\{[\"'])")
    lines = [line for line in file.read_text("utf-8").splitlines() if fixed.search(line)]
    assert [line for line in lines if "background-color" not in line] == []
