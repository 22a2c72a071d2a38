"""Mermaid's flowcharts: what is read of them, and what is refused or dropped."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.design.mermaid import MAX_LINE, read_mermaid
from workbench.design.sketch import MAX_ARROWS, MAX_SKETCHED, SketchError, prepare_sketch
from workbench.reading import ReadingError


@pytest.fixture
def read(tmp_path):
    """Reads a text, with the header put before it if it has none."""

    def read(text, name="chart.mmd", header="flowchart TD\n"):
        (tmp_path / name).write_text(header + text, "utf-8")
        return read_mermaid(tmp_path / name)

    return read


def arrows(sketch):
    return [(arrow.start, arrow.to, arrow.label) for arrow in sketch.arrows]


@pytest.mark.parametrize(
    "line",
    [
        "a-->b",
        "a --> b",
        "a---b",
        "a ---> b",
        "a-.->b",
        "a -.- b",
        "a==>b",
        "a === b",
        "a --o b",
        "a --x b",
        "a o--o b",
        "a x--x b",
        "a e1@--> b",
        "a-->b;",
        "a --> b %% said",
        "a-->\n  b",
    ],
)
def test_an_arrow_of_any_kind_leads_on(read, line):
    assert arrows(read(line)) == [("a", "b", "")]


@pytest.mark.parametrize(
    "line",
    [
        "a-->|x y|b",
        "a -- x y --> b",
        'a -- "x y" --> b',
        'a -->|"x y"| b',
        "a -. x y .-> b",
        "a == x y ==> b",
        'a -->| "x y" | b',
        "a-->|x<br/>y|b",
        "a ---|x y| b",
    ],
)
def test_a_label_is_read_in_pipes_and_within_the_arrow(read, line):
    assert arrows(read(line)) == [("a", "b", "x y")]


def test_chains_and_groups_lead_from_each_to_each(read):
    found = arrows(read("a & b --> c & d -->|on| e"))
    pairs = [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d")]
    assert found == [*((*pair, "") for pair in pairs), ("c", "e", "on"), ("d", "e", "on")]


def test_an_arrow_both_ways_is_two_and_a_hidden_one_is_none(read):
    sketch = read("a <--> b\nb ~~~ c")
    assert arrows(sketch) == [("a", "b", ""), ("b", "a", "")]
    assert "dropped: invisible arrows (1)" in sketch.notes


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("[x y]", ""),
        ("(x y)", ""),
        ("([x y])", ""),
        ("[[x y]]", ""),
        ("[(x y)]", ""),
        ("((x y))", ""),
        (">x y]", ""),
        ("{{x y}}", ""),
        ("[/x y\\]", ""),
        ("[\\x y/]", ""),
        ("{x y}", "decide"),
        ("[/x y/]", "user"),
        ("[\\x y\\]", "user"),
        ("(((x y)))", "stop"),
        ('["x y"]', ""),
        ('{ "x y" }', "decide"),
        ("[x y]:::red", ""),
        ('["`x y`"]', ""),
        ('@{ shape: diam, label: "x y" }', "decide"),
        ("@{shape: lean-r, label: x y}", "user"),
    ],
)
def test_a_shape_says_what_a_node_is(read, shape, kind):
    node = read(f"a{shape} --> b").nodes["a"]
    assert (node.text, node.kind, node.line) == ("x y", kind, 2)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('"(a) [b] {c} | ; %% d"', "(a) [b] {c} | ; %% d"),
        ('"two\nlines"', "two lines"),
        ("<b>bold</b> &amp; <i>so</i>", "bold & so"),
        ('"#quot;hi#quot; #35;1"', '"hi" #1'),
        ("Ångström 質問 é", "Ångström 質問 é"),
        ("fa:fa-car Car", "Car"),
        ("1 < 2", "1 < 2"),
        ('"<script>alert(1)</script>"', "alert(1)"),
        ("", "a"),
        ('""', "a"),
        ("a<br>b", "a b"),
    ],
)
def test_a_label_is_read_as_plain_words(read, written, text):
    assert read(f"a[{written}] --> b").nodes["a"].text == text


def test_a_node_may_be_named_before_it_is_described_and_keeps_its_place(read):
    sketch = read("a --> b\nb{Paid?} --> c\na[Ask]")
    assert [(n, node.text) for n, node in sketch.nodes.items()] == [
        ("a", "Ask"),
        ("b", "Paid?"),
        ("c", "c"),
    ]


def test_nodes_of_subgraphs_stay(read):
    sketch = read('subgraph one ["The first; part"]\ndirection LR\na --> b\nend\nb --> c')
    assert arrows(sketch) == [("a", "b", ""), ("b", "c", "")]
    assert "assumed: subgraphs are phases (1)" in sketch.notes


def test_a_node_stands_in_the_innermost_group_that_names_it_first(read):
    text = 'a --> b\nsubgraph one ["The first; part"]\nb --> c\nsubgraph Two\nc --> d\nend\nend'
    sketch = read(f'{text}\nsubgraph "Last words"\nb --> e\nend')
    assert sketch.groups == {
        "b": "The first; part",
        "c": "The first; part",
        "d": "Two",
        "e": "Last words",
    }


def test_what_a_click_would_do_is_dropped_and_said(read):
    sketch = read('a --> b\nclick a "javascript:alert(1)"\nclick b call run("x; y")\nclick a cb')
    assert arrows(sketch) == [("a", "b", "")]
    assert sketch.notes == ["dropped: a link or callback, which is never followed or run (3)"]


def test_styles_titles_and_settings_are_dropped_and_said(read):
    text = "---\ntitle: 'Refunds'\nconfig:\n  theme: dark\n---\n%%{init: {}}%%\ngraph LR; a-->b;"
    text += "\nstyle a fill:#f9f\nclassDef red fill:#f00; b --> c\nclass a red\n"
    text += "accDescr {\n two }\n"
    sketch = read(text, header="")
    assert (sketch.title, arrows(sketch)) == ("Refunds", [("a", "b", ""), ("b", "c", "")])
    assert {note.split(": ")[1] for note in sketch.notes} == {
        *("settings (1)", "directives (1)", "styles (3)", "descriptions (1)")
    }


@pytest.mark.parametrize("name", ["click", "style", "end", "direction", "class"])
def test_a_word_of_mermaid_s_is_a_node_where_an_arrow_follows(read, name):
    assert arrows(read(f"{name} --> b")) == [(name, "b", "")]


def test_lines_may_end_as_on_windows(tmp_path):
    text = (
        "---\r\ntitle: Tea\r\n---\r\nflowchart TD\r\na[One] -->|on| b\r\nclass a red\r\nb --> c\r\n"
    )
    (tmp_path / "x.mmd").write_bytes(text.encode())
    sketch = read_mermaid(tmp_path / "x.mmd")
    assert (sketch.title, arrows(sketch)) == ("Tea", [("a", "b", "on"), ("b", "c", "")])


def test_the_one_block_of_a_page_is_read_with_the_page_s_lines(read):
    page = "# A page\n\n```mermaid\nflowchart TD\n a --> b\n```\n\nMore.\n"
    assert read(page, "page.md", header="").arrows[0].line == 5
    with pytest.raises(SketchError, match="2 blocks of Mermaid"):
        read(page * 2, "page.md", header="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a[x --> b", r'line 2, column 2: "\[" opens here and "\]" does not close it'),
        ('a["x] --> b', "does not close it"),
        ("a -->", "line 2, column 6: a node is expected here"),
        ("a --> b c", 'column 9: "c" is no arrow; put texts in quotes'),
        ("--> b", "a node is exp"),
        ("a -- x b", "this arrow has no head"),
        ("a -->|x b", "this label is never closed"),
        ("end", "there is no subgraph to end"),
        ("subgraph x\na --> b", "never closed; write"),
        ("a[x] --> b\nb --> a[y]", 'line 3.*"a" has another text or shape on line 2'),
        ("subgraph x\na --> b\nend\nb --> x", 'line 2.*"x" is a subgraph, and an arrow too'),
        ("accDescr {x", "never closed"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(read, text, message):
    with pytest.raises(SketchError, match=message):
        read(text)


def test_all_that_is_wrong_comes_at_once(read):
    with pytest.raises(SketchError) as refused:
        read("a[x --> b\na --> b\nb -->\n\nc --> d e\n&")
    assert [problem.line for problem in refused.value.problems] == [2, 6, 7]


@pytest.mark.parametrize("text", ["", "  \n%% only a comment", "sequenceDiagram\na->>b: x", "x"])
def test_only_flowcharts_are_read(read, text):
    with pytest.raises(SketchError, match=r'only flowcharts are read.*begin with "flowchart TD"'):
        read(text, header="")


@pytest.mark.parametrize("raw", [b"\x00\x01", b"\xff\xfeg", b"graph TD\n\xc3\x28"])
def test_what_is_no_text_is_refused(tmp_path, raw):
    (tmp_path / "x.mmd").write_bytes(raw)
    with pytest.raises(ReadingError):
        read_mermaid(tmp_path / "x.mmd")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ReadingError, match=r"x\.mmd: there is no such file"):
        read_mermaid(tmp_path / "x.mmd")


HUGE = {
    "a line": "a" * (MAX_LINE + 1),
    "directives": "%%{ x\n" * 1000,
    "nodes": "".join(f"n{i} --> n{i + 1}\n" for i in range(MAX_SKETCHED + 10)),
    "arrows": f"{' & '.join(f'a{i}' for i in range(200))} --> {' & '.join(map(str, range(200)))}",
    "brackets": "a[/x\\];" * 200_000,
    "long lines": ("a[/x\\];" * 500 + "\n") * 100 + "&",
    "unclosed lines": ("a((x);" * 500 + "\n") * 100 + "&",
    "quotes": 'a["\n' * 200_000,
    "open braces": "a@{" * 6000 + "\n",
    "arrows without a head": "a -- b\n" * 100_000,
    "a big file": "a --> b\n" * 600_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_is_refused_within_seconds(read, name):
    begun = time.perf_counter()
    with pytest.raises(ReadingError):
        prepare_sketch(read(HUGE[name]))
    assert time.perf_counter() - begun < 10


def test_so_many_arrows_are_too_many(read):
    with pytest.raises(SketchError, match=f"at most 1,500 nodes and {MAX_ARROWS:,} arrows"):
        read(HUGE["arrows"])


PIECES = ["a", "b", "-->", "--", "|", "[", "]", "{", "}", "((", "))", '"', "&", ";", "\n", " "]
PIECES += ["subgraph", "end", "%%", "%%{", "}%%", ":::", "@{", "-.", ".->", "<", "click", "~~~"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_no_text_raises_anything_but_a_refusal(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "fuzz.mmd"
    file.write_text(f"graph TD\n{text}", "utf-8")
    with suppress(SketchError):
        assert read_mermaid(file).file == file
