"""What our widgets write can be read in JupyterLab's dark theme and in its light one."""

import pytest
from test_comparison import compare_some
from test_fault_chart import chart_some
from test_hostile_widgets import write_widgets
from test_jupyterlab import (
    ROOT,
    SIDES,
    WRONG,
    keep_picture,
    lab,  # noqa: F401 (a fixture)
    page,  # noqa: F401 (a fixture)
    run_cells,
    write_notebook,
)
from test_writing_watched import make_talk, reject

from workbench.run import open_run
from workbench.show import LiveWriting
from workbench.show.editor import FlowchartEditor
from workbench.synthesize.progress import WritingLog

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAST = 4.5
"""How much lighter or darker than its ground writing is, as WCAG 2 counts it for small letters."""
MOST = 22
"""More than black on white has: all writing there is."""

EDIT = f"""
from workbench.show import FlowchartEditor

editor = FlowchartEditor({str(ROOT / "tests" / "toy" / "coffee")!r})
editor.write(editor.text.replace("to: pay", "to: pya", 1))
editor
"""
TALK = """
from test_writing_watched import make_talk, reject

from workbench.run import open_run
from workbench.show import LiveWriting
from workbench.synthesize.progress import WritingLog

watched = LiveWriting()
log = WritingLog(open_run("coffee", "seen"), 5, progress=False, watcher=watched)
log.add(make_talk("Hello.", "A latte."), [reject("no fact")])
watched
"""
CHANGE = """(theme) => {
    void window.jupyterapp.commands.execute("apputils:change-theme", { theme });
}"""
# letters in drawings stand on shapes whose colours no theme changes
PALE = """(least) => {
    const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
        .getContext("2d", { willReadFrequently: true });
    const mix = (colors) => {
        brush.clearRect(0, 0, 1, 1);
        colors.forEach((color) => { brush.fillStyle = color; brush.fillRect(0, 0, 1, 1); });
        return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const grounds = (node) => {
        const found = [];
        for (; node; node = node.parentElement) {
            found.unshift(getComputedStyle(node).backgroundColor);
        }
        return ["white", ...found];
    };
    const light = (color) => {
        const [red, green, blue] = color.map((part) => part / 255).map(
            (part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const others = ".widget-label, .widget-button, .widget-readout, select, input, textarea, svg";
    return [...document.querySelectorAll(".jp-OutputArea-output *")].filter((node) =>
        node.checkVisibility() && !node.closest(others)
        && [...node.childNodes].some((own) => own.nodeType === 3 && own.data.trim())
    ).map((node) => {
        const below = grounds(node), color = getComputedStyle(node).color;
        const ground = mix(below), ink = mix([...below, color]);
        const [one, other] = [ground, ink].map(light).sort((a, b) => b - a);
        const ratio = (one + 0.05) / (other + 0.05);
        return [node.textContent.trim().slice(0, 40), `${ink}`, `${ground}`, ratio];
    }).filter((seen) => seen[3] < least);
}"""

GROUNDS = {"#111111": "#FFFFFFDE", "#FFFFFF": "#000000DE"}
"""JupyterLab's own ground and writing, dark and light."""


def watch_writing(folder):
    watched = LiveWriting()
    log = WritingLog(open_run("coffee", "seen", folder), 5, progress=False, watcher=watched)
    log.add(make_talk("Hello.", "A latte."), [reject("no fact")])
    return watched


def test_what_is_written_can_be_read_on_both_grounds(page, coffee_domain, copy):  # noqa: F811
    editor = FlowchartEditor(copy)
    editor.write(editor.text.replace("to: pay", "to: pya", 1))
    shown = [compare_some(coffee_domain), chart_some(coffee_domain), editor]
    parts = [*map(write_widgets, shown), watch_writing(copy)._repr_mimebundle_()["text/html"]]
    for ground, ink in GROUNDS.items():
        # without a type, tables would not take the page's writing
        page.set_content(
            f'<!DOCTYPE html><meta charset=utf-8><body style="background:{ground};color:{ink}">'
            f'<div class="jp-OutputArea-output">{"".join(parts)}</div>'
        )
        assert len(page.evaluate(PALE, MOST)) > 20
        assert page.evaluate(PALE, LEAST) == []


@pytest.mark.exhaustive
def test_what_widgets_write_can_be_read_in_both_themes(page, lab, tmp_path):  # noqa: F811
    write_notebook(tmp_path / "notebooks" / "seen.ipynb", SIDES, WRONG, EDIT, TALK)
    page.set_default_timeout(180_000)
    run_cells(page, lab, "seen")
    page.get_by_text("Did you mean").first.wait_for()
    page.get_by_text("Rejected at pay:").first.wait_for()
    assert page.get_by_role("listbox", name="conversations", exact=True).count() == 2
    for theme, is_light in (("Dark", "false"), ("Light", "true")):
        page.evaluate(CHANGE, f"JupyterLab {theme}")
        # a page as high as its notebook has a body that no browser calls visible
        page.locator(f"body[data-jp-theme-light={is_light}]").wait_for(state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        assert len(page.evaluate(PALE, MOST)) > 20
        keep_picture(page, f"theme_{theme.lower()}")
        assert page.evaluate(PALE, LEAST) == []
