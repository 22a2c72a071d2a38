"""Texts of others in YAML: whatever they are, they come back, and stay on their line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.design.quoting import quote, write_comment
from workbench.reading import read_yaml

HARD = [
    "",
    " x ",
    'a"b\\c',
    "a\u2028b",
    "a\x85b",
    "\u202eabc",
    "\x00\x07\x7f",
    "\U000e0041",
    "質 é",
]


def read_back(folder, text):
    (folder / "x.yaml").write_text(text, "utf-8")
    return read_yaml(folder / "x.yaml")


@pytest.mark.parametrize("text", HARD)
def test_a_text_that_is_hard_to_write_comes_back(tmp_path, text):
    assert quote(text).isprintable()
    assert read_back(tmp_path, f"a: [{quote(text)}]").data == {"a": [text]}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_so_does_any_text(tmp_path_factory, text):
    assert read_back(tmp_path_factory.getbasetemp(), f"a: {quote(text)}").data == {"a": text}


@pytest.mark.parametrize("text", [*HARD, "a\nb: c", "a\rb: c"])
def test_a_comment_stays_on_its_line(tmp_path, text):
    found = read_back(tmp_path, f"{write_comment(text)}\na: b\n")
    assert (found.data, found.problems) == ({"a": "b"}, [])
