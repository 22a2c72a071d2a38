"""Facts: what a message states is found, and what is not so is found out."""

import pytest

from workbench.conversation import Act
from workbench.facts import FactCheck, find_quantities, offers_named
from workbench.record import Record


@pytest.fixture
def check(travel):
    """A talk with two people about Lisbon, up to 700 euros."""
    check = FactCheck(travel)
    check.hear_value("travellers", "2")
    check.hear_value("budget", "700")
    return check


@pytest.fixture
def record(travel):
    record = Record(travel.flowchart.slots)
    record.hear([Act("give", "destination", "Lisbon"), Act("give", "dates", "early June")])
    return record


@pytest.mark.parametrize(
    ("text", "quantities"),
    [
        ("1,240 euros for two people, 20 %", [("1240", "euro"), ("2", "person"), ("20", "%")]),
        ("€ 99 or 99€ or 99 Euros", [("99", "euro")] * 3),
        ("20% and 20 percent", [("20", "%")] * 2),
        ("one day, 1 night, 14 days.", [("1", "day"), ("1", "night"), ("14", "day")]),
        ("the first one, or two of them", []),
        ("up to 23 kg, 12.50 euros", [("23", "kg"), ("12.50", "euro")]),
        ("in 2027", [("2027", "")]),
    ],
)
def test_quantities_are_found_with_their_units(text, quantities):
    assert find_quantities(text) == quantities


def test_every_fact_is_found_in_its_own_sentence(domain):
    for fact in domain.facts.values():
        assert set(find_quantities(fact.spoken())) <= set(find_quantities(fact.text)), fact.text


def test_a_right_answer_has_no_problem(check, record):
    assert check.check_agent("A deposit of 20 % is due.", ["deposit"], record) == []


@pytest.mark.parametrize(
    ("text", "due", "problems"),
    [
        ("A deposit is due.", ["deposit"], ["deposit is missing"]),
        ("That is 25 %.", ["deposit"], ["deposit is missing", "25 % is no fact"]),
        ("That is 20 euros.", ["deposit"], ["deposit is missing", "20 euro is no fact"]),
        ("It is 440 euros.", [], ["440 euro is no fact"]),
        ("So Porto it is.", [], ["destination is not Porto"]),
        ("So Lisbon in late June.", [], ["dates is not late June"]),
        ("Take the Valley of Vines.", [], ["Valley of Vines is not on offer"]),
        ("The Fado and Custard Tarts for 2 people.", [], []),
        ("You said 700 euros.", [], []),
    ],
)
def test_what_is_not_so_is_found_out(check, record, text, due, problems):
    assert check.check_agent(text, due, record) == problems


TRAM, FADO = "Tram and Tiles Break", "Fado and Custard Tarts"
TWO_OFFERS = [f"lisbon_{o}.{field}" for o in ("tram", "fado") for field in ("price", "nights")]


@pytest.mark.parametrize(
    "text",
    [
        f"{TRAM}, 3 nights, 420 euros, or {FADO}, 5 nights, 610 euros.",
        f"For 420 euros and 3 nights the {TRAM}, for 610 euros and 5 nights the {FADO}.",
        f"For 420 euros and 3 nights the {TRAM}; the {FADO} takes 5 nights and 610 euros.",
        f"The {TRAM} and the {FADO} cost 420 and 610 euros, for 3 nights and 5 nights.",
        f"The {TRAM} and the {FADO}. The {FADO}: 5 nights, 610 euros, the {TRAM}: 3 nights, 420"
        " euros.",
    ],
)
def test_numbers_that_go_with_their_offers_are_right_in_any_order(check, record, text):
    assert check.check_agent(text, TWO_OFFERS, record) == []


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        (f"{TRAM}, 3 nights, 610 euros, or {FADO}, 5 nights, 420 euros.", 2),
        (f"{TRAM}, 5 nights, 610 euros, or {FADO}, 3 nights, 420 euros.", 4),
        (f"For 610 euros and 3 nights the {TRAM}, for 420 euros and 5 nights the {FADO}.", 2),
    ],
)
def test_numbers_of_another_offer_are_found_out(check, record, text, swapped):
    problems = check.check_agent(text, TWO_OFFERS, record)
    assert len(problems) == swapped
    assert all(problem.endswith("is another's") for problem in problems)


