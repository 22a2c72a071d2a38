"""Hostile text in a real browser, offline: it stays text, fetches nothing and fits the page."""

from dataclasses import replace

import pytest
from hostile import HOSTILE, LONG
from test_comparison import talk
from test_jupyterlab import keep_picture, page  # noqa: F401 (a fixture)
from test_report import make_score

from workbench.design.paths import enumerate_paths
from workbench.evaluate.simulation import Simulated
from workbench.show import (
    bars,
    browse,
    draw_conversation,
    draw_flowchart,
    explore_flowchart,
    switch,
    table,
)
from workbench.show import page as write_page
from workbench.show.comparison import Comparison
from workbench.show.fault_chart import FaultChart
from workbench.show.pairs import Side, draw_pair
from workbench.show.picture import Panel, Picture
from workbench.synthesize.scenarios import plan_scenario

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EVIL = " ".join(HOSTILE.values())
ZOOMED = {"width": 1024, "height": 900}
"""What is left of 1280 pixels at 125 %."""


@pytest.fixture
def look(page, tmp_path):  # noqa: F811
    """Opens HTML from a file, offline, and fails for whatever it fetches, says or runs."""
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda sent: complaints.append(sent.url))
    page.context.set_offline(True)
    page.set_viewport_size(ZOOMED)

    def open_html(html):
        file = tmp_path / "page.html"
        file.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{html}", "utf-8")
        page.goto(file.as_uri())
        page.mouse.move(200, 300)
        assert page.evaluate("window.taken") is None
        own = ("file:", "data:")
        assert [told for told in complaints if not told.startswith(own)] == []
        return page

    return open_html


def assert_it_fits(shown):
    """Nothing is wider than the page, and no message is a page by itself."""
    assert shown.evaluate("document.documentElement.scrollWidth") <= ZOOMED["width"]
    assert shown.evaluate("document.documentElement.scrollHeight") < 20_000


@pytest.fixture
def evil_chart(coffee):
    """The toy chart in which all that can be text is hostile."""
    nodes = {id_: node.model_copy(update={"say": EVIL}) for id_, node in coffee.nodes.items()}
    return coffee.model_copy(update={"title": EVIL, "nodes": nodes})


def evil_talk(*more):
    return talk((EVIL, [EVIL]), (EVIL, []), (LONG, ["opening"]), *more, prompt=EVIL)


def test_talks_alone_and_side_by_side_show_hostile_text_as_text(look):
    wrong = {1: EVIL}
    pair = draw_pair(Side(EVIL, evil_talk(), wrong), Side("b", evil_talk((EVIL, []))))
    alone = draw_conversation(evil_talk(), None, wrong)
    shown = look(alone.html + pair.html)
    assert_it_fits(shown)
    assert shown.locator("table").count() == 1
    assert shown.locator("script, h1, a, img, svg").count() == 0
    assert shown.get_by_text("<script>window.taken").count() > 4
    assert shown.get_by_text("‹U+202E›000,1").count() > 4
    keep_picture(shown, "hostile_talks")


def test_charts_tables_and_views_show_hostile_text_as_text(look, coffee_domain, evil_chart):
    evil = replace(coffee_domain, flowchart=evil_chart)
    rows = [{"a": EVIL, "b": EVIL, "c": 1}]
    views = {EVIL: bars({EVIL: 3}, EVIL), "b": draw_flowchart(evil_chart)}
    parts = [switch(views), explore_flowchart(evil), browse(rows, "a", "b"), table(rows)]
    shown = look("".join(part.html for part in parts))
    assert shown.locator("h1, a").count() == 0
    assert shown.get_by_role("radiogroup", name="what is shown").count() == 1
    shown.get_by_role("radio").last.focus()
    shown.keyboard.press("ArrowRight")
    shown.locator("[data-explore] g.node").first.click()
    shown.locator("[data-explore] g.node").last.hover()
    assert shown.evaluate("window.taken") is None
    keep_picture(shown, "hostile_charts")


def test_a_report_shows_hostile_text_as_text(look, tmp_path, evil_chart):
    parts = [EVIL, f"## {EVIL}", f"- {EVIL}", draw_flowchart(evil_chart), table([{EVIL: LONG}])]
    parts += [draw_conversation(evil_talk()), Picture("<svg/>", EVIL), Panel("<p></p>", EVIL)]
    score = make_score(EVIL, 0, 2, EVIL, EVIL).model_copy(update={"faults": [f"{EVIL}: {EVIL}"]})
    parts.append(FaultChart(evil_chart, [score], {}).still)
    shown = look(write_page(EVIL, parts))
    assert shown.locator("script, a, img").count() == 0
    assert shown.title().startswith("<script>")
    assert_it_fits(shown)


def test_conditions_side_by_side_show_hostile_text_as_text(look, coffee_domain):
    path = enumerate_paths(coffee_domain.flowchart)[0]
    scenario = plan_scenario(path, "test", coffee_domain, 7, 0)
    scores, talks = [], {}
    for condition in (EVIL, "compiled"):
        score = make_score(scenario.scenario_id, 0, 2, condition, "seen")
        scores.append(score.model_copy(update={"conversation_id": condition, "ending": EVIL}))
        talks[condition] = Simulated(
            **scores[-1].model_dump(include={"conversation_id", "scenario_id", "path_id"}),
            condition=condition,
            stratum="seen",
            conversation=evil_talk(),
        )
    comparison = Comparison(coffee_domain, scores, talks, [scenario])
    shown = look(comparison._repr_mimebundle_()["text/html"])
    assert_it_fits(shown)
    assert shown.locator("img").count() == 1
    assert shown.locator("script, h1, a").count() == 0
