"""Flowcharts as text for Mermaid and Graphviz, and back."""

import random
import re
import shutil
import subprocess
from contextlib import suppress

import pytest
from conftest import COFFEE, DOMAINS, PRINTER

from workbench.__main__ import main
from workbench.design.drawing import write_dot, write_mermaid
from workbench.design.importing import import_chart
from workbench.design.layout import TEMPLATE
from workbench.design.mermaid import read_mermaid
from workbench.design.sketch import SketchError
from workbench.flowchart import read_flowchart

REFUND = """\
flowchart LR
  a([Hello, how can I help?]) --> known{Is the order known?}
  subgraph rest [What follows]
    known -->|yes| young["Ask whether it is #quot;younger#quot; than 14 days"] --> ok{Is it?}
    known -- "no, <b>it is not</b>" --> number[/Say the number & name/] --> known
  end
  ok -->|yes| pay[Pay it back within 2 hours.] --> done(((Paid)))
  ok -->|otherwise| sorry[Refuse; say sorry]
"""
SHAPES = ["[x]", "[Ask?]", "{d?}", "[/u/]", "([e])", "(((s)))", '["3 euros & <i>more</i>"]']
LABELS = ["", "|yes|", "|no|", "|it costs 3 euros|", "|a: b|", "|the user wants 2 cups|"]


@pytest.fixture
def bring(tmp_path):
    """The flowchart of a Mermaid text, imported under a name."""

    def bring(text, name="own"):
        (tmp_path / f"{name}.mmd").write_text(text, "utf-8")
        folder = import_chart(tmp_path / f"{name}.mmd", name, root=tmp_path).folder
        return read_flowchart(folder / "flowchart.yaml")

    return bring


def without_name(chart):
    return chart.model_dump(exclude={"name"})


def sketch_again(text, tmp_path):
    (tmp_path / "again.mmd").write_text(text, "utf-8")
    return read_mermaid(tmp_path / "again.mmd")


def test_nodes_routes_and_labels_of_mermaid_come_back_as_mermaid(bring, tmp_path):
    before = sketch_again(REFUND, tmp_path)
    after = sketch_again(write_mermaid(bring(REFUND)), tmp_path)
    assert {i: n.text for i, n in before.nodes.items() if i != "done"}.items() <= {
        node_id: node.text for node_id, node in after.nodes.items()
    }.items()
    assert after.nodes["done"].text == "paid"
    assert {arrow.label for arrow in before.arrows} == {arrow.label for arrow in after.arrows}
    for arrow in before.arrows:
        # a turn of the customer may have been put in between
        ways = {(a.start, a.label): a.to for a in after.arrows}
        to = ways[arrow.start, arrow.label]
        assert arrow.to in (to, ways.get((to, "")))


def test_what_is_exported_comes_back_as_the_same_flowchart(bring):
    one = bring(REFUND)
    assert without_name(bring(write_mermaid(one), "again")) == without_name(one)


def test_phases_are_groups_in_both_formats_and_come_back(bring, tmp_path):
    chart = bring(REFUND)
    assert {node.id for node in chart.phases["what_follows"]} >= {"known", "young", "number"}
    again = bring(write_mermaid(chart), "again")
    names = {phase: {node.id for node in nodes} for phase, nodes in chart.phases.items()}
    assert {p: {node.id for node in nodes} for p, nodes in again.phases.items()} == names
    assert 'subgraph cluster_what_follows { label="what_follows"' in write_dot(chart)


def draw_any(rng):
    """A chart of random nodes and arrows; most can be imported."""
    n = rng.randint(2, 9)
    lines = [f"n{i}{rng.choice(SHAPES)}" for i in range(n)]
    for i in range(n - 1):
        for _ in range(rng.choice([1, 1, 2, 3])):
            to = rng.randrange(n) if rng.random() < 0.3 else rng.randrange(i + 1, n)
            lines.append(f"n{i} -->{rng.choice(LABELS)} n{to}")
    return "\n".join(["flowchart TD", "%% start: n0", *lines])


def test_so_do_charts_of_any_wiring(bring):
    n = 0
    for seed in range(60):
        one = None
        with suppress(SketchError):
            one = bring(draw_any(random.Random(seed)), f"one_{seed}")
        if one is not None:
            n += 1
            two = bring(write_mermaid(one), f"two_{seed}")
            assert without_name(two) == without_name(one), seed
    assert n > 30


@pytest.mark.parametrize("text", ['"#35;`<&>\\n', "fa:fa-car x", "`x`", "a|b;c", "#quot;", "é質"])
def test_whatever_stands_in_a_label_comes_back(bring, tmp_path, text):
    chart = bring("flowchart TD\na[Hi?] -->|yes| b[B]\na -->|no| c[C]")
    node = chart.nodes["a"].model_copy(update={"say": text})
    chart = chart.model_copy(update={"nodes": chart.nodes | {"a": node}})
    assert sketch_again(write_mermaid(chart), tmp_path).nodes["a"].text == text


@pytest.mark.parametrize("folder", [COFFEE, PRINTER, TEMPLATE, *DOMAINS.glob("*_*/")], ids=str)
def test_nodes_and_conditions_of_a_domain_are_in_its_mermaid(tmp_path, folder):
    chart = read_flowchart(folder / "flowchart.yaml")
    sketch = sketch_again(write_mermaid(chart), tmp_path)
    assert list(sketch.nodes) == list(chart.nodes)
    assert (sketch.start, sketch.title) == (chart.start, chart.title)
    routes = [(n.id, r.to) for n in chart.nodes.values() for r in n.routes.values()]
    assert [(arrow.start, arrow.to) for arrow in sketch.arrows] == routes
    whens = [r.when for n in chart.nodes.values() for r in n.routes.values()]
    labels = [re.sub(r"^[a-z][a-z0-9_]*: ", "", arrow.label) for arrow in sketch.arrows]
    assert labels == whens


def test_a_word_of_mermaid_s_is_no_id(bring):
    text = write_mermaid(bring("flowchart TD\na[Hi] --> end1[x] --> style --> b"))
    assert "style_node[" in text
    assert "\n    style[" not in text


def test_graphviz_gets_every_node_and_route(bring):
    chart = bring(REFUND)
    text = write_dot(chart)
    assert text.count(" -> ") == sum(len(node.routes) for node in chart.nodes.values())
    assert text.count("shape=") == len(chart.nodes)
    assert 'label="Ask whether it is \\"younger\\"\\nthan 14 days"' in text


@pytest.mark.skipif(not shutil.which("dot"), reason="the program dot is not here")
def test_graphviz_can_draw_it_whatever_the_labels(bring):
    text = write_dot(bring('flowchart TD\na["#92; #quot; &amp;amp; <"] --> b'))
    drawn = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True, check=True)
    assert b"&amp;amp;" in drawn.stdout


@pytest.mark.parametrize(("option", "first"), [("mermaid", "---\n"), ("dot", "digraph")])
def test_the_command_prints_either(capsys, option, first):
    assert main(["draw", str(COFFEE), "--format", option]) == 0
    assert capsys.readouterr().out.startswith(first)
