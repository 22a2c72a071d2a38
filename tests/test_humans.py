"""People and procedures: an invented tool library whose talks a reader can check by hand."""

import json
import random

import pytest

from workbench.conformance import Aligner
from workbench.design.plain_chart import read_chart
from workbench.evaluate.answers import Answers
from workbench.evaluate.dialogues import Dialogue, read_dialogues
from workbench.evaluate.human_walks import HumanAligner, Rules, Walks, list_rules
from workbench.evaluate.humans import VARIABLE, find_cases, measure_dialogues, measure_humans
from workbench.reading import ReadingError
from workbench.run import RunError

CHART = """\
name: tool_library
source: invented for this test
start: greet
nodes:
  greet: {kind: say, labels: [hello]}
  details: {kind: ask, slots: [tool, days], labels: [ask_tool, ask_days]}
  look_up: {kind: act}
  is_free: {kind: decide}
  purpose: {kind: ask, slots: [purpose], labels: [ask_purpose]}
  lent: {kind: end, outcome: handed_out, labels: [confirm]}
  taken: {kind: end, labels: [regret]}
edges:
  - {from: greet, to: details, when: null}
  - {from: details, to: look_up, when: both are known}
  - {from: look_up, to: is_free, when: null}
  - {from: is_free, to: purpose, when: it is free}
  - {from: is_free, to: taken, when: it is not}
  - {from: purpose, to: lent, when: null}
anywhere: {bye: Till next time.}
"""
LENT = ["hello", "ask_tool", "ask_days", "ask_purpose", "confirm"]
RULES = list_rules()
TELLS = "I must drill holes in a shelf."


def talk(*said, id=0, happy=True):
    """A dialogue: labels of the agent's turns, None for its own words, and "user: words"."""
    turns = [
        ["user", label[6:], None] if label and label.startswith("user: ") else ["agent", "…", label]
        for label in said
    ]
    return Dialogue(id=id, happy=happy, turns=turns)


@pytest.fixture
def chart_file(tmp_path):
    file = tmp_path / "tool_library.yaml"
    file.write_text(CHART)
    return file


@pytest.fixture
def chart(chart_file):
    return read_chart(chart_file)


@pytest.fixture
def others():
    """Two customers who were asked for the purpose."""
    replies = ["I want to drill holes for a shelf", "To drill some holes into a wall"]
    return [talk("ask_purpose", f"user: {reply}", id=i + 1) for i, reply in enumerate(replies)]


def cost(chart, dialogue, rules, others=()):
    return HumanAligner(chart, [dialogue, *others]).align(dialogue, rules).cost


def test_a_walk_to_the_letter_is_clean_under_all_rules(chart):
    for said in (LENT, [*LENT[:3], "regret"]):
        assert {cost(chart, talk(*said), rules) for rules in RULES.values()} == {0}


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ([*LENT, "bye"], "+ side trips"),
        ([*LENT[:2], None, *LENT[2:]], "+ side trips"),
        (["hello", "ask_days", "ask_tool", *LENT[3:]], "+ any order"),
        (["hello", "ask_days", *LENT[3:]], "+ any order"),
        ([f"user: {TELLS}", *LENT[:3], "confirm"], "+ already answered"),
        (LENT[1:], "+ skipped beginning"),
        (["hello", "ask_tool", "user: What?", *LENT[1:]], "+ asked again"),
        ([*LENT, "ask_tool", "regret"], "+ talk after end"),
    ],
)
def test_each_rule_forgives_what_it_says_and_those_before_it_do_not(chart, others, said, rule):
    clean = [name for name, rules in RULES.items() if not cost(chart, talk(*said), rules, others)]
    assert clean == list(RULES)[list(RULES).index(rule) :]


