"""Costs as they are shown: tables, still pictures, figures and sliders, and nothing invented."""

import json
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from workbench.evaluate.costs import Fleet
from workbench.evaluate.pricing import Terms, choose_price, count_dollars
from workbench.show.costs import (
    OWN,
    LoadView,
    draw_seconds,
    draw_view,
    plot_load,
    tabulate_break_even,
    tabulate_dollars,
    tabulate_multiple,
    view_of,
)
from workbench.show.explorer import NO_SLIDERS, NOBODY, UNPRICED, explore_costs
from workbench.show.plots import PLOTLY

EVIL = '<script>"&</svg>'
NAME = "toy@localhost"
PRICES = """
- {model: toy, host: localhost, input: 2, cached: 0.5, output: 10, date: 2026-11-01, source: ours}
"""
FLEET = Fleet(hour_usd=2.5, seconds=1.0)


@pytest.fixture(autouse=True)
def own_table(tmp_path, monkeypatch):
    file = tmp_path / "own.yaml"
    file.write_text(PRICES)
    monkeypatch.setenv("WORKBENCH_PRICES", str(file))


def cost(prompt, cached, reply, seconds, read_per_s=None):
    tokens = {"prompt_tokens": prompt, "cached_tokens": cached, "reply_tokens": reply}
    tokens |= {"conversations": 20, "read_per_s": read_per_s}
    return tokens | {"seconds_per_conversation": seconds}


@pytest.fixture
def result():
    return {
        "seconds": {"train": 3600.0},
        "cost": {
            "compiled": cost(1000, 800, 200, 2.0, read_per_s=400),
            "in_context/base": cost(10_000, 9000, 400, 6.0),
            "faulty/jump": cost(0, 0, 0, 0.1),
        },
    }


@pytest.fixture
def priced(result):
    terms = Terms(hour_usd=1.8, price_of=NAME)
    return result | {"dollars": count_dollars(result, terms, choose_price(NAME))}


def test_dollars_are_for_a_thousand_and_a_dash_where_no_price_is(priced):
    lines = tabulate_dollars(priced).text.split("\n")
    assert lines[0].split("  ")[0] == "$ for 1,000 conversations"
    # without a cache 800 tokens more are read in 2 s; how fast the other reads is not known
    assert [line.split()[1:] for line in lines[2:]] == [
        ["4", "2", "4", "2.8"],
        ["–", "6", "24", "10.5"],
    ]


def test_the_multiple_is_shown_with_its_product(priced):
    lines = tabulate_multiple(priced).text.split("\n")[2:]
    assert [line.split()[-1] for line in lines] == ["2.29", "1.75", "3", "12"]
    assert lines[-1].startswith("all together")


def test_break_even_has_both_answers(priced):
    lines = tabulate_break_even(priced).text.split("\n")[2:]
    assert lines[0].split()[:3] == ["API,", "no", "cache"]
    assert [line.split()[-2] for line in lines] == ["82", "212"]


def test_without_prices_there_is_no_view_and_no_row(result):
    assert view_of(result) is None
    found = count_dollars(result, Terms(price_of=NAME), choose_price(NAME))
    assert view_of(result | {"dollars": found}) is None
    assert tabulate_break_even({"dollars": found}).text == "not measured"
    assert tabulate_multiple({"dollars": found}).text == "not measured"


def test_seconds_are_drawn_of_what_is_measured(result):
    assert "faulty" not in draw_seconds(result).text
    assert draw_seconds(result).text.endswith("6  in_context/base")
    assert draw_seconds({"cost": {"compiled": {}}}).svg


def test_the_view_is_of_the_compiled_models_machine(priced):
    view = view_of(priced)
    assert view.fleet == Fleet(1.8, 2.0, 0.5)
    assert view.rivals == pytest.approx({"toy, no cache": 0.024, "toy, cached": 0.0105})
    assert (view.once_usd, view.months) == (pytest.approx(1.8), 12)


def test_break_even_is_marked_and_said():
    picture = draw_view(LoadView(FLEET, {"toy": 0.05, "cheap": 0.0001}))
    assert "beside toy at $0.05: pays from 36,500 a month on" in picture.text
    assert "beside cheap at $0.0001: never pays" in picture.text
    assert picture.svg.count("<circle") == 1
    # two thirds of a decade right of 10,000, as 36,500 is
    x = float(re.search(r'<circle cx="([\d.]+)"', picture.svg)[1])
    ticks = [float(x) for x in re.findall(r'<path d="M([\d.]+) 62V330"', picture.svg)]
    assert (x - ticks[3]) / (ticks[4] - ticks[3]) == pytest.approx(0.562, abs=0.002)


