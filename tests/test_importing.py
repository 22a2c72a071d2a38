"""Charts of others: what is imported is a sound flowchart, and says what was assumed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import talk_through
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from workbench.__main__ import main
from workbench.completeness import measure_completeness
from workbench.design.importing import import_chart
from workbench.design.layout import LayoutError
from workbench.design.paths import sample_paths
from workbench.design.phrasing import write_phrases
from workbench.design.sketch import MAX_LABEL, SketchError
from workbench.domain import read_design, read_domain
from workbench.flowchart import read_flowchart
from workbench.reading import ReadingError
from workbench.synthesize.scenarios import plan_scenario

CASES = os.environ.get("WORKBENCH_CASES", "")

PLAIN = """\
name: key_service
start: Hello
nodes:
  Hello: {kind: say, text: "Welcome, what is locked?"}
  ask: {kind: ask, text: Name and address, slots: [name, address], labels: [ask_name, ask_address]}
  lookup: {kind: act, text: Look for a fitter.}
  near: {kind: decide, text: Is one near?}
  come: {kind: end, text: "A fitter comes within 2 hours.", outcome: sent}
  sorry: {kind: end, text: Nobody is near.}
edges:
  - {from: Hello, to: ask, when: null}
  - {from: ask, to: lookup, when: both were given}
  - {from: lookup, to: near, when: null}
  - {from: near, to: come, when: 'Yes'}
  - {from: near, to: sorry, when: 'No'}
