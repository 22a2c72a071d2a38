"""Off the procedure: what an agent makes of a customer who leaves it."""

import pytest

from workbench.conversation import Act, Label
from workbench.evaluate.off_procedure import TURNS, judge_turn, puts_again
from workbench.record import Record

PENDING = "Which offer shall it be?"


@pytest.fixture
def judge(travel):
    """Judges an answer at user_reaction, where offers lie before the customer."""

    def judged(acts, text="", at="user_reaction", **label):
        record = Record(travel.flowchart.slots)
        record.hear(Act("give", slot, "x") for slot in travel.flowchart.slots)
        acts = [Act.parse(act) for act in acts]
        record.hear(acts)
        return judge_turn(travel, at, record, acts, text, Label(**label))

    return judged


@pytest.mark.parametrize(
    ("text", "steps", "turn"),
    [
        ("Nice. Which offer shall it be?", ["anywhere.small_talk"], "answered"),
        (PENDING, [], "answered"),
        ("Here they are again.", ["present_options"], "answered"),
        ("Then I book it.", ["handle_response.option_selected"], "forced"),
        ("Nice. Then I book it.", ["anywhere.small_talk", "handle_response.leave"], "invented"),
        ("Good morning.", ["opening"], "invented"),
        ("I fly.", ["fly"], "invented"),
        ("I see.", [], "ignored"),
        ("What is the capital of France?", [], "ignored"),
        ("That is not for us.", ["anywhere.off_topic"], "ignored"),
    ],
)
def test_a_turn_is_one_of_four(judge, text, steps, turn):
    assert judge(["chat"], text, steps=steps) == turn
    assert turn in TURNS


def test_a_side_trip_beside_a_route_that_is_not_allowed_is_no_excuse(judge):
    steps = ["anywhere.takeover", "handle_response.option_selected", "finalize"]
    assert judge(["take_over"], steps=steps) == "forced"


def test_the_walk_may_go_on_beside_the_side_trip(judge):
    steps = ["anywhere.small_talk", "handle_response.option_selected", "finalize"]
    assert judge(["chat", "choose(lisbon_fado)"], steps=steps) == "answered"
    assert judge(["chat", "choose(lisbon_fado)"], steps=[*steps, "opening"]) == "invented"


@pytest.mark.parametrize(
    "acts", [["choose(lisbon_fado)"], ["ask(deposit)"], ["leave"], [], ["leave", "choose(x)"]]
)
def test_who_keeps_to_the_procedure_gives_no_occasion(judge, acts):
    assert judge(acts) == ""


def test_a_question_is_no_departure_wherever_it_is_put(judge, coffee_domain):
    assert judge(["ask(deposit)"], at="user_info") == ""
    record = Record(coffee_domain.flowchart.slots)
    acts = [Act("ask", "cup_price")]
    assert judge_turn(coffee_domain, "user_pay", record, acts, "", Label()) == ""


def test_an_act_that_no_route_allows_wants_the_pending_question_again(judge):
    assert judge(["confirm"], PENDING) == "answered"
    assert judge(["confirm"], "Done!", steps=["final_routing.confirmed"]) == "invented"
    assert judge(["confirm"], "Hm.") == "ignored"


def test_where_the_talk_stands_unknown_nothing_is_judged(judge):
    assert judge(["chat"], at="") == ""


def test_asking_for_what_is_open_is_the_pending_question(travel):
    record, acts = Record(travel.flowchart.slots), [Act("chat")]
    answer = (travel, "user_info", record, acts, "Tell me the dates.")
    assert judge_turn(*answer, Label(asks=["dates"])) == "answered"
    record.hear([Act("give", "dates", "May")])
    assert judge_turn(*answer, Label(asks=["dates"])) == "ignored"


def test_who_is_given_a_reason_to_go_on_may_go_on_without_a_word(judge):
    steps = ["handle_response.option_selected", "finalize"]
    assert judge(["take_over", "choose(lisbon_fado)"], steps=steps) == "answered"
    assert judge(["take_over"], steps=steps) == "forced"


def test_every_pending_question_in_the_book_is_heard(travel):
    for at in ("user_reaction", "user_confirm"):
        for wording in travel.agent.wordings(f"pending/{at}"):
            assert puts_again(f"I see. {wording.text}", at, travel)
    assert not puts_again("I see.", "user_reaction", travel)


def test_where_the_book_has_no_pending_question_any_question_counts(coffee_domain):
    assert "pending/user_order" not in coffee_domain.agent
    assert puts_again("So, what now?", "user_order", coffee_domain)
    assert not puts_again("So be it.", "user_order", coffee_domain)