@pytest.mark.parametrize(
    ("said", "at_least"),
    [
        # nothing collected; a label that the chart lacks; no ending; the purpose never told
        (["hello", "ask_purpose", "confirm"], 1),
        ([*LENT[:4], "apologize", "confirm"], 1),
        (LENT[:4], 1),
        ([*LENT[:3], "user: I will not say", "confirm"], 1),
        ([*LENT[:3], "confirm", f"user: {TELLS}"], 1),
        # asked again although it was given
        ([*LENT[:4], f"user: {TELLS}", "ask_purpose", "confirm"], 1),
        # an ending too early is put right by going on
        (["confirm", *LENT], 1),
    ],
)
def test_what_no_rule_forgives_costs_under_the_most_generous(chart, others, said, at_least):
    assert cost(chart, talk(*said), list(RULES.values())[-1], others) == at_least


def test_rules_are_switched_one_by_one(chart):
    said = talk(*LENT[1:], "bye")
    assert cost(chart, said, Rules(skipped_beginning=True)) == 1
    assert cost(chart, said, Rules(side_trips=True)) == 1
    assert cost(chart, said, Rules(side_trips=True, skipped_beginning=True)) == 0


def test_forgiving_more_never_costs_more(chart, others):
    rng = random.Random(3)
    said = [*LENT, "regret", "bye", None, "apologize", f"user: {TELLS}", "user: What?"]
    for _ in range(200):
        dialogue = talk(*rng.choices(said, k=rng.randrange(9)))
        costs = [cost(chart, dialogue, rules, others) for rules in RULES.values()]
        assert costs == sorted(costs, reverse=True), dialogue


def test_every_walk_that_rules_allow_is_clean(chart):
    rng = random.Random(3)
    for rules in RULES.values():
        walks = Walks(chart, rules, {"purpose"} if rules.already_answered else ())
        for _ in range(20):
            ahead, walk = walks.first_steps(), []
            while ahead:
                walk.append(rng.choice(sorted(ahead)))
                ahead = walks.next_steps(walk[-1])
            assert walks.outcome_of(walk[-1]) in {"handed_out", "taken"}
            assert Aligner(walks).align(walk).cost == 0


def test_a_label_beside_a_sentence_of_anywhere_is_a_side_trip_unless_it_is_a_step(chart):
    turns = [("agent", "Till  next time.", label) for label in ("closing_3", "confirm")]
    said = Dialogue(id=0, happy=True, turns=turns)
    assert HumanAligner(chart, [said]).side_trips == {None, "bye", "closing_3"}


def test_an_answer_is_known_from_two_other_customers(chart, others):
    given = Answers(chart, others).given
    assert given(TELLS, but=0) == {"purpose"}
    # one of the two is the customer's own; the words are other ones
    assert given(TELLS, but=1) == set()
    assert given("I want to borrow a tool for a day", but=0) == set()


@pytest.mark.parametrize(
    ("replies", "given"),
    [
        (["12", "07", "99"], {"days"}),
        (["123", "456"], set()),
        (["not 12", "no 34"], set()),
        (["tool 12", "tool 34"], set()),
    ],
)
def test_a_number_is_known_by_its_shape_and_not_from_a_refusal_or_another_slot(
    chart, replies, given
):
    talks = [talk("ask_days", f"user: {reply}", id=i + 1) for i, reply in enumerate(replies)]
    assert Answers(chart, talks).given("tool for 31", but=0) == given


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("to: lent,", "to: lend,", r'line 18, column 25: there is no node "lend".*mean "lent"'),
        ("start: greet", "start: great", r'line 3, column 8: there is no node "great".*"greet"'),
        ("kind: act", "kind: ackt", r'line 7, .*must be one of .*Did you mean "act"'),
        ("[tool, days]", "[tool]", r'line 6, .*"details" has 1 slots and 2 labels'),
        ("  - {from: purpose, to: lent, when: null}\n", "", r'"purpose" reaches no end; add'),
        ("from: purpose, to: lent", "from: lent, to: taken", r'"lent" is an end and has ways on'),
        ("source:", "sauce:", r'unknown field "sauce". Did you mean "source"'),
    ],
)
def test_a_malformed_chart_is_refused_with_its_place(chart_file, old, new, message):
    assert old in CHART
    chart_file.write_text(CHART.replace(old, new, 1))
    with pytest.raises(ReadingError, match=message):
        read_chart(chart_file)


