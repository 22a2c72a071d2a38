"""What a new model still says of a procedure that is no more."""

import shutil

import pytest
from conftest import COFFEE, edit
from scripted import make_run
from test_changes import rename

from workbench.conversation import Conversation, Message
from workbench.design.changes import compare_domains
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.stale import compare_values, find_stale, find_steps, find_values
from workbench.synthesize.scenarios import Scenario


def cut(file, start, end):
    """Take out of a file what stands from `start` to the next `end`."""
    text = file.read_text("utf-8")
    first = text.index(start)
    file.write_text(text[:first] + text[text.index(end, first) :].lstrip("\n"), "utf-8")


@pytest.fixture
def look(tmp_path, copy):
    """Finds what a model that follows `agent`'s domain says in a run of the edited domain."""

    def find(agent_folder, keeps_domain=True):
        older = make_run(tmp_path / "runs", "old", COFFEE, keeps_domain=keeps_domain)
        agent = Walker(read_domain(agent_folder), has_true_ears=True)
        new = make_run(tmp_path / "runs", "new", copy, agent)
        talks = new.read("simulated/compiled.jsonl", Simulated)
        tests = [s for s in new.read("scenarios.jsonl", Scenario) if s.split == "test"]
        return find_stale(new, older, read_domain(copy), talks, tests), talks

    return find


