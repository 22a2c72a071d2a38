"""Views seen one at a time, and the coverage that is seen so."""

from dataclasses import replace

import pytest
from test_show import EVIL, SCRIPT

from workbench.design.choices import list_uncovered
from workbench.design.coverage import measure_coverage
from workbench.design.covering import cover_route_pairs, cover_routes
from workbench.show.coverage import draw_coverage
from workbench.show.flow import draw_flowchart
from workbench.show.palette import NEVER
from workbench.show.picture import Panel
from workbench.show.switch import SCRIPT as SWITCH_JS
from workbench.show.switch import switch

A, B = Panel("<p>an a</p>", "an a"), Panel("<p>a b</p>", "a b")


def test_all_views_are_there_and_one_is_open():
    panel = switch({"a": A, "b": B}, "b")
    still = panel.html.partition("<script>")[0]
    assert still.count("<details") == 2
    assert '<details data-view="b" open><summary' in still
    assert panel.text == "a\nan a\n\nb\na b"


def test_the_first_view_is_open_where_none_is_named():
    assert '<details data-view="a" open>' in switch({"a": A, "b": B}).html


@pytest.mark.parametrize("views", [{"a": A}, {}])
def test_a_view_that_is_not_there_is_an_error(views):
    with pytest.raises(ValueError, match='there is no view "c"; there are'):
        switch(views, "c")


def test_evil_names_stay_words():
    assert SCRIPT not in switch({EVIL: A}).html


def test_the_script_fetches_nothing_and_writes_no_markup():
    script = SWITCH_JS.read_text("utf-8")
    assert not [word for word in ("http", "fetch", "innerHTML", "eval") if word in script]
    assert script.count("KEY") == 1


@pytest.fixture
def some(coffee):
    """What the first of the walks that cover the toy chart takes."""
    return measure_coverage(cover_routes(coffee)[:1], coffee)


def test_what_is_not_covered_is_listed_whole(coffee, some):
    lacking = list_uncovered(some, coffee)
    assert lacking["routes"] == [step for step in some.missing(coffee)["routes"] if step]
    assert all(" to " in pair for pair in lacking["pairs of consecutive routes"])
    panel = draw_coverage({"planned": some}, coffee)
    for names in lacking.values():
        assert all(name in panel.text for name in names)
    assert panel.html.count("Never taken, ") == sum(map(bool, lacking.values()))
    every = draw_coverage({"a": measure_coverage(cover_route_pairs(coffee), coffee)}, coffee)
    assert "All taken: nodes, routes, pairs of consecutive routes, outcomes." in every.text


def test_the_last_stage_is_seen_first_and_dropped_talks_stand_behind(coffee, some):
    every = measure_coverage(cover_routes(coffee), coffee)
    dropped = replace(some, is_part=True)
    html = draw_coverage({"planned": every, "kept": some}, coffee, dropped).html
    assert html.count("<details") == 3
    assert '<details data-view="kept" open>' in html
    assert html.index('data-view="kept"') < html.index('data-view="dropped"')


def test_what_dropped_talks_do_not_take_is_no_fault(coffee, some):
    part = draw_flowchart(coffee, replace(some, is_part=True))
    assert "dasharray" not in part.svg
    assert NEVER.lower() not in part.svg.lower()
    assert "never taken" not in part.svg
    html = draw_coverage({"kept": some}, coffee, replace(some, is_part=True)).html
    assert "Never taken" not in html.partition('data-view="dropped"')[2]
