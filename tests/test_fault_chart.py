"""Where conversations went wrong: counted by place, drawn by condition, listed behind a node."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import DOMAINS
from test_pairs import ASK, GREET, LEAVE, SIZE, talk
from test_report import make_score
from test_show import EVIL, SCRIPT

from workbench.conversation import Conversation
from workbench.evaluate import metrics, reader
from workbench.evaluate.metrics import MEASURES
from workbench.evaluate.places import KINDS, locate_faults, name_faults
from workbench.evaluate.simulation import Simulated
from workbench.flowchart import read_flowchart
from workbench.show.fault_chart import FaultChart, describe, name_places
from workbench.show.flow import Faults, draw_flowchart
from workbench.show.nodes import SCRIPT as NODES_JS
from workbench.show.palette import HEAT

FAULTS = {
    ("compiled", "seen", 0): ["branch: take_order.missing", "missing: pay"],
    ("compiled", "seen", 1): ["facts: pay", "facts: pay", "reasked: take_order.complete"],
    ("compiled", "unseen", 2): [],
    ("compiled", "unseen", 3): ["ending: nothing recognized", "extra: anywhere.question"],
    ("floor/base", "seen", 0): ["branch: take_order.leave|settle.leave"],
    ("faulty/jump", "seen", 1): ["extra: pay"],
    ("walker", "seen", 0): [],
}


def score_some():
    """Scores of nine talks; one of the base model was broken off."""
    for (condition, stratum, number), faults in FAULTS.items():
        ending = 0 if number in (0, 3) else 1
        score = make_score(f"s{number}", ending, 0, condition, stratum)
        wrong = {1: "went wrong"} if faults else {}
        named = {"conversation_id": f"{condition}/{number}", "faults": faults, "wrong": wrong}
        yield score.model_copy(update=named)
    broken = make_score("s9", 0, 0, "floor/base", "seen")
    yield broken.model_copy(update={"measures": dict.fromkeys(MEASURES)})


def hold(score, conversation: Conversation) -> Simulated:
    names = ("conversation_id", "scenario_id", "path_id", "condition")
    return Simulated(
        **score.model_dump(include={*names}), stratum="seen", conversation=conversation
    )


def chart_some(domain) -> FaultChart:
    """The toy domain's faults."""
    said = {"compiled": talk(GREET, ASK, SIZE), "floor/base": talk(GREET, ASK, LEAVE)}
    scores = [*score_some()]
    talks = {s.conversation_id: hold(s, said.get(s.condition, talk(GREET))) for s in scores}
    return FaultChart(domain.flowchart, scores, talks)


def chart_large() -> FaultChart:
    """The largest chart there is, each of its steps left out once."""
    charts = map(read_flowchart, DOMAINS.glob("*/flowchart.yaml"))
    large = max(charts, key=lambda flowchart: len(flowchart.nodes))
    faults = [f"missing: {step}" for step in large.steps if not step.startswith("anywhere.")]
    score = make_score("a", 0).model_copy(update={"faults": faults})
    chart = FaultChart(large, [score], {"a": hold(score, talk(GREET))})
    chart._build()
    return chart


@pytest.fixture
def chart(coffee_domain):
    return chart_some(coffee_domain)


def count(located):
    return {place: len(found) for place, found in located.by_place.items()}


def test_a_conversation_stands_once_at_each_node_and_step_where_it_went_wrong():
    located = locate_faults(score_some(), "compiled")
    assert count(located) == {
        **{"take_order": 2, "pay": 2, "take_order.missing": 1, "take_order.complete": 1},
        **{"nothing recognized": 1, "anywhere": 1, "anywhere.question": 1},
    }
    assert (len(located.found), located.n_scored) == (3, 4)


def test_of_labels_that_cannot_be_told_apart_each_has_the_fault():
    located = locate_faults(score_some(), "floor/base")
    assert {*located.by_place} == {"take_order", "take_order.leave", "settle", "settle.leave"}


def test_a_kind_of_fault_and_a_sort_of_customers_can_be_asked_for():
    assert count(locate_faults(score_some(), "compiled", kind="facts")) == {"pay": 1}
    unseen = locate_faults(score_some(), "compiled", "unseen")
    assert (len(unseen.found), unseen.n_scored) == (1, 2)
    assert "pay" not in unseen.by_place


def test_a_talk_that_was_broken_off_is_told_and_not_counted():
    located = locate_faults(score_some(), "floor/base")
    assert (located.n_scored, located.n_broken) == (1, 1)
    assert describe(located).endswith("1 conversations; 1 more were broken off and are not scored")


def test_the_worst_stand_first_and_say_what_is_wrong_at_the_place(chart):
    assert [score.scenario_id for score in chart.find("pay")] == ["s0", "s1"]
    first, second = chart.find("take_order")
    assert name_faults(first, place="take_order") == ["wrong branch"]
    assert name_faults(second) == ["wrong facts at pay", "asks again at take_order.complete"]


def test_a_fault_of_an_unknown_kind_keeps_its_name():
    score = make_score("a", 0).model_copy(update={"faults": ["odd: pay"]})
    assert name_faults(score) == ["odd at pay"]