def test_an_old_price_is_found_in_every_conversation_that_states_it(look, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    stale, talks = look(COFFEE)
    priced = {t.conversation_id for t in talks if "3 euros" in str(t.conversation.messages)}
    assert priced
    assert {found.conversation_id for found in stale.facts} == priced
    assert {(found.part, found.said) for found in stale.facts} == {("cup_price", "3 euro")}
    assert stale.looked_for == ["cup_price: 3 euro"]
    assert (stale.untested, stale.shared, stale.routes) == ([], [], [])


def test_an_old_price_is_found_however_it_is_spelled(copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    changes = compare_domains(read_domain(COFFEE), read_domain(copy))
    stale = compare_values(changes).stale

    def find(text):
        return [found.said for found in find_values(say(text), changes, stale)]

    for text in ("3.00 euros", "€3.00", "three euros", "That makes 3.00.", "3 EUROS", "€ 3"):
        assert find(text) == ["3 euro"], text
    for text in ("30 euros", "3.50 euros", "4.00 euros", "€ 1,003.00"):
        assert find(text) == [], text


def test_a_price_that_is_but_spelled_otherwise_is_not_stale(copy):
    edit(copy, "facts.yaml", "value: 3", 'value: "3.00"')
    edit(copy, "facts.yaml", "costs 3 euros", "costs 3.00 euros")
    changes = compare_domains(read_domain(COFFEE), read_domain(copy))
    assert compare_values(changes).stale == {}


def test_a_model_that_states_the_new_price_has_nothing_old_in_it(look, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    stale, talks = look(copy)
    assert "4 euros" in str(talks)
    assert (stale.facts, stale.talks) == ([], len(talks))


def test_what_the_customer_said_first_is_not_the_agents_knowledge(look, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    edit(copy, "facts.yaml", "costs 3 euros", "costs 4 euros")
    stale, talks = look(COFFEE)
    talk = next(t for t in talks if t.conversation_id == stale.facts[0].conversation_id)
    changes = compare_domains(read_domain(COFFEE), read_domain(copy))
    values = compare_values(changes).stale
    user = next(m for m in talk.conversation.messages if m.role == "user")
    assert find_values(talk, changes, values)
    user.content += " It was 3 euros, I think."
    assert not find_values(talk, changes, values)


def test_a_value_that_is_anothers_today_is_said_not_to_be_told_apart(look, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    text = (copy / "facts.yaml").read_text("utf-8")
    (copy / "facts.yaml").write_text(
        text.replace("costs 3 euros", "costs 4 euros")
        + '  refill: {value: 3, unit: "euros", text: "A refill costs 3 euros."}\n',
        "utf-8",
    )
    stale, _ = look(COFFEE)
    assert (stale.facts, stale.shared) == ([], ["cup_price"])
    # and of the new fact no customer hears
    assert stale.untested == ["fact.refill"]


def test_a_step_that_is_no_more_is_found_where_the_model_still_takes_it(look, copy):
    cut(copy / "flowchart.yaml", "      changed:\n", "      leave:\n")
    cut(copy / "phrases/agent.yaml", "- steps: [settle.changed]", "\n- ")
    before = read_domain(COFFEE)
    stale, talks = look(copy)
    assert stale.looked_for == ["settle.changed"]
    assert (stale.routes, stale.read_share) == ([], 1.0)
    # a model that learnt it says it somewhere
    said = next(w.text for w in before.agent.wordings("settle.changed") if w.split == "test")
    talks[0].conversation.messages[-1].content = said
    # words that today's book has too are no sign of the older procedure, whatever a step is called
    assert find_steps(talks, compare_domains(before, before), {"settle.changed"})[0] == []
    found, _ = find_steps(talks, compare_domains(before, read_domain(copy)), {"settle.changed"})
    assert [(f.part, f.said, f.scenario_id) for f in found] == [
        ("settle.changed", said, talks[0].scenario_id)
    ]


def test_of_a_run_that_kept_no_copy_nothing_is_known(look, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    stale, _ = look(COFFEE, keeps_domain=False)
    assert "holds no copy of what its domain was" in stale.unknown
    assert not stale.facts


def test_of_a_run_of_the_same_files_nothing_need_be_known(look, copy):
    stale, _ = look(copy, keeps_domain=False)
    assert stale.is_same
    assert stale.unknown == ""


def test_offers_are_looked_for_by_name_and_number(tmp_path, travel):
    folder = shutil.copytree(travel.folder, tmp_path / "travel_booking")
    offer = next(iter(travel.offers.values()))
    price = next(iter(travel.offer_units))
    old = str(offer.fields()[price])
    edit(folder, "facts.yaml", f"{price}: {old}", f"{price}: 98765")
    edit(folder, "facts.yaml", offer.name, "Quite Another Thing")
    values = compare_values(compare_domains(travel, read_domain(folder)))
    names = {part for parts in values.stale.values() for part in parts} | {*values.shared}
    assert names == {f"{offer.id}.{price}", f"{offer.id}.name"}
    assert (offer.name, "name") in values.stale


def test_what_has_but_another_name_is_neither_gone_nor_untested(look, copy):
    for old, new in (("settle", "answer_it"), ("cup_price", "price_of_cup")):
        rename(copy, old, new)
    stale, _ = look(copy)
    assert (stale.looked_for, stale.shared, stale.untested) == ([], [], [])
    assert stale.read_share is None


def say(text):
    """A talk in which the agent says this."""
    talk = Conversation.model_construct(messages=[Message(role="assistant", content=text)])
    return Simulated.model_construct(conversation_id="talk", scenario_id="who", conversation=talk)


def test_a_name_of_today_that_holds_an_old_one_does_not_state_it(travel, tmp_path):
    folder = shutil.copytree(travel.folder, tmp_path / "travel_booking")
    offer = next(iter(travel.offers.values()))
    edit(folder, "facts.yaml", offer.name, f"{offer.name} by night")
    changes = compare_domains(travel, read_domain(folder))
    values = compare_values(changes).stale

    def find(text):
        return [found.said for found in find_values(say(text), changes, values)]

    assert find(f"There is {offer.name} by night.") == []
    assert find(f"There is {offer.name.lower()}, by day.") == [offer.name]
    assert find(f"There are {offer.name}s.") == []


def test_another_number_in_the_sentence_of_a_fact_is_looked_for_too(coffee_domain, copy):
    sentence = "A cup costs 3 euros"
    edit(copy, "facts.yaml", sentence, f"{sentence}, a refill within 30 minutes is free")
    before = read_domain(copy)
    edited = shutil.copytree(copy, copy.parent / "edited")
    edit(edited, "facts.yaml", "30 minutes", "20 minutes")
    values = compare_values(compare_domains(before, read_domain(edited)))
    assert (values.stale, values.shared) == ({("30", "minute"): ["cup_price"]}, [])