@pytest.mark.parametrize(
    "line", ['{"id": 2', '{"id": 2, "happy": true, "turns": [["agnet", "", null]]}']
)
def test_a_malformed_dialogue_is_refused_with_its_line(tmp_path, line):
    file = tmp_path / "tool_library_dialogues.jsonl"
    file.write_text(f"{talk(*LENT).model_dump_json()}\n{line}\n{{}}\n")
    with pytest.raises(RunError, match=r"tool_library_dialogues.jsonl, line 2"):
        read_dialogues(file)


def test_people_are_measured_by_rules_and_in_parts(chart):
    short = [*LENT[:3], "user: Why? For how long", "user: hm", "regret"]
    found = measure_dialogues(
        chart, [talk("user: Hi?", *LENT), talk(*LENT[1:], None), talk(*short, happy=False)]
    )
    by_rule = {entry["rule"]: entry for entry in found["rules"]}
    assert [by_rule[rule]["share"] for rule in ("none", "+ skipped beginning")] == [2 / 3, 1]
    strict = by_rule["none"]
    assert [strict[part]["n"] for part in ("happy", "unhappy", "labelled")] == [2, 1, 2]
    assert (strict["happy"]["share"], strict["labelled"]["share"]) == (0.5, 1)
    assert strict["low"] < 2 / 3 < strict["high"] < 1
    assert strict["fitness"] == pytest.approx((1 + 3 / 5 + 1) / 3)
    assert {name: end["share"] for name, end in found["endings"].items()} == {
        "handed_out": pytest.approx(2 / 3),
        "taken": pytest.approx(1 / 3),
        "none": 0,
    }
    assert found["skipped_first_step"] == pytest.approx(1 / 3)
    assert found["unlabelled_turns"]["share"] == pytest.approx(1 / 14)
    assert found["words_per_turn"] == [1, 1, pytest.approx(3.4)]
    assert found["asks"] == {"turns": 0.5, "dialogues": pytest.approx(1 / 3)}
    assert json.loads(json.dumps(found)) == found


def test_the_last_ending_told_is_the_one_reached(chart):
    endings = measure_dialogues(chart, [talk(*LENT, "regret"), talk("hello")])["endings"]
    assert [end["share"] for end in endings.values()] == [0, 0.5, 0.5]


def test_a_folder_is_measured_and_one_without_dialogues_is_refused(chart_file):
    folder = chart_file.parent
    with pytest.raises(ValueError, match=r"has no <name>\.yaml beside"):
        measure_humans(folder)
    file = folder / "tool_library_dialogues.jsonl"
    file.touch()
    with pytest.raises(ValueError, match="has no dialogue; add one"):
        measure_humans(folder)
    file.write_text(talk(*LENT).model_dump_json() + "\n")
    assert measure_humans(folder)["source"] == "invented for this test"


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert find_cases() is None
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert find_cases() == tmp_path
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="nowhere, which is no folder"):
        find_cases()


@pytest.mark.skipif(find_cases() is None, reason=f"{VARIABLE} names no folder of outside dialogues")
def test_people_are_not_wholly_conformant_but_mostly_with_generous_rules():
    assert [read_chart(file).name for file in find_cases().glob("*.yaml")]
    found = measure_humans(find_cases())
    shares = [entry["share"] for entry in found["rules"]]
    assert shares == sorted(shares)
    assert shares[0] < 0.1 < 0.5 < shares[-1] < 1
    assert sum(end["share"] for end in found["endings"].values()) == pytest.approx(1)