def test_what_a_customer_demands_is_not_so_for_that(travel, record):
    check = FactCheck(travel)
    check.hear_acts("I am told I get 50 % off.", [Act("take_over", "discount", "50 %")])
    check.hear_acts("We are 2.", [Act("give", "travellers", "2")])
    assert check.check_agent("Fine, 50 % off.", [], record) == ["50 % is no fact"]
    assert check.check_agent("A fee of 2 %.", [], record) == ["2 % is no fact"]
    assert check.check_agent("For 2 people.", [], record) == []
    # of what no list of values has, or could not be read, it is not known what it gave
    check.hear_acts("For 7 days, and up to 1,234 euros for us 2.", [Act("give", "travellers", "2")])
    assert check.check_agent("For 7 days and 1,234 euros.", [], record) == []


def test_a_fact_stated_before_may_be_repeated(check, record):
    check.check_agent("A deposit of 20 % is due.", ["deposit"], record)
    assert check.check_agent("As I said, 20 %.", [], record) == []


def test_every_wrong_answer_in_the_book_would_be_found(travel, check, record):
    for fact in travel.askable:
        for wording in travel.agent.wordings(f"answers/{fact}"):
            values = travel.fact_values() | {"value": "9999 euros"}
            text = wording.text.format_map(values)
            assert check.check_agent(text, [fact], record), text


def test_every_right_answer_in_the_book_is_accepted(domain, record):
    for fact in domain.askable:
        for wording in domain.agent.wordings(f"answers/{fact}"):
            values = domain.fact_values() | {"value": domain.facts[fact].spoken()}
            text = wording.text.format_map(values)
            assert FactCheck(domain).check_agent(text, [fact], record) == [], text


def test_offers_are_named_in_the_order_of_the_text(travel):
    text = "Either valley of vines or the Tram and Tiles Break."
    assert offers_named(text, travel) == ["porto_vines", "lisbon_tram"]


def test_a_misspoken_value_is_none_that_was_given(travel, record):
    check = FactCheck(travel)
    acts = [Act("misspeak", "travellers", "3"), Act("give", "travellers", "2")]
    check.hear_acts("Three people, no, sorry: 2 people.", acts)
    record.hear(acts)
    assert check.check_agent("For 2 people then.", [], record) == []
    assert check.check_agent("For 3 people then.", [], record) == ["3 person is no fact"]
    assert record.given["travellers"] == "2"


def test_a_number_that_was_so_before_stays_so_though_misspoken_later(travel, record):
    check = FactCheck(travel)
    check.check_agent("The discount starts at 6 people.", ["group_size"], record)
    acts = [Act("misspeak", "travellers", "6"), Act("give", "travellers", "4")]
    check.hear_acts("6 people, I mean 4 people", acts)
    assert check.check_agent("As I said, from 6 people on.", [], record) == []


@pytest.mark.parametrize(
    ("text", "restated"),
    [
        ("So Lisbon in early June, for 2 people.", [True, True, True]),
        ("So Porto in early June.", [False, True]),
        ("For 3 people, up to 700 euros.", [False, True]),
        ("For 77 people.", [False]),
        ("Up to 750 euros.", [False]),
        # a price is none of the customer's details, and an offer's name is no place
        ("The Fado and Custard Tarts is 610 euros.", []),
        ("What would you like?", []),
    ],
)
def test_restated_details_are_found_and_compared_with_the_record(check, record, text, restated):
    record.hear([Act("give", "travellers", "2"), Act("give", "budget", "700")])
    due = ["lisbon_fado.price"] if "Fado" in text else []
    check.check_agent(text, due, record)
    assert [is_so for *_, is_so in check.find_restated(text, record)] == restated


def test_what_the_customer_never_gave_cannot_be_restated(travel, record):
    record = type(record)(travel.flowchart.slots)
    check = FactCheck(travel)
    assert check.find_restated("Would Lisbon for 2 people do?", record) == []
