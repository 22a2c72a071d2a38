"""Conditions side by side: bars, the talks behind them, two talks of one customer."""

import pytest
from test_pairs import ASK, GREET, LEAVE, SIZE, talk
from test_report import make_score
from test_show import EVIL, SCRIPT

from workbench.design.paths import sample_paths
from workbench.evaluate.pairs import pick_pairs
from workbench.evaluate.simulation import Simulated
from workbench.show.comparison import Comparison
from workbench.show.rows import SCRIPT as ROWS_JS
from workbench.synthesize.scenarios import plan_scenario

CONDITIONS = ("walker", "compiled", "floor/base")


def make_pair(scenario_id, own, other):
    """Scores of one customer who met two models; 1 is a right ending."""
    for condition, ending in (("compiled", own), ("floor/base", other)):
        score = make_score(scenario_id, ending, 1 - ending, condition, "seen")
        named = {"conversation_id": f"{condition}/{scenario_id}"}
        yield score.model_copy(update=named | {"wrong": {} if ending else {3: "asks again"}})


def plan_customers(domain):
    paths = sample_paths(domain.flowchart, 4, 3)
    return [plan_scenario(path, "test", domain, 7, n) for n, path in enumerate(paths)]


def score_customers(scenarios):
    """Four customers, two of whom met the base model, too; one was served wrongly by ours."""
    ids = [scenario.scenario_id for scenario in scenarios]
    both = [*make_pair(ids[0], 1, 0), *make_pair(ids[1], 0, 1)]
    rest = [next(make_pair(id_, 1, 0)) for id_ in ids[2:]]
    faulty = make_score(ids[0], 0, 9, "faulty/jump", "seen")
    hubs = {"take_order": [1, 2]}
    return [s.model_copy(update={"hubs": hubs}) for s in [*both, *rest, faulty]]


def compare_some(domain):
    """The toy domain's customers, compared."""
    scenarios = plan_customers(domain)
    scores = score_customers(scenarios)
    said = {"compiled": talk(GREET, ASK, SIZE), "floor/base": talk(GREET, ASK, LEAVE)}
    talks = {
        score.conversation_id: Simulated(
            **score.model_dump(include={*Simulated.model_fields} - {"conversation"}),
            conversation=said.get(score.condition, said["compiled"]),
        )
        for score in scores
    }
    return Comparison(domain, scores, talks, scenarios)


@pytest.fixture
def scenarios(coffee_domain):
    return plan_customers(coffee_domain)


@pytest.fixture
def scores(scenarios):
    return score_customers(scenarios)


@pytest.fixture
def comparison(coffee_domain):
    return compare_some(coffee_domain)


def test_there_is_a_bar_for_each_condition_that_is_no_instrument(comparison):
    assert [(row.group, row.name, row.value, row.n) for row in comparison.rows] == [
        ("seen", "compiled", 0.75, 4),
        ("seen", "floor/base", 0.5, 2),
    ]
    assert comparison.draw_bars().svg.count("data-row=") == 2


def test_bars_by_ending_and_by_hub_are_of_all_sorts_together(comparison, scenarios):
    by_ending = comparison.measure("ending_correct", "ending")
    assert {row.group for row in by_ending} == {s.endings[0] for s in scenarios}
    assert sum(row.n for row in by_ending if row.name == "compiled") == 4
    (own, other) = comparison.measure("ending_correct", "hub")
    assert (own.group, own.value, own.n, other.n) == ("take_order", 0.5, 8, 4)
    assert comparison.name == "branch_correct"


def test_a_measure_that_is_none_is_named_with_those_that_are(comparison):
    with pytest.raises(
        ValueError, match=r'no "beauty" by "customers"; measures are ending_correct'
    ):
        comparison.measure("beauty")


def test_behind_a_bar_are_its_conversations_those_that_went_wrong_first(comparison):
    found = comparison.choose(0)
    assert [score.measures["ending_correct"] for score in found] == [0, 1, 1, 1]
    assert {score.condition for score in comparison.choose(1)} == {"floor/base"}