facts: [{id: hours, answer: "We open 5 locks a day, on every day."}, 7]
anywhere: {bye: Goodbye}
"""


@pytest.fixture
def load(tmp_path):
    """Imports a text, and returns the flowchart and what was noted."""

    def load(text, suffix=".mmd", **options):
        file = tmp_path / f"chart{suffix}"
        file.write_text(text, "utf-8")
        found = import_chart(file, "own", root=tmp_path, **options)
        return read_flowchart(found.folder / "flowchart.yaml"), found.notes

    return load


def roles(chart):
    return {node.id: "hub" if node.is_hub else node.role for node in chart.nodes.values()}


def ways(chart):
    """Every way as (from, to, when)."""
    nodes = chart.nodes.values()
    return {(node.id, route.to, route.when) for node in nodes for route in node.routes.values()}


def test_a_chart_of_nodes_and_edges_gets_its_turns_of_the_customer(load):
    chart, _ = load(PLAIN, ".yaml")
    assert roles(chart) == {
        "hello": "agent",
        "hello_answer": "user",
        "ask": "agent",
        "ask_answer": "user",
        "lookup": "agent",
        "near_ask": "agent",
        "near_answer": "user",
        "near": "hub",
        "come": "agent",
        "come_end": "end",
        "sorry": "agent",
        "sorry_end": "end",
    }
    assert {("near", "come", "Yes"), ("near", "sorry", "No"), ("near_ask", "near_answer", "")} <= (
        ways(chart)
    )
    assert chart.outcomes == ["sent", "nobody_is_near"]
    assert chart.nodes["near"].routes["yes"].acts == ("confirm",)


def test_what_was_dropped_and_assumed_is_said_and_stands_in_the_file(load, tmp_path):
    _, notes = load(PLAIN, ".yaml")
    said = "\n".join(notes)
    for words in (
        'dropped: the slots of "ask" (name, address); they are asked in one turn',
        'assumed: "lookup" is done by the agent, which says so',
        "dropped: what may be said anywhere (bye)",
        "dropped: 1 facts without id and answer",
        'dropped: the label of the only way on from "ask"',
        "assumed: the customer answers: Hello, ask",
        "assumed: turns of the customer were put in: hello_answer, ask_answer, near_answer",
    ):
        assert words in said
    text = (tmp_path / "own" / "flowchart.yaml").read_text("utf-8")
    assert all(f"# - {note}\n" in text for note in notes)
    assert "near_ask:  # put in: nothing before asks what is decided\n" in text


def test_numbers_of_the_texts_are_facts_that_are_cited(load, tmp_path):
    chart, _ = load(PLAIN, ".yaml")
    facts = read_design(tmp_path / "own").facts
    assert chart.nodes["come"].cites == ("come_number",)
    assert facts["come_number"].spoken() == "2 hours"
    assert facts["hours"].value == "We open 5 locks a day, on every day."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PLAIN.replace("to: lookup", "to: lokup"), 'line 12.*"lokup".*Did you mean "lookup"'),
        (PLAIN.replace("start: Hello\n", ""), 'the file has no "start"; add it'),
        (PLAIN.replace("kind: say", "kind: sya"), 'Did you mean "say"'),
        (PLAIN.replace("  sorry:", "  come:"), '"come" stands here a second time'),
        (PLAIN.replace("from: near, to: come", "from: come, to: come"), "is an end and has ways"),
        ("a: &x [1]\nb: [*x, *x]\n", "the anchor .* is not read"),
        ("a: &a [x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: [*c, *c]\n", "is not read"),
        ("", "empty"),
        ("[" * 100, "deeper"),
        ("nodes: !!python/object/apply:os.system [ls]", "the tag"),
    ],
)
def test_a_wrong_chart_is_refused_with_its_line_and_nothing_is_written(
    load, tmp_path, text, message
):
    with pytest.raises(ReadingError, match=message):
        load(text, ".yaml")
    assert not (tmp_path / "own").exists()


def test_a_speaking_node_with_two_ways_asks_and_decides(load):
    chart, _ = load("flowchart TD\na[PIN please] -->|known| b[Come in]\na -->|unknown| c[Go]")
    assert roles(chart)["a_check"] == "hub"
    assert {("a", "a_answer", ""), ("a_answer", "a_check", "")} <= ways(chart)
    assert {("a_check", "b", "known"), ("a_check", "c", "unknown")} <= ways(chart)


def test_a_decision_after_a_question_takes_its_answer(load):
    chart, _ = load("flowchart TD\na[Hi] --> q[Ask it] --> d{Ok?}\nd -->|yes| e[A]\nd -->|no| q")
    assert {("q", "d_answer", ""), ("d_answer", "d", ""), ("d", "q", "no")} <= ways(chart)


def test_a_decision_behind_a_decision_is_asked_first(load):
    chart, _ = load(
        "flowchart TD\na[Hi] --> d{One?}\nd -->|yes| e{Two?}\nd -->|no| f[F]\n"
        "e -->|yes| g[G]\ne -->|no| f"
    )
    assert {("d", "e_ask", "yes"), ("e_ask", "e_answer", ""), ("e_answer", "e", "")} <= ways(chart)
    assert chart.nodes["e_ask"].say == "Two?"


def test_a_chart_that_begins_with_a_decision_is_opened(load):
    chart, _ = load("flowchart TD\nd{Paid?} -->|yes| e[A]\nd -->|no| f[B]")
    assert chart.start == "opening"
    assert chart.nodes["opening"].say == "Greet the customer and ask: Paid?"
    assert {("opening", "d_answer", ""), ("d_answer", "d", "")} <= ways(chart)


def test_a_loop_of_questions_has_the_customer_speak(load):
    chart, _ = load(
        "flowchart TD\na[Hi] --> b[Try?] --> c[Again?] --> d{Ok?}\nd -->|no| b\nd -->|yes| e"
    )
    assert [roles(chart)[f"{name}_answer"] for name in "abd"] == ["user"] * 3


def test_turns_of_the_customer_that_are_drawn_stay(load):
    chart, notes = load(
        "flowchart TD\na[Hi] --> u[/Says it/] --> v[/Says more/]\n"
        "v -->|fine| e(((done)))\nv -->|not| f[Sorry]"
    )
    assert roles(chart)["u"] == roles(chart)["v"] == "user"
    assert ("u", "v_before", "") in ways(chart)
    assert ("v", "v_check", "") in ways(chart)
    assert "assumed: the customer speaks at: u, v" in notes


def test_an_end_drawn_after_words_is_silent_and_others_say_theirs(load):
    chart, _ = load(
        "flowchart TD\na[Hi] --> d{Ok?}\nd -->|y| b[Thanks.] --> e([Done])\nd -->|n| f([Bye])"
    )
    assert (roles(chart)["e"], roles(chart)["f"], roles(chart)["f_end"]) == ("end", "agent", "end")
    assert chart.outcomes == ["done", "bye"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a --> b\nc --> b", r"several nodes have no arrow to them; say --start and one of a, c"),
        ("a --> b\nb --> a\nb --> c", "every node has an arrow to it; say --start and one of a, b"),
        ("a --> b\nb --> c\nc --> b", 'line 2.*no end can be reached from "a", "b", "c"; draw'),
        ("a[x]", '"a" is start and end at once'),
        ("a --> a", 'every node has an arrow to it|no end can be reached from "a"'),
        (f"a[{'x' * (MAX_LABEL + 1)}] --> b", "line 2.*a label of 1,001 characters"),
    ],
)
def test_a_chart_that_no_talk_could_follow_is_refused(load, tmp_path, text, message):
    with pytest.raises(SketchError, match=message):
        load(f"flowchart TD\n{text}")
    assert not (tmp_path / "own").exists()


def test_the_start_may_be_said_and_what_it_does_not_reach_is_dropped(load):
    chart, notes = load("flowchart TD\na --> b\nc --> b\nd --> c", start="c")
    assert (chart.start, "a" in chart.nodes) == ("c", False)
    assert "dropped, as no walk from the start reaches them: a, d" in notes


def test_a_start_that_does_not_exist_is_refused(load):
    with pytest.raises(SketchError, match=r'no node "cc" to start at\..*Did you mean "c"'):
        load("flowchart TD\na --> b\nc --> b", start="cc")


def test_ids_that_ours_cannot_have_are_renamed_and_said(load):
    chart, notes = load("flowchart TD\nÄrger[x?] --> 1st[y?] --> 質問[z?] --> a-b --> A_b --> slot")
    assert {"arger", "node_1st", "node", "a_b", "a_b_2", "slot_2"} <= set(chart.nodes)
    assert 'renamed: "質問" is called node' in notes


def test_ways_that_nothing_tells_apart_are_told_apart(load):
    chart, notes = load(
        "flowchart TD\na[Hi?] --> b[B]\na --> c[C]\na -->|go| b\na -->|GO| c\na-->|go| b"
    )
    whens = [route.when for route in chart.nodes["a_check"].routes.values()]
    assert whens == ["it goes on to: B", "it goes on to: C", "go", "GO (c)"]
    assert 'assumed: when "a" leads to "b", which is unsaid' in notes
    assert 'assumed: when "a" leads to "c": another way on is labelled alike' in notes
    assert "dropped: the same arrow again, a to b" in notes


def test_two_ways_of_yes_are_different_acts(load):
    chart, _ = load("flowchart TD\na[Hi?] -->|yes, cash| b\na -->|yes, card| c\na -->|no| d")
    acts = [route.acts for route in chart.nodes["a_check"].routes.values()]
    assert acts == [("yes_cash",), ("yes_card",), ("deny",)]


def test_a_label_that_names_its_route_does(load):
    chart, _ = load("flowchart TD\na[Hi?] -->|paid_up: all is paid| b\na -->|no| c")
    assert chart.nodes["a_check"].routes["paid_up"].when == "all is paid"


HOSTILE = [
    '"; rm -rf /',
    "{brace} {{two}}",
    "A: b # c",
    "- x",
    "\u202eabc",
    "'\"`",
    "\\n\\",
    "%d $x",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_a_text(load, tmp_path, label):
    written = label.replace('"', "#quot;").replace("\\", "#92;")
    chart, _ = load(f'flowchart TD\na["{written}"] -->|"{written}"| b\na -->|no| c["{written}"]')
    assert chart.nodes["a"].say == label
    assert chart.nodes["a_check"].routes[next(iter(chart.nodes["a_check"].routes))].when == label
    write_phrases(tmp_path / "own")
    domain = read_domain(tmp_path / "own")
    for number, path in enumerate(sample_paths(domain.flowchart, 10, 7)):
        talk_through(domain, path, number, "train")


@pytest.mark.parametrize("name", ["Own", "../own", ""])
def test_a_bad_name_is_refused_before_the_file_is_read(tmp_path, name):
    with pytest.raises(LayoutError):
        import_chart(tmp_path / "none.mmd", name, root=tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(SketchError, match=r"files that end in \.yaml, .* are imported"):
        import_chart(tmp_path / "x.pdf", "own", root=tmp_path)


def test_the_command_says_what_was_assumed_and_leaves_a_domain_that_checks(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("chart.yaml").write_text(PLAIN, "utf-8")
    assert main(["import", "chart.yaml", "--name", "keys", "--phrases"]) == 0
    said = capsys.readouterr().out
    assert "assumed: turns of the customer were put in" in said
    assert said.endswith("It is complete.\n")
    assert main(["check", "keys"]) == 0
    assert main(["import", "chart.yaml", "--name", "keys"]) == 2
    assert main(["import", "none.yaml", "--name", "other"]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_without_phrases_it_can_be_designed_and_check_says_what_lacks(load, tmp_path):
    load(PLAIN, ".yaml")
    state = measure_completeness(tmp_path / "own")
    assert (state.is_designed, state.is_sound, state.is_complete) == (True, True, False)
    assert state.problems == []
    assert "the steps hello, ask, lookup, near_ask, near.yes, near.no, come, sorry" in (
        state.describe()
    )


def talk_all(folder):
    """Talk every sampled path of a domain as planned, in both kinds of wordings."""
    # several arrows from one node to another are no error
    problems = measure_completeness(folder).problems
    assert [problem for problem in problems if problem.rule != "same_target"] == []
    domain = read_domain(folder)
    for number, path in enumerate(sample_paths(domain.flowchart, 100, 7)):
        for split in ("train", "test"):
            talk_through(domain, path, number, split)


def test_with_phrases_of_its_own_words_every_path_is_talked_as_planned(load, tmp_path):
    load(PLAIN, ".yaml")
    write_phrases(tmp_path / "own")
    talk_all(tmp_path / "own")


@pytest.mark.skipif(not CASES, reason="WORKBENCH_CASES names no folder")
@pytest.mark.parametrize("name", ["star_bank_fraud_report", "tau2_telecom_no_service"])
def test_procedures_of_others_are_imported_and_talked_as_planned(tmp_path, name):
    found = import_chart(Path(CASES) / f"{name}.yaml", name, root=tmp_path)
    write_phrases(found.folder)
    talk_all(found.folder)


NODES = st.lists(
    st.sampled_from(["[x]", "[Ask?]", "{d?}", "[/u/]", "([e])", "(((s)))"]), min_size=2, max_size=9
)
LABELS = st.sampled_from(["", "|yes|", "|no|", "|it costs 3 euros|", "|a: b|"])


@settings(max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(NODES, st.data())
def test_any_chart_is_imported_soundly_or_refused(tmp_path_factory, shapes, data):
    place = st.integers(0, len(shapes) - 1)
    drawn = data.draw(st.lists(st.tuples(place, place, LABELS), min_size=1, max_size=16))
    folder = tmp_path_factory.mktemp("any")
    lines = [f"n{i}{shape}" for i, shape in enumerate(shapes)]
    lines += [f"n{a} -->{label} n{b}" for a, b, label in drawn]
    (folder / "x.mmd").write_text("\n".join(["flowchart TD", *lines]), "utf-8")
    try:
        found = import_chart(folder / "x.mmd", "own", "n0", folder)
    except SketchError:
        return
    write_phrases(found.folder)
    talk_all(found.folder)


def test_the_command_line_itself_imports_nothing_heavy():
    code = "import sys, workbench.__main__ as m; m.make_parser(); print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"pydantic", "networkx", "torch", "papermill"} & set(loaded)


def test_so_many_numbers_are_too_many(load):
    texts = [" ".join(str(n) for n in range(k, k + 200)) for k in (1, 301, 601)]
    with pytest.raises(SketchError, match="more than 500 different numbers"):
        load(f"flowchart TD\na[{texts[0]}] --> b[{texts[1]}] --> c[{texts[2]}] --> d")


def test_an_outcome_that_is_an_id_stays_and_others_are_made_one(load):
    text = PLAIN.replace("outcome: sent", "outcome: sent_by_the_very_same_day_to_her")
    assert load(text, ".yaml")[0].outcomes == ["sent_by_the_very_same_day_to_her", "nobody_is_near"]


def test_a_big_chart_is_imported_within_seconds(load):
    lines = [f'n{i}["Do {i % 400} things?"] -->|yes| n{i + 1}' for i in range(1_400)]
    begun = time.perf_counter()
    chart, _ = load("\n".join(["flowchart TD", *lines, "n0 -->|no| n1400"]))
    assert len(chart.nodes) > 2_800
    assert time.perf_counter() - begun < 30


def test_a_start_that_leads_back_to_itself_is_found(load):
    chart, _ = load("flowchart TD\na[Hi?] -->|again| a\na -->|on| b[B]")
    assert chart.start == "a"


def test_turns_that_decide_nothing_are_planned_and_no_side_trip_stands_there(load, tmp_path):
    load("flowchart TD\na[Hi?] --> b[Name?] --> c[Age?] --> d{Ok?}\nd -->|yes| e\nd -->|no| c")
    chart = tmp_path / "own" / "flowchart.yaml"
    aside = "\nanywhere:\n  chat: {when: it chats, acts: [chat], say: Reply kindly.}\n"
    chart.write_text(chart.read_text("utf-8") + aside, "utf-8")
    write_phrases(tmp_path / "own")
    domain = read_domain(tmp_path / "own")
    path = sample_paths(domain.flowchart, 10, 7)[0]
    plan = plan_scenario(path, "test", domain, 7, 0).plan
    assert (plan["b"], plan["c"][0]) == ([["start"]], ["answer"])
    assert domain.asides == ["chat"]
    for number in range(40):
        said = talk_through(domain, path, number, "train")
        taken = plan_scenario(path, "train", domain, 7, number).plan
        assert taken["b"] == [["start"]]
        assert said.labels
