import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import COFFEE
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from workbench.flowchart import (
    FlowchartError,
    check_flowchart,
    read_flowchart,
    write_schema,
)
from workbench.reading import Number, fit_model, read_yaml

ROOT = Path(__file__).parents[1]
TRAVEL = ROOT / "domains" / "travel_booking" / "flowchart.yaml"
TOY = (COFFEE / "flowchart.yaml").read_text(encoding="utf-8")
ENDS = TOY[TOY.index("  served:") : TOY.index("anywhere:")]
NO_ENDS = re.sub("role: end, outcome: .*}", "role: agent, say: Hm., next: user_pay}", ENDS)
TRAP = "role: agent, say: Hm., next: user_trap}\n  user_trap: {role: user, next: served"


def write(folder, content):
    file = Path(folder) / "toy.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def edit(old, new):
    assert TOY.count(old) >= 1, old
    return TOY.replace(old, new, 1)


# the YAML itself: (rule, content of the file, words of the message)
UNREADABLE = [
    ("empty", "", "the file is empty"),
    ("empty", "# nothing but a comment\n", "the file is empty"),
    ("empty", b"\xef\xbb\xbf", "the file is empty"),
    ("model_type", "hello", 'the file is "hello"; it must be a mapping of fields'),
    ("model_type", "[a, b]", "the file is a list"),
    ("missing", "{}", 'the file has no "nodes"; add it'),
    ("not_utf8", "name: x\ntitle: Café".encode("latin-1"), "line 2, column 11: byte 0xE9"),
    ("not_utf8", TOY.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
    ("binary", b"\x7fELF\0\0\1", "binary file"),
    ("too_big", b"#" * 4_000_001, "4,000,001 bytes; at most 4,000,000"),
    ("too_deep", "nodes: " + "[" * 5000, "deeper than 20"),
    ("yaml", "name: x\n\ttitle: y", "line 2, column 1: not YAML: a tab stands here"),
    ("yaml", "say: Greet: twice", "not YAML: a second colon on this line"),
    ("yaml", "say: 'never closed", "the quotes that open here are never closed"),
    ("yaml", "name: x\ntitle\nstart: y", "no colon"),
    ("yaml", "say: @home", "needs quotes"),
    ("yaml", "name: \x07", "not YAML"),
    ("yaml", 'name: "\\U00FFFFFF"', "not YAML"),
    ("half_character", 'name: "\\ud800"', "half a character"),
    ("two_documents", "name: x\n---\nname: y", "line 3, column 1: a second document"),
    ("key_not_text", "? [a, b]\n: c", "a key must be plain text"),
    ("alias", "a: &x [*x]", 'the alias "*x" is not read'),
    ("anchor", "a: &x 1", 'the anchor "&x" is not read'),
    ("merge_key", "a: {<<: {b: c}}", "merge keys"),
    ("tag", "a: !!python/object:os.system x", "tag"),
    ("duplicate_key", "name: x\nname: y", '"name" stands here a second time, first on line 1'),
]

# the toy with one edit: (rule, old text, new text, words of the message)
WRONG = [
    ("duplicate_key", "  user_details:\n", "  opening:\n", "first on line 11"),
    ("extra_forbidden", "say: Greet", "sya: Greet", 'unknown field "sya". Did you mean "say"?'),
    ("extra_forbidden", "slots:", "slotz:", 'Did you mean "slots"?'),
    ("extra_forbidden", "        when: drink", "        whne: drink", 'Did you mean "when"?'),
    ("missing", "    role: agent\n", "", 'nodes.opening has no "role"; add it'),
    ("missing", "start: opening\n", "", 'has no "start"'),
    ("missing", "        to: served\n", "", 'nodes.settle.routes.paid has no "to"'),
    ("literal_error", "role: agent", "role: agnet", 'agent, user, end. Did you mean "agent"?'),
    ("string_type", "next: settle", "next: [settle]", "user_pay.next is a list; it must be text"),
    ("string_type", "to: served", "to: [served]", "to is a list; it must be text"),
    ("tuple_type", "[leave]", "leave", 'acts is "leave"; it must be a list, e.g. [leave]'),
    ("dict_type", TOY[TOY.index("nodes:") :], "nodes:", "nodes is empty; it must be a mapping"),
    ("string_too_short", "{ask: Small or large?}", "{ask: }", "slots.size.ask is empty"),
    ("string_pattern_mismatch", "  left: {", "  Gauche: {", '"Gauche"; an id has a-z'),
    ("string_pattern_mismatch", "  left: {", "  lеft: {", "an id has a-z"),
    ("string_pattern_mismatch", "name: coffee", "name: ../x", "name is"),
    ("string_pattern_mismatch", "[confirm]", "[confirm(x)]", "acts.0 is"),
    ("unknown_target", "to: served", "to: servd", '"servd", which does not exist. Did you mean'),
    ("unknown_target", "next: settle", "next: zzz", 'leads to "zzz", which does not exist.'),
    ("unknown_start", "start: opening", "start: openin", 'Did you mean "opening"?'),
    ("start_not_agent", "start: opening", "start: user_order", "has the role user"),
    ("no_end", ENDS, NO_ENDS, "no node has the role end"),
    ("no_exit", "role: end, outcome: served", TRAP, 'reached from "served", "user_trap"'),
    ("unreachable", "to: served", "to: left", 'no walk from the start reaches "served"'),
    ("agent_loop", "next: user_pay", "next: take_order", 'loop of "take_order", "pay"'),
    ("self_loop", "next: user_order", "next: opening", '"opening" leads to itself'),
    ("user_after_user", "next: take_order", "next: user_pay", "another user node"),
    ("user_before_end", "next: settle", "next: left", 'leads to end "left"'),
    ("dead_end", "    next: user_order\n", "", 'agent node "opening" leads nowhere'),
    ("dead_end", "next: user_order", "next:", 'agent node "opening" leads nowhere'),
    ("next_and_routes", "    routes:", "    next: pay\n    routes:", 'both "next" and "routes"'),
    ("agent_without_say", "    say: Check drink and size.\n", "", 'has no "say"'),
    (
        "user_with_routes",
        "next: settle",
        "routes:\n      yes: {to: settle, when: a}\n      no: {to: pay, when: b}",
        "put the choice in the agent node after it",
    ),
    ("end_with_routes", "outcome: left", "outcome: left, next: pay", "leads on"),
    ("end_without_outcome", "role: end, outcome: left", "role: end", 'has no "outcome"'),
    ("end_speaks", "outcome: left", "outcome: left, say: Bye.", "is silent"),
    (
        "outcome_outside_end",
        "    next: user_pay",
        "    next: user_pay\n    outcome: x",
        "only ends",
    ),
    ("share_outside_end", "    next: user_pay", "    next: user_pay\n    share: 1", "only ends"),
    ("end_without_share", "outcome: left", "outcome: left, share: 5", '"served" has no share'),
    ("string_pattern_mismatch", "outcome: left", "outcome: left, phase: 1st", "phase"),
    ("greater_than_equal", "outcome: left", "outcome: left, share: -5", "share"),
    ("unknown_slot", "acts: [confirm]", "acts: [confirm]\n        for: {sizes: [x]}", '"size"?'),
    ("route_without_when", "        when: the customer pays\n", "", 'route "paid" of "settle"'),
    ("twin_when", "when: the customer pays", "when: The customer  changes the order", "same"),
    ("twin_acts", "acts: [slots_complete]", "acts: [leave]", '"leave" and "complete"'),
    ("unknown_fact", "cites: [cup_price]", "cites: [cup_prize]", 'Did you mean "cup_price"?'),
    ("reserved_id", "  left: {", "  slot: {role: end, outcome: x}\n  left: {", "rename it"),
    ("reserved_id", "  left: {", "  part: {role: end, outcome: x}\n  left: {", "rename it"),
]

SUSPECT = [
    ("shared_act", "acts: [slots_complete]", "acts: [slots_complete, leave]", '"leave" causes'),
    ("same_target", "to: served", "to: left", "as"),
    ("route_without_acts", "        acts: [confirm]\n", "", "nothing causes it"),
    ("unknown_act", "acts: [revise,", "acts: [revize,", 'Did you mean "revise"?'),
    ("unasked_slots", "acts: [slots_missing]", "acts: [unsure]", "nobody asks for the slots"),
    ("no_slots", TOY[TOY.index("slots:") : TOY.index("nodes:")], "", "there are no slots"),
    ("uncited_fact", "acts: [ask]", "acts: [chat]", 'no node cites the fact "opening_hours"'),
    ("odd_character", "Greet the", "Greet\u200b the", "U+200B ZERO WIDTH SPACE"),
    ("odd_character", "Greet the", "Greet \u202ethe", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("odd_character", "Greet the", "Grеet the", "mixes Cyrillic and Latin letters"),
    ("odd_character", "Greet the", "Ｇreet the", 'which looks like "G"'),
]


@pytest.mark.parametrize(
    ("rule", "content", "words"), UNREADABLE, ids=[case[0] for case in UNREADABLE]
)
def test_a_file_that_is_no_clean_yaml_is_refused_by_name(tmp_path, rule, content, words):
    file = write(tmp_path, content)
    with pytest.raises(FlowchartError, match=re.escape(words)) as refused:
        read_flowchart(file)
    assert rule in {problem.rule for problem in refused.value.problems}
    assert all("\n" not in problem.text for problem in refused.value.problems)


@pytest.mark.parametrize(("rule", "old", "new", "words"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_flowchart_is_refused_by_name(tmp_path, rule, old, new, words):
    file = write(tmp_path, edit(old, new))
    problems = check_flowchart(file, facts={"cup_price"})
    found = [problem for problem in problems if problem.rule == rule]
    assert found, problems
    assert found[0].level == "error"
    assert any(words in str(problem) for problem in found), found


@pytest.mark.parametrize(
    ("rule", "old", "new", "words"), SUSPECT, ids=[case[0] for case in SUSPECT]
)
def test_a_suspect_flowchart_is_read_with_a_warning(tmp_path, rule, old, new, words):
    file = write(tmp_path, edit(old, new))
    found = check_flowchart(file, facts={"cup_price", "opening_hours"})
    assert [p.level for p in found if p.rule == rule and words in p.text][:1] == ["warning"], found


def test_acts_that_a_state_or_a_detail_keeps_apart_are_not_shared(tmp_path):
    both = "acts: [leave, slots_missing]"
    text = edit("acts: [slots_missing]", both).replace("acts: [leave]", "acts: [leave, x]", 1)
    text = text.replace("acts: [slots_complete]", "acts: [leave, slots_complete]", 1)
    problems = check_flowchart(write(tmp_path, text))
    shared = [p.text for p in problems if p.rule == "shared_act"]
    assert not any('"complete" and "missing"' in text for text in shared)
    assert any('"leave" and "missing"' in text for text in shared), shared


def test_an_end_without_a_share_keeps_its_hash(tmp_path):
    before = read_flowchart(write(tmp_path, TOY)).element_hashes()
    text = edit("outcome: left", "outcome: left, share: 1")
    text = text.replace("outcome: served", "outcome: served, share: 3")
    chart = read_flowchart(write(tmp_path, text))
    changed = {name for name, found in chart.element_hashes().items() if found != before[name]}
    assert changed == {"left", "served"}
    assert chart.shares == {"served": 3, "left": 1}


def test_a_phase_is_read_and_changes_no_hash(tmp_path):
    before = read_flowchart(write(tmp_path, TOY))
    after = read_flowchart(write(tmp_path, edit("outcome: left", "outcome: left, phase: end_1")))
    assert before.phases == {}
    assert {phase: [n.id for n in own] for phase, own in after.phases.items()} == {
        "end_1": ["left"]
    }
    assert after.content_hash() == before.content_hash()
    assert after.element_hashes() == before.element_hashes()


def test_the_travel_flowchart_has_not_even_a_warning():
    data = read_yaml(TRAVEL.with_name("facts.yaml")).data
    assert check_flowchart(TRAVEL, facts=set(data["facts"])) == []


def test_all_errors_of_a_file_are_named_at_once_in_order_of_lines(tmp_path):
    content = (
        edit("to: served", "to: servd").replace("sya", "say").replace("next: settle", "nxt: x")
    )
    file = write(tmp_path, content.replace("start: opening", "start: openin"))
    with pytest.raises(FlowchartError) as refused:
        read_flowchart(file)
    rules = [problem.rule for problem in refused.value.problems]
    assert rules == ["unknown_start", "unknown_target", "extra_forbidden", "unknown_target"]
    assert len(str(refused.value).splitlines()) == 4


def test_a_message_gives_file_line_column_and_nearest_name(tmp_path):
    file = write(tmp_path, edit("to: served", "to: servd"))
    with pytest.raises(FlowchartError) as refused:
        read_flowchart(file)
    line = TOY[: TOY.index("to: served")].count("\n") + 1
    assert str(refused.value) == (
        f'{file}, line {line}, column 13: node "settle" leads to "servd", which does not exist. '
        'Did you mean "served"?'
    )


def test_an_error_of_the_yaml_is_not_blamed_on_the_flowchart(tmp_path):
    problems = check_flowchart(write(tmp_path, edit("say: Pay", "say: Pay: pay")))
    assert [problem.rule for problem in problems] == ["yaml"]


def test_a_message_carries_no_line_break_or_escape_of_the_file(tmp_path):
    problems = check_flowchart(write(tmp_path, edit("to: served", r'to: "a\nb\e[31m"')))
    assert r'leads to "a\nb\x1b[31m"' in str(next(p for p in problems if p.level == "error"))


def test_a_misspelt_target_does_not_make_its_node_unreachable(tmp_path):
    problems = check_flowchart(write(tmp_path, edit("to: served", "to: servd")))
    assert [problem.rule for problem in problems] == ["unknown_target"]


def test_a_missing_file_names_the_nearest_one(tmp_path):
    write(tmp_path, TOY)
    with pytest.raises(FlowchartError, match=r'tyo.yaml: .*Did you mean "toy.yaml"'):
        read_flowchart(tmp_path / "tyo.yaml")


@pytest.mark.parametrize("content", [TOY.replace("\n", "\r\n"), "\ufeff" + TOY, f"---\n{TOY}...\n"])
def test_line_ends_and_byte_order_marks_change_nothing(tmp_path, coffee, content):
    assert read_flowchart(write(tmp_path, content)) == coffee


def test_words_that_yaml_takes_for_values_stay_words(tmp_path):
    content = edit("      paid:", "      no:").replace("Pay, or think again.", "12:30")
    chart = read_flowchart(write(tmp_path, content.replace("outcome: served", "outcome: yes")))
    assert "no" in chart.nodes["settle"].routes
    assert chart.nodes["user_pay"].say == "12:30"
    assert chart.outcomes == ["yes", "left"]


def test_more_than_5000_nodes_are_refused(tmp_path):
    nodes = "".join(f"  n{i}: {{role: end, outcome: x}}\n" for i in range(5001))
    content = f"name: x\ntitle: X\nstart: n0\nnodes:\n{nodes}"
    assert [p.rule for p in check_flowchart(write(tmp_path, content))] == ["too_many_nodes"]


def test_a_chain_of_1500_nodes_is_read_in_seconds(tmp_path):
    roles = ["agent", "user"]
    nodes = [f"  n{i}: {{role: {roles[i % 2]}, say: S., next: n{i + 1}}}\n" for i in range(1499)]
    content = "name: x\ntitle: X\nstart: n0\nnodes:\n" + "".join(nodes)
    started = time.monotonic()
    chart = read_flowchart(write(tmp_path, content + "  n1499: {role: end, outcome: done}\n"))
    assert len(chart.graph()) == 1500
    assert time.monotonic() - started < 10


def test_steps_are_nodes_hub_routes_and_side_trips(coffee):
    assert coffee.steps == [
        *("opening", "take_order.missing", "take_order.complete", "take_order.leave", "pay"),
        *("settle.paid", "settle.changed", "settle.leave", "anywhere.question"),
    ]
    assert [hub.id for hub in coffee.hubs] == ["take_order", "settle"]
    assert coffee.outcomes == ["served", "left"]


def test_steps_follow_each_other_through_the_customer_and_directly(coffee):
    after_hub = {"take_order.missing", "take_order.complete", "take_order.leave"}
    assert coffee.first_steps() == {"opening"}
    assert coffee.next_steps("opening") == coffee.next_steps("settle.changed") == after_hub
    assert coffee.next_steps("take_order.complete") == {"pay"}
    assert coffee.next_steps("settle.paid") == coffee.next_steps("anywhere.question") == set()


def test_a_step_leads_to_a_node_and_may_have_an_outcome(coffee):
    assert coffee.step_target("take_order.missing") == "user_details"
    assert coffee.step_target("anywhere.question") == ""
    assert coffee.outcome_of("settle.paid") == "served"
    assert coffee.outcome_of("opening") == ""


@pytest.mark.parametrize("step", ["settle", "settle.payd", "user_pay", "served", "anywhere.x", ""])
def test_what_is_no_step_is_refused(coffee, step):
    with pytest.raises(ValueError, match=f'"{step}" is no step of "coffee"'):
        coffee.step_target(step)


def test_the_hash_is_of_content_not_of_layout(tmp_path, coffee):
    title, name = "title: Coffee order\n", "name: coffee\n"
    moved = edit(title, "").replace(name, f"{title}\n# moved\n{name}")
    changed = edit("Hand over the coffee.", "Hand over the tea.")
    assert read_flowchart(write(tmp_path, moved)).content_hash() == coffee.content_hash()
    assert read_flowchart(write(tmp_path, changed)).content_hash() != coffee.content_hash()


def test_an_edit_changes_the_hash_of_its_element_alone(tmp_path, coffee):
    edited = read_flowchart(write(tmp_path, edit("Hand over the coffee.", "Hand over the tea.")))
    before, after = coffee.element_hashes(), edited.element_hashes()
    assert {key for key in before if before[key] != after[key]} == {"settle.paid"}
    assert {"opening", "settle", "anywhere.question", "slot.size"} < set(before)


def test_the_schema_for_editors_is_current(tmp_path):
    write_schema(tmp_path / "schema.json")
    current = (ROOT / "domains" / "flowchart.schema.json").read_text(encoding="utf-8")
    assert (tmp_path / "schema.json").read_text(encoding="utf-8") == current


@pytest.mark.parametrize(("text", "number"), [("20", 20), ("-3", -3), ("7.5", 7.5), ("0", 0)])
def test_a_number_is_read_where_the_model_asks_for_one(text, number):
    assert TypeAdapter(Number).validate_python(text) == number


@pytest.mark.parametrize("text", ["1_000", "010", "1e3", "12:30", "nan", "yes", "", "٣", "1,5"])
def test_what_only_resembles_a_number_is_refused(text):
    with pytest.raises(ValidationError, match="digits and at most one point"):
        TypeAdapter(Number).validate_python(text)


def test_a_misfit_is_placed_in_the_file(tmp_path):
    located = read_yaml(write(tmp_path, "facts:\n  fee: {value: 1_000}\n"))
    _, problems = fit_model(located, dict[str, dict[str, Number]], ("facts",))
    assert [(p.line, p.column) for p in problems] == [(2, 16)]
    assert "facts.fee.value" in problems[0].text


@st.composite
def charts(draw):
    """Sound flowcharts: a row of hubs, each led back, on, or to an end."""
    count = draw(st.integers(1, 6))
    nodes = {"opening": {"role": "agent", "say": "Hello.", "next": "user0"}}
    for i in range(count):
        ahead = f"user{i + 1}" if i + 1 < count else "end0"
        back = draw(st.lists(st.integers(0, i), max_size=3, unique=True))
        goals = [ahead, "end1", *(f"user{j}" for j in back)]
        nodes[f"user{i}"] = {"role": "user", "say": "Well.", "next": f"hub{i}"}
        nodes[f"hub{i}"] = {"role": "agent", "say": "Look.", "routes": {}}
        for k, to in enumerate(goals):
            nodes[f"hub{i}"]["routes"][f"r{k}"] = {"to": to, "when": f"case {k}"}
    nodes |= {f"end{k}": {"role": "end", "outcome": f"o{k}"} for k in range(2)}
    return {"name": "toy", "title": "Toy", "start": "opening", "nodes": nodes}


def list_edges(data):
    for name, node in data["nodes"].items():
        if "next" in node:
            yield name, node["next"], ""
        for route, way in node.get("routes", {}).items():
            yield name, way["to"], route


def dump(data, folder):
    file = Path(folder) / "toy.yaml"
    YAML(typ="safe", pure=True).dump(data, file)
    return file


@settings(max_examples=40)
@given(charts())
def test_every_sound_flowchart_is_read_as_it_was_built(data):
    with TemporaryDirectory() as folder:
        chart = read_flowchart(dump(data, folder))
    assert sorted(chart.graph().edges(keys=True)) == sorted(list_edges(data))
    assert list(chart.nodes) == sorted(data["nodes"])


@settings(max_examples=40)
@given(charts(), st.randoms(use_true_random=False))
def test_a_wrong_target_anywhere_is_refused_on_its_line(data, random):
    name, _, route = random.choice(list(list_edges(data)))
    node = data["nodes"][name]
    way, field = (node["routes"][route], "to") if route else (node, "next")
    way[field] = "qqqq"
    with TemporaryDirectory() as folder:
        file = dump(data, folder)
        lines = file.read_text().splitlines()
        errors = [p for p in check_flowchart(file) if p.level == "error"]
    assert [(p.rule, f'node "{name}"' in p.text) for p in errors] == [("unknown_target", True)]
    assert lines[errors[0].line - 1][errors[0].column - 1 :].startswith("qqqq")


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_no_damage_to_a_file_is_a_traceback(random, count):
    content = list(TOY)
    for _ in range(count):
        at = random.randrange(len(content))
        content[at : at + random.randrange(8)] = random.choice(
            ["", "\n", "  ", "x", ": ", "[", '"']
        )
    with TemporaryDirectory() as folder:
        problems = check_flowchart(write(folder, "".join(content)))
    assert all(problem.text and "\n" not in str(problem) for problem in problems)
