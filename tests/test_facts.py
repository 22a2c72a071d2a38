"""Facts: what a message states is found, and what is not so is found out."""

import shutil
from random import Random
from types import SimpleNamespace

import pytest
from conftest import PRINTER, edit

from workbench.conversation import Act
from workbench.domain import read_domain
from workbench.evaluate.faults import FaultyAgent
from workbench.facts import FactCheck, find_invented, find_stated, offers_named
from workbench.phrases import Voice
from workbench.quantities import find_quantities
from workbench.record import Record
from workbench.templates import TemplateReader


@pytest.fixture
def toy(tmp_path):
    """A copy of the domain whose facts are names, to change."""
    return shutil.copytree(PRINTER, tmp_path / "printer")


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
        ("up to 23 kg, 12.50 euros", [("23", "kg"), ("12.5", "euro")]),
        ("120.00 euros, € 1,200.00, 120.00", [("120", "euro"), ("1200", "euro"), ("120", "")]),
        ("version 1.20 or 1.0", [("1.20", ""), ("1.0", "")]),
        ("in 2027", [("2027", "")]),
        ("error 0xA00F4244", [("0xa00f4244", "")]),
    ],
)
def test_quantities_are_found_with_their_units(text, quantities, travel):
    assert find_quantities(text, travel.units) == quantities


def test_units_are_those_of_the_domain_too(travel, toy):
    assert find_quantities("2 nights") == [("2", "")]
    assert find_quantities("two friends", travel.units) == [("2", "person")]
    units = read_domain(edit(toy, "facts.yaml", 'unit: "hours"', 'unit: "Mbps"')).units
    assert find_quantities("1.2 Mbps, 600 kbps", units) == [("1.2", "mbp"), ("600", "")]


def test_every_fact_is_found_in_its_own_sentence(domain, printer):
    for own in (domain, printer):
        for fact in own.facts.values():
            (stated,) = find_stated(fact.spoken(), own)
            assert stated in find_stated(fact.text, own), fact.text


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


@pytest.fixture
def striped(printer):
    """Of one whose Inkwell prints stripes."""
    record = printer.open_record()
    record.hear([Act("give", "printer", "Inkwell"), Act("give", "problem", "prints stripes")])
    return record


@pytest.mark.parametrize("way", [" > ", ">", " → ", ", then ", " and then ", ", and then "])
def test_a_way_through_menus_may_be_said_in_several_ways(way, printer, striped):
    text = f"Choose Tools{way}Clean Heads."
    assert FactCheck(printer).check_agent(text, ["clean_ink"], striped) == []


@pytest.mark.parametrize(
    ("text", "due", "problems"),
    [
        ("Clean the heads.", ["clean_ink"], ["clean_ink is missing"]),
        ("Use tools > clean heads.", ["clean_ink"], ["clean_ink is missing", "Use tools > clean"]),
        ("Choose Tools > Align.", ["clean_ink"], ["clean_ink is missing", "Tools > Align is no"]),
        ("Choose Tools > Clean Heads or Tools > Align.", ["clean_ink"], ["Tools > Align is no"]),
        ("Press Wake.", [], ["Wake is no fact"]),
        ("They are not awake. You waken it.", [], []),
        ("Choose Tools > Scrub Heads.", [], ["Choose Tools > Scrub Heads is no fact"]),
        ("Choose Tools > Clean Heads > Twice.", ["clean_ink"], ["… > Twice is no fact"]),
        ('Press "Scrub".', [], ["Scrub is no fact"]),
        ("Press “Scrub”.", [], ["Scrub is no fact"]),
        ('Open "Tools", then "Tools > Clean Heads".', ["clean_ink"], []),
        ("Take version 4.2.1.", ["driver"], []),
        ("Take version 4.2.2.", ["driver"], ["driver is missing", "4.2 is no fact"]),
        ("Take version 4.2.1.7.", ["driver"], ["driver is missing", "4.2 is no fact"]),
        ("The grey lever is on the left.", ["lever"], []),
        ("Error code 77 means a worn drum.", ["code_77"], []),
        ("Error code 78 means a worn drum.", ["code_77"], ["78 is no fact"]),
        ("So the code is 0xBAD.", [], ["0xbad is no fact"]),
    ],
)
def test_wrong_names_are_found_out(text, due, problems, printer, striped):
    found = FactCheck(printer).check_agent(text, due, striped)
    assert len(found) == len(problems), found
    assert all(words in own for words, own in zip(problems, found, strict=True)), found


def test_what_the_customer_says_is_no_invention(printer, striped):
    check = FactCheck(printer)
    check.hear_acts('It says "Scrub" under Extras > Care, or Wake.', [])
    assert check.check_agent('You see "Scrub", and Wake.', [], striped) == []


def test_a_name_stated_before_may_be_repeated(printer, striped):
    check = FactCheck(printer)
    check.check_agent("Press Wake.", ["wake"], striped)
    assert check.check_agent("As I said, Wake.", [], striped) == []


def test_names_within_the_names_of_facts_are_no_details(toy, striped):
    domain = read_domain(edit(toy, "facts.yaml", "the grey lever", "Inkwell or Laseron"))
    text = "The drum comes out by Inkwell or Laseron."
    assert FactCheck(domain).check_agent(text, ["lever"], striped) == []


def test_a_domain_without_names_does_not_mind_quotes(check, record):
    assert check.check_agent('Say "yes" > and go.', [], record) == []


def test_the_agent_that_states_wrong_facts_swaps_names(printer, striped):
    agent = FaultyAgent(printer, Voice("test"), Random(1), "wrong_number")
    agent.chance, agent.at = 1.0, "user_issue"
    text, label = agent.reply(striped, [])
    assert (agent.planted, label.facts) == (1, ["clean_ink"])
    found = FactCheck(printer).check_agent(text, label.facts, striped)
    assert "clean_ink is missing" in found
    assert len(found) == 2
    # it is said in the same words, so it is read as the same step
    assert TemplateReader(printer).read(text).steps == label.steps


def test_masking_hides_which_name_it_was(printer):
    masked = {printer.mask(f"You press {name} now.") for name in printer.names}
    assert len(masked) == 1
    assert printer.mask(min(masked)) == min(masked)


def test_a_very_long_message_is_looked_through_at_once():
    domain = SimpleNamespace(
        names={"Tools > Align": ""}, said_forms={}, offers={}, split_names=lambda text: ([], text)
    )
    # looked at anew from each place of it, this would take minutes
    text = "Go to Menu > Page. " + "and so on and so on " * 10_000 + ", Edit → Undo"
    assert find_invented(text, domain) == ["Go to Menu > Page", "Edit → Undo"]
