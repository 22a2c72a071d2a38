"""What pictures leave in a notebook: opened untrusted in JupyterLab, and exported, offline."""

import json

import pytest
from test_comparison import compare_some
from test_fault_chart import chart_some
from test_jupyterlab import (
    ROOT,
    keep_picture,
    lab,  # noqa: F401 (a fixture)
    open_notebook,
    page,  # noqa: F401 (a fixture)
    write_notebook,
)

from workbench.design.coverage import measure_coverage
from workbench.design.covering import cover_routes
from workbench.show import draw_coverage, draw_flowchart, explore_flowchart
from workbench.web_page import write_web_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shown(coffee_domain):
    """A notebook whose cells have run: a chart, one to click, coverage by stage, conditions side by
    side, what went wrong by condition."""
    chart = coffee_domain.flowchart
    stages = {
        name: measure_coverage(cover_routes(chart)[:n], chart)
        for name, n in (("planned", 9), ("kept", 1))
    }
    things = [
        draw_flowchart(chart),
        explore_flowchart(coffee_domain),
        draw_coverage(stages, chart),
        compare_some(coffee_domain),
        chart_some(coffee_domain),
    ]
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{n}",
            "execution_count": n + 1,
            "metadata": {},
            "source": "shown",
            "outputs": [
                {
                    "output_type": "execute_result",
                    "execution_count": n + 1,
                    "metadata": {},
                    "data": thing._repr_mimebundle_(),
                }
            ],
        }
        for n, thing in enumerate(things)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def test_an_exported_notebook_is_whole_without_a_network(page, shown, tmp_path):  # noqa: F811
    pytest.importorskip("nbconvert", reason='no nbconvert: pip install -e ".[lab]"')
    (tmp_path / "shown.ipynb").write_text(json.dumps(shown))
    file = write_web_page(tmp_path / "shown.ipynb", tmp_path / "export.html")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.context.set_offline(True)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    page.locator("g.node", has_text="take_order").nth(1).click()
    assert page.locator("[data-explore]").get_attribute("data-chosen") == "take_order"
    for place, (first, name) in enumerate((("kept", "planned"), ("compiled", "floor/base"))):
        views = page.locator("[data-switch]").nth(place)
        assert views.get_attribute("data-chosen") == first
        views.get_by_role("radio", name=name).click()
        assert views.get_attribute("data-chosen") == name
        assert views.locator("svg:visible").count() == 1
    assert page.get_by_text("here they part").count() == 1
    keep_picture(page, "export")
    assert [url for url in sent if not url.startswith(("file:", "data:"))] == []
    assert errors == []


def test_untrusted_outputs_are_images_and_folds(page, lab, shown, tmp_path):  # noqa: F811
    (tmp_path / "notebooks" / "shown.ipynb").write_text(json.dumps(shown))
    open_notebook(page, lab, "shown")
    area = page.locator(".jp-OutputArea-output")
    area.first.wait_for()
    assert area.locator("script").count() == 0
    assert area.locator("img").count() >= 4
    assert area.locator("img").evaluate_all("all => all.every(one => one.complete)")
    area.locator("summary", has_text="planned").click()
    assert area.get_by_text("All taken: nodes, routes, outcomes.").is_visible()
    keep_picture(page, "untrusted")


HEADLESS = (
    f"""
import sys

sys.path.insert(0, {str(ROOT / "tests")!r})
from conftest import COFFEE

from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.show import Walks, draw_flowchart, explore_flowchart

domain = read_domain(COFFEE)
draw_flowchart(domain.flowchart)
""",
    "explore_flowchart(domain)",
    "Walks(domain.flowchart, every=enumerate_paths(domain.flowchart))",
)


@pytest.mark.exhaustive
def test_what_ran_headless_is_still_until_it_is_trusted(page, lab, tmp_path):  # noqa: F811
    papermill = pytest.importorskip("papermill")
    folder = tmp_path / "notebooks"
    write_notebook(folder / "raw.ipynb", *HEADLESS)
    papermill.execute_notebook(
        folder / "raw.ipynb", folder / "ran.ipynb", kernel_name="python3", progress_bar=False
    )
    page.set_default_timeout(180_000)
    open_notebook(page, lab, "ran")
    areas = page.locator(".jp-Notebook .jp-CodeCell .jp-OutputArea")
    areas.nth(2).locator("img").wait_for()
    assert areas.locator("script, g.node, .jupyter-widgets").count() == 0
    assert areas.nth(0).locator("img").count() == 1
    areas.nth(2).get_by_text("paths visit no node more than 2 times").wait_for()
    keep_picture(page, "headless_untrusted")
    page.evaluate("void window.jupyterapp.commands.execute('notebook:trust')")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    areas.nth(0).locator("g.node").first.wait_for()
    areas.nth(1).locator("g.node", has_text="take_order").first.click()
    assert areas.nth(1).locator("[data-explore]").get_attribute("data-chosen") == "take_order"
    # drawn from the state that papermill kept, as no kernel knows of them
    areas.nth(2).get_by_label("outcome", exact=True).wait_for()
    areas.nth(2).locator("svg[role=group]").wait_for()
    keep_picture(page, "headless_trusted")