def test_names_at_the_ends_of_lines_keep_their_distance():
    rivals = {f"rival {number}": 1e-4 for number in range(6)}
    svg = draw_view(LoadView(FLEET, rivals)).svg
    heights = sorted(float(y) for y in re.findall(r' y="([\d.]+)"[^>]*><title>rival', svg))
    assert min(b - a for a, b in pairwise(heights)) >= 17


@pytest.mark.parametrize(
    "view",
    [
        LoadView(FLEET, {EVIL: 0.05}),
        LoadView(FLEET),
        LoadView(Fleet(0.0, 1.0)),
        LoadView(Fleet(0.0, 1.0), {"free": 0.0}),
        LoadView(Fleet(1e9, 1e-9), {"toy": 1e-12}, once_usd=1e9),
    ],
)
def test_every_picture_is_well_formed_and_free_of_scripts(view):
    root = ElementTree.fromstring(draw_view(view).svg)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert draw_view(view).text.startswith("What a conversation costs")


def test_a_plot_is_a_figure_a_picture_and_a_text():
    bundle = plot_load(LoadView(FLEET, {EVIL: 0.05}))._repr_mimebundle_()
    assert set(bundle) == {PLOTLY, "text/html", "text/plain"}
    assert "data:image/svg+xml;base64," in bundle["text/html"]
    figure = json.loads(json.dumps(bundle[PLOTLY]))
    names = [trace["name"] for trace in figure["data"]]
    assert names[0] == OWN
    assert len(names) == 3
    assert "<script" not in json.dumps(figure)
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert (figure["data"][2]["x"], figure["data"][2]["y"]) == ([36_500], [0.05])


def test_a_plot_says_its_values_in_words_below_the_figure(capsys):
    plot_load(LoadView(FLEET, {EVIL: 0.05}))._ipython_display_()
    figure, words = capsys.readouterr().out.splitlines()
    assert PLOTLY in figure
    assert "The same in words" in words
    assert "pays from 36,500 a month on" in words
    assert "<script" not in words


def test_sliders_start_as_the_terms_say_and_move_the_picture(priced):
    explorer = explore_costs(priced)
    assert explorer.view.fleet == view_of(priced).fleet
    before = explorer.box.children[-1].value
    explorer.sliders["hour_usd"].value = 5.0
    assert explorer.view.fleet.hour_usd == 5
    assert explorer.box.children[-1].value != before
    # the hours of training are paid at the same price
    assert explorer.view.once_usd == pytest.approx(5)


def test_a_model_is_chosen_with_its_cache_or_without(priced):
    explorer = explore_costs(priced)
    assert explorer.view.rivals == pytest.approx({"toy, cached": 0.0105})
    explorer.sliders["is_cached"].value = False
    assert explorer.view.rivals == pytest.approx({"toy, no cache": 0.024})
    explorer.sliders["price_of"].value = NOBODY
    assert explorer.view.rivals == {}


def test_own_machines_are_slower_without_a_cache_where_that_is_known(priced):
    explorer = explore_costs(priced)
    explorer.sliders["is_own_cached"].value = False
    assert explorer.view.fleet.seconds == pytest.approx(4)
    del priced["cost"]["compiled"]["read_per_s"]
    assert explore_costs(priced).sliders["is_own_cached"].disabled


def test_the_chosen_load_is_said_with_its_machines(priced):
    explorer = explore_costs(priced)
    explorer.sliders["load"].value = 1000
    # 730 x $1.8 and a twelfth of $1.8 by 1,000
    said = "1,000 conversations a month: own machines $1.31 each (1 machine); toy, cached $0.0105"
    assert explorer.say_load() == f"{said} each"
    explorer.sliders["load"].value = 1_000_000
    assert "(2 machines)" in explorer.say_load()
    assert "(2 machines)" in explorer.box.children[-2].value


def test_without_a_price_the_still_invents_none(result):
    explorer = explore_costs(result)
    assert str(explorer) == UNPRICED
    assert explorer.view.rivals == {}
    assert "$" in explorer.say_load()


def test_with_a_price_the_still_is_a_plot(priced, capsys):
    explorer = explore_costs(priced)
    assert PLOTLY in explorer.still._repr_mimebundle_()
    explorer._ipython_display_()
    told = capsys.readouterr().out
    assert "pays from" in told
    # where no widgets are drawn, a sentence stands in their place
    assert f"<p>{NO_SLIDERS}</p>" in told
    assert "VBox" not in told


def test_nothing_is_explored_without_a_compiled_model():
    with pytest.raises(ValueError, match="evaluate one before"):
        explore_costs({"cost": {}, "seconds": {}})
