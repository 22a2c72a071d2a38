"""Editing a flowchart: checked as it is typed, never saved over somebody's changes."""

import pytest

from workbench.flowchart import read_flowchart
from workbench.show.editor import EditorError, FlowchartEditor


@pytest.fixture
def editor(copy):
    return FlowchartEditor(copy)


def test_an_error_is_named_at_its_line_while_the_file_stays_as_it_is(editor):
    before = editor.file.read_text("utf-8")
    wrong = before.replace("to: pay", "to: pya", 1)
    editor.write(wrong)
    (problem,) = [p for p in editor.problems if p.rule == "unknown_target"]
    assert wrong.splitlines()[problem.line - 1].strip() == "to: pya"
    assert 'Did you mean "pay"?' in problem.text
    assert editor.file.read_text("utf-8") == before


def test_the_picture_follows_a_sound_text_and_waits_for_it(editor):
    first = editor._picture.svg
    editor.write(editor.text.replace("title: Coffee order", "title: Tea order"))
    second = editor._picture.svg
    assert "Tea order" in second
    assert second != first
    editor.write("nodes: [")
    assert editor._picture.svg == second
    assert editor.has_errors


def test_what_is_saved_is_what_was_typed(editor):
    editor.write(editor.text.replace("title: Coffee order", "title: Tea order"))
    assert not editor.is_saved
    editor.save()
    assert editor.is_saved
    assert read_flowchart(editor.file).title == "Tea order"


def test_a_text_with_errors_is_not_saved(editor):
    editor.write("title: nothing else")
    with pytest.raises(EditorError, match="was not saved"):
        editor.save()
    assert "opening" in editor.file.read_text("utf-8")


@pytest.mark.parametrize("other", ["title: of somebody else", None])
def test_a_file_that_somebody_changed_is_not_overwritten(editor, other):
    editor.write(editor.text.replace("title: Coffee order", "title: Tea order"))
    if other is None:
        editor.file.unlink()
    else:
        editor.file.write_text(other)
    with pytest.raises(EditorError, match="was changed since"):
        editor.save()
    assert other is None or editor.file.read_text() == other


def test_reading_again_takes_what_the_file_says(editor):
    changed = editor.text.replace("title: Coffee order", "title: Tea order")
    editor.file.write_text(changed)
    editor.write("typed and lost")
    editor.read_again()
    assert editor.text == changed
    assert editor.is_saved
    assert not editor.has_errors


def test_reading_again_a_file_that_is_gone_is_said_and_keeps_what_was_typed(editor):
    editor._build()
    before = editor.text
    editor.file.unlink()
    editor._widgets["again"].click()
    assert "flowchart.yaml is gone" in editor._widgets["said"].value
    assert editor._widgets["text"].value == editor.text == before


def test_the_widgets_follow_what_is_typed(editor):
    editor._build()
    made = editor._widgets
    assert made["save"].disabled
    assert "Nothing is wrong" in made["problems"].value
    made["text"].value = editor.text.replace("to: pay", "to: <b>", 1)
    assert made["save"].disabled
    assert "<b>" not in made["problems"].value
    assert ">to: &lt;b&gt;</div>" in made["problems"].value
    assert "Coffee order" in made["chart"].svg
    assert "workbench-stale" in made["chart"]._dom_classes
    made["text"].value = editor._saved.replace("title: Coffee order", "title: Tea order")
    assert not made["save"].disabled
    assert made["said"].value == "not saved"
    assert "Tea order" in made["chart"].svg
    assert made["chart"].alt.startswith("Tea order")
    assert "workbench-stale" not in made["chart"]._dom_classes
    made["save"].click()
    assert made["said"].value == "saved"
    assert made["save"].disabled


def test_a_file_that_cannot_be_drawn_yet_can_be_mended(copy):
    (copy / "flowchart.yaml").write_text("nodes: [", "utf-8")
    editor = FlowchartEditor(copy)
    assert "cannot be drawn" in editor._repr_mimebundle_()["text/html"]
    assert "cannot be drawn" in editor._widgets["undrawn"].value
    assert editor._widgets["chart"].layout.display == "none"