def test_beside_a_conversation_stands_what_another_condition_said_to_that_customer(comparison):
    comparison.choose(0)
    assert comparison.beside == "floor/base"
    text = comparison.draw_talks().text
    assert "compiled, agent [take_order.missing] WRONG: asks again: Which size?" in text
    assert "floor/base, agent [take_order.leave]: Bye." in text
    assert "here they part" in text
    comparison.read(3)
    assert comparison.list_others() == []
    alone = comparison.draw_talks().text
    assert "No other condition met this customer." in alone
    assert "part" not in alone.split("customer.")[1]


def test_the_widgets_follow_bar_list_and_choices(comparison):
    comparison._build()
    made = comparison._widgets
    assert "✗" in made["list"].options[0][0]
    made["bars"].chosen = 1
    assert len(made["list"].options) == 2
    assert made["beside"].value == "compiled"
    assert "here they part: floor/base does take_order.leave" in made["talks"].value
    made["list"].value = 1
    assert comparison.shown.measures["ending_correct"] == 1
    made["by"].value = "hub"
    assert made["bars"].chosen == -1
    assert "take_order" in made["bars"].svg
    assert len(made["list"].options) == 4


def test_the_condition_beside_stays_where_the_next_customer_met_others_too(
    coffee_domain, comparison, scenarios
):
    met = [("a", "b"), ("a", "b", "c")]
    scores = [
        make_score(scenario.scenario_id, 1, 0, condition, "seen")
        for scenario, others in zip(scenarios[:2], met, strict=True)
        for condition in ("compiled", *others)
    ]
    said = next(iter(comparison.talks.values()))
    talks = dict.fromkeys((s.conversation_id for s in scores), said)
    several = Comparison(coffee_domain, scores, talks, scenarios)
    several._build()
    several._widgets["beside"].value = "b"
    several._widgets["list"].value = 1
    assert len(several._widgets["beside"].options) == 3
    assert several.beside == several._widgets["beside"].value == "b"


def test_without_widgets_the_bars_and_a_pair_stand_there(comparison):
    bundle = comparison._repr_mimebundle_()
    assert "data:image/svg+xml" in bundle["text/html"]
    assert "here they part" in bundle["text/html"]
    assert "floor/base: 0.50" in bundle["text/plain"]


def test_evil_words_stay_words(coffee_domain, scenarios):
    score = make_score(scenarios[0].scenario_id, 0, 2, EVIL, "seen")
    said = Simulated(
        **score.model_dump(include={"conversation_id", "scenario_id", "path_id", "condition"}),
        stratum="seen",
        conversation=talk((EVIL, [EVIL]), (EVIL, [])),
    )
    evil = Comparison(coffee_domain, [score], {score.conversation_id: said}, scenarios)
    evil._build()
    shown = evil._repr_mimebundle_()["text/html"] + evil._widgets["talks"].value
    assert SCRIPT not in shown + evil._widgets["bars"].svg


def test_the_script_fetches_nothing_and_writes_no_markup():
    script = ROWS_JS.read_text("utf-8")
    assert not [word for word in ("http", "fetch", "innerHTML", "eval") if word in script]


def test_pairs_that_tell_most_are_one_each_way_for_each_other_model(scores):
    pairs = pick_pairs(scores)
    assert [[s.measures["ending_correct"] for s in pair] for pair in pairs] == [[1, 0], [0, 1]]
    assert all(own.scenario_id == other.scenario_id for own, other in pairs)


def test_where_none_tells_more_the_first_whom_both_met_is_taken():
    alike = [*make_pair("a", 1, 1), *make_pair("b", 1, 1)]
    (pair,) = pick_pairs(alike)
    assert pair[1] == alike[1]
    assert pick_pairs(alike[:1]) == []


def test_a_talk_that_was_broken_off_is_not_shown_as_one_served_wrongly():
    own, broken = make_pair("a", 1, 0)
    broken = broken.model_copy(update={"measures": dict.fromkeys(broken.measures)})
    assert pick_pairs([own, broken]) == []
    later = [*make_pair("b", 1, 1)]
    assert pick_pairs([own, broken, *later]) == [tuple(later)]
