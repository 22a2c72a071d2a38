"""The editor and the explorers of paths and of costs, worked with in a notebook of JupyterLab."""

import pytest
from conftest import COFFEE
from test_jupyterlab import ASK, ROOT, keep_picture, lab, listen, page, run_cells, write_notebook  # noqa: F401 (fixtures)

from workbench.design.paths import enumerate_paths
from workbench.evaluate.pricing import list_priced
from workbench.flowchart import read_flowchart
from workbench.show.explorer import explore_costs
from workbench.show.walks import Walks

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.exhaustive]

PATIENCE_MS = 180_000
"""For each thing waited for: other processes may take the machine meanwhile."""

TOKENS = {"prompt_tokens": 1000, "cached_tokens": 800, "reply_tokens": 200, "conversations": 20}
COST = {
    "compiled": TOKENS | {"seconds_per_conversation": 2.0},
    "in_context/base": TOKENS | {"prompt_tokens": 10_000, "seconds_per_conversation": 6.0},
}
RESULT = {"seconds": {"train": 3600.0}, "cost": COST}

EDIT = """
import shutil
import sys

sys.path.insert(0, {tests!r})
from conftest import COFFEE

from workbench.show import FlowchartEditor

editor = FlowchartEditor(shutil.copytree(COFFEE, {folder!r}))
editor
"""
STEP = """
from workbench.design.paths import enumerate_paths
from workbench.flowchart import read_flowchart
from workbench.show import Walks

chart = read_flowchart(COFFEE / "flowchart.yaml")
walks = Walks(chart, every=enumerate_paths(chart))
walks
"""
PRICE = f"""
from workbench.show.explorer import explore_costs

costs = explore_costs({RESULT!r})
costs
"""


def test_a_chart_is_edited_its_paths_are_walked_and_its_costs_are_played_with(page, lab, tmp_path):  # noqa: F811
    complaints = listen(page)
    page.set_default_timeout(PATIENCE_MS)
    edit = EDIT.format(tests=str(ROOT / "tests"), folder=str(tmp_path / "coffee"))
    write_notebook(tmp_path / "notebooks" / "design.ipynb", edit, STEP, PRICE)
    run_cells(page, lab, "design")
    cells = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea")
    edit_chart(cells.nth(0), tmp_path / "coffee" / "flowchart.yaml")
    walk_paths(cells.nth(1))
    play_with_costs(cells.nth(2))
    keep_picture(page, "designing")
    assert complaints == []


def edit_chart(cell, file):
    """An error is seen at its line, the picture follows, and no other's changes are lost."""
    field = cell.get_by_placeholder("the text of flowchart.yaml")
    field.wait_for()
    text = file.read_text("utf-8")
    wrong = text.replace("to: pay", "to: pya", 1)
    number = wrong.split("\n").index("        to: pya") + 1
    field.fill(wrong)
    cell.locator("li", has_text=f"line {number}, column").filter(has_text="pay").wait_for()
    cell.locator("button:disabled", has_text="Save").wait_for()
    field.fill(text.replace("title: Coffee order", "title: Tea order"))
    cell.get_by_text("Nothing is wrong with it.").wait_for()
    cell.locator("svg[aria-label*='Tea order']").wait_for()
    cell.get_by_text("not saved").wait_for()
    assert file.read_text("utf-8") == text
    changed = text.replace("title: Coffee order", "title: of somebody else")
    file.write_text(changed, "utf-8")
    save = cell.get_by_role("button", name="Save")
    save.click()
    cell.get_by_text("was changed since it was read here").wait_for()
    assert file.read_text("utf-8") == changed
    cell.get_by_role("button", name="Read again").click()
    cell.locator("svg[aria-label*='of somebody else']").wait_for()
    assert field.input_value() == changed
    field.fill(text.replace("title: Coffee order", "title: Tea order"))
    cell.locator("button:enabled", has_text="Save").wait_for()
    save.click()
    cell.get_by_text("saved", exact=True).wait_for()
    assert "title: Tea order" in file.read_text("utf-8")


def walk_paths(cell):
    """The count and the chart follow the outcome that is chosen and the path that is stepped to."""
    chart = read_flowchart(COFFEE / "flowchart.yaml")
    every = enumerate_paths(chart)
    found = Walks(chart, every=every).find("left")
    cell.get_by_label("outcome", exact=True).select_option("left")
    cell.get_by_text(f"every: {len(found):,} of {len(every):,};").wait_for()
    type_number(cell, "path", "2")
    walked = f"{' > '.join(found[1].steps)} > {found[1].nodes[-1]}"
    cell.get_by_text(walked).wait_for()
    cell.locator(f"svg[aria-label$='{walked}']").wait_for()
    assert cell.page.evaluate(ASK, "(walks.place, walks.found[1].path_id)") == (
        f"(1, {found[1].path_id!r})"
    )


def play_with_costs(cell):
    """What a conversation costs follows the sliders, and so does the drawing."""
    expected = explore_costs(RESULT)
    type_number(cell, "$ an hour of a machine", "5")
    expected.sliders["hour_usd"].value = 5.0
    cell.get_by_text(expected.say_load()).wait_for()
    type_number(cell, "utilization", "0.5")
    expected.sliders["utilization"].value = 0.5
    cell.get_by_text(expected.say_load()).wait_for()
    find_slider(cell, "utilization").locator(".noUi-handle").press("ArrowLeft")
    assert cell.page.evaluate(ASK, "round(costs.sliders['utilization'].value, 2)") == "0.49"
    type_number(cell, "utilization", "0.5")
    type_number(cell, "conversations a month", "1000")
    expected.sliders["load"].value = 1000
    cell.get_by_text(expected.say_load()).wait_for()
    name = list_priced()[0]
    # the first below "no model"
    cell.get_by_label("beside", exact=True).press("ArrowDown")
    expected.sliders["price_of"].value = name
    cell.get_by_text(expected.say_load()).wait_for()
    assert cell.page.evaluate(ASK, "costs.say_load()") == repr(expected.say_load())
    n_marks = expected.picture.svg.count("<circle")
    assert cell.locator("svg[role=img] circle").count() == n_marks


def type_number(cell, name: str, number: str):
    """Put a number into a slider's field."""
    field = find_slider(cell, name).locator(".widget-readout")
    field.fill(number)
    field.press("Enter")


def find_slider(cell, name: str):
    return cell.locator(".widget-hslider").filter(has=cell.page.get_by_text(name, exact=True))