def test_conditions_begin_with_the_compiled_model_and_have_no_instruments(chart):
    assert chart.conditions == ["compiled", "floor/base", "walker"]


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        (("paid",), "compiled, floor/base, walker"),
        (("compiled", "old"), "all, seen, unseen"),
        (("compiled", "all", "rude"), "branch, extra"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(chart, asked, there):
    with pytest.raises(ValueError, match=f'there is no "{asked[-1]}"; there are {there}'):
        chart.choose(*asked)


def test_counts_are_words_at_nodes_routes_and_hubs(chart):
    words = " ".join(ElementTree.fromstring(chart.draw().svg).itertext())
    assert words.count("2 wrong") == 2
    assert words.count("1 wrong") == 2
    assert "any, 5, 20, 50 % of 4 conversations went wrong there" in words
    outline = chart.draw().text.split("\n")
    assert "take_order (hub, 2 wrong)" in outline
    assert "  missing -> user_details (1 wrong)" in outline
    assert "nothing recognized: 1 wrong" in outline


@pytest.mark.parametrize(("n", "level"), [(1, 0), (5, 1), (20, 2), (50, 3), (100, 3)])
def test_a_colour_is_a_share_of_all_conversations_whatever_else_went_wrong(coffee, n, level):
    svg = draw_flowchart(coffee, faults=Faults({"pay": n}, 100)).svg.upper()
    assert [colour in svg for colour in HEAT] == [n == level for n in range(len(HEAT))]
    # thicker with each colour, so that they are told apart without any
    assert f'STROKE-WIDTH="{2 + level}"' in svg


def test_the_widgets_follow_a_click_a_place_and_what_is_chosen(chart):
    chart._build()
    made = chart._widgets
    assert made["chart"].names["pay"] == "pay: 2 went wrong"
    assert len(made["list"].options) == 3
    made["chart"].chosen = "pay"
    assert made["place"].value == chart.place == "pay"
    assert [name for name, _ in made["list"].options] == [
        "seen s0: step left out", "seen s1: wrong facts",
    ]  # fmt: skip
    made["list"].value = 1
    assert "customer s1, ends in nothing: wrong facts at pay" in made["talk"].value
    made["place"].value = "take_order.missing"
    assert (made["chart"].chosen, chart.place) == ("", "take_order.missing")
    made["chart"].chosen = "take_order"
    assert chart.place == "take_order"
    made["place"].value = "anywhere"
    assert (made["chart"].chosen, chart.place) == ("", "anywhere")
    made["condition"].value = "floor/base"
    assert (made["place"].value, {*made["chart"].names}) == ("", {"take_order", "settle"})
    assert "floor/base, all customers: something wrong in 1 of 1" in made["said"].value
    made["kind"].value = "facts"
    assert made["list"].options == ()
    assert "No conversation went wrong here." in made["talk"].value


def test_where_nothing_went_wrong_the_chart_is_as_it_is(chart, coffee):
    located = chart.choose("walker", "seen")
    assert name_places(located) == ""
    assert chart.draw() == draw_flowchart(coffee)
    assert describe(chart.choose("walker", "unseen")) == "walker, unseen customers: they never met"


def test_without_widgets_there_are_views_to_switch_between_and_the_first_is_open(chart):
    bundle = chart._repr_mimebundle_()
    views = re.findall(r'data-view="([^"]+)"( open)?', bundle["text/html"])
    assert views == [
        *[("compiled", " open"), ("compiled, seen", ""), ("compiled, unseen", "")],
        *[("floor/base", ""), ("walker", "")],
    ]
    assert bundle["text/plain"].count("hubs") == 1
    assert "floor/base, all customers: something wrong in 1 of 1" in bundle["text/plain"]


def test_a_still_has_a_fold_for_each_view_and_no_script(chart):
    still = chart.still
    assert still.html.count("<svg ") == still.html.count("<details") == 5
    assert still.html.count("<details open") == 1
    assert "<script" not in still.html
    assert "compiled, all customers: something wrong in 3 of 4 conversations" in still.html
    assert "By place: take_order 2, pay 2," in still.html


def test_nothing_evaluated_is_not_measured(coffee):
    none = FaultChart(coffee, [], {})
    none._build()
    assert none.still.text == "not measured"
    assert "not measured" in none._repr_mimebundle_()["text/html"]


def test_every_agent_node_of_the_largest_chart_can_be_chosen():
    chart = chart_large()
    nodes, drawn = chart.flowchart.nodes, chart._widgets["chart"]
    assert {*drawn.names} == {node.id for node in nodes.values() if node.role == "agent"}
    assert drawn.svg.count('class="node"') == len(nodes) > 50
    assert f"and {len(chart.located.by_place) - 12} places more." in chart.still.text


def test_evil_words_stay_words(coffee):
    score = make_score(EVIL, 0, 0, EVIL, EVIL)
    score = score.model_copy(update={"faults": [f"{EVIL}: {EVIL}"], "ending": EVIL})
    evil = FaultChart(coffee, [score], {EVIL: hold(score, talk((EVIL, [EVIL]), (EVIL, [])))})
    evil._build()
    shown = [evil.still.html, evil._repr_mimebundle_()["text/html"]]
    shown += [evil._widgets[name].value for name in ("said", "talk")]
    assert not [one for one in shown if SCRIPT in one or "\u202e" in one]


def test_the_script_fetches_nothing_and_writes_no_markup():
    script = NODES_JS.read_text("utf-8")
    assert not [word for word in ("http", "fetch", "innerHTML", "eval(") if word in script]


def test_every_kind_of_fault_that_the_scoring_notes_has_a_name():
    code = "".join(Path(module.__file__).read_text("utf-8") for module in (reader, metrics))
    noted = {*re.findall(r'\.note\([^"]*, "(\w+)"', code)}
    assert noted | {"extra", "missing"} == {*KINDS}
