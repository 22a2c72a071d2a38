"""The procedure as a prompt: everything that the compiled model had to learn is in it."""

import re

import pytest
from conftest import COFFEE, edit

from workbench.domain import read_domain
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.train.base_model import load_tokenizer, resolve_base_model


@pytest.fixture(scope="module")
def prompt(domain):
    return write_procedure_prompt(domain)


def find_step(prompt, number):
    """A step's lines, those of its routes included."""
    found = re.search(rf"^{number}\. .*(?:\n   - .*)*", prompt, re.MULTILINE)
    return found.group() if found else ""


def test_its_first_line_is_what_every_other_condition_sees(prompt, domain):
    assert prompt.splitlines()[0] == domain.system_prompt()


def test_every_node_is_a_step_that_leads_where_the_flowchart_leads(prompt, domain):
    nodes = list(domain.flowchart.nodes.values())
    for number, node in enumerate(nodes, start=1):
        step = find_step(prompt, number)
        leads = [nodes[int(to) - 1].id for to in re.findall(r"Then step (\d+)\.", step)]
        assert leads == [route.to for route in node.routes.values()]
        assert (node.outcome or node.say) in step
    assert not find_step(prompt, len(nodes) + 1)


def test_every_route_stands_with_its_condition_and_what_it_cites(prompt, domain):
    for number, node in enumerate(domain.flowchart.nodes.values(), start=1):
        for name, route in node.routes.items():
            line = next(
                line for line in find_step(prompt, number).splitlines() if route.when in line
            )
            assert not name or route.say in line
            assert all(cited in line for cited in (*route.cites, *(() if name else node.cites)))


def test_who_speaks_is_said(prompt, domain):
    speakers = {"agent": "You: ", "user": "Customer: ", "end": "The conversation is over: "}
    for number, node in enumerate(domain.flowchart.nodes.values(), start=1):
        assert find_step(prompt, number).startswith(f"{number}. {speakers[node.role]}")


def test_all_facts_offers_and_side_trips_are_in_it(prompt, domain):
    lines = prompt.splitlines()
    assert all(any(fact.text in line for line in lines) for fact in domain.facts.values())
    for offer in domain.offers.values():
        own = next(line for line in lines if line.startswith(f"- {offer.value}:"))
        about = next(part for part in re.split("[:;] ", own) if part.startswith(f"{offer.name} ("))
        spoken = domain.offer_values(offer)
        assert all(spoken[name] in about for name in offer.fields())
    for trip in domain.flowchart.anywhere.values():
        assert f"- If {trip.when}: {trip.say}" in lines


def test_the_step_that_opens_is_named_wherever_it_stands(copy):
    edit(copy, "flowchart.yaml", "  served: {role: end, outcome: served}\n", "")
    edit(copy, "flowchart.yaml", "nodes:\n", "nodes:\n  served: {role: end, outcome: served}\n")
    prompt = write_procedure_prompt(read_domain(copy))
    assert "begin the conversation with step 2." in prompt
    assert "Then step 1." in find_step(prompt, 8)


def test_what_a_domain_has_none_of_is_said_to_be_none(coffee_domain):
    assert "Offers:\nnone\n" in write_procedure_prompt(coffee_domain)


def test_an_edit_of_the_flowchart_is_an_edit_of_the_prompt(copy):
    before = write_procedure_prompt(read_domain(COFFEE))
    edit(copy, "flowchart.yaml", "say: Hand over the coffee.", "say: Hand over the cup.")
    after = write_procedure_prompt(read_domain(copy))
    assert after == before.replace("Hand over the coffee.", "Hand over the cup.")


@pytest.mark.slow
def test_travel_s_prompt_leaves_room_for_the_talk(travel):
    tokenizer = load_tokenizer(resolve_base_model("smollm2").folder)
    n_tokens = len(tokenizer.encode(write_procedure_prompt(travel)))
    # SmolLM2 reads 8,192; a talk and its replies take less than 3,000
    assert 2000 < n_tokens < 4000
