"""What has changed between two states of a domain."""

import re
import shutil

import pytest
from conftest import COFFEE, DOMAINS, edit
from edits import Files, add_question

from workbench.conversation import Label
from workbench.design import renames
from workbench.design.changes import compare_domains
from workbench.design.sayings import Saying
from workbench.domain import read_domain


def compare(coffee_domain, copy):
    return compare_domains(coffee_domain, read_domain(copy))


def kinds(changes):
    return {(change.kind, change.what, change.name) for change in changes.listed}


def rename(folder, old, new):
    """The name replaced in all files wherever it is one, and not a word of a sentence."""
    name = re.compile(rf"(^ *|: |[\[{{(]|, |\w\.){old}(?=:|$|[\]}})]|, |\.\w)", re.M)
    for file in folder.rglob("*.yaml"):
        file.write_text(name.sub(rf"\g<1>{new}", file.read_text("utf-8")), "utf-8")
    return folder


def test_a_domain_is_what_it_is(domain):
    changes = compare_domains(domain, domain)
    assert not changes
    assert not changes.touched


def test_comments_and_the_order_of_things_are_no_change(coffee_domain, copy):
    file = copy / "flowchart.yaml"
    end = "  left: {role: end, outcome: left}\n"
    text = file.read_text().replace(end, "").replace("nodes:\n", f"# a comment\nnodes:\n{end}")
    file.write_text(text)
    assert next(iter(read_domain(copy).flowchart.nodes)) == "left"
    assert not compare(coffee_domain, copy)


def test_a_changed_fact_is_shown_with_both_values(coffee_domain, copy):
    (change,) = compare(coffee_domain, edit(copy, "facts.yaml", "value: 3", "value: 4")).listed
    assert (change.kind, change.what, change.name) == ("changed", "fact", "cup_price")
    assert (change.before, change.after) == ("value: 3", "value: 4")


def make_edited(folder, old, new):
    """A copy of the toy domain in which a node is renamed, and what two say is reworded."""
    rename(shutil.copytree(COFFEE, folder), old, new)
    edit(folder, "flowchart.yaml", "say: Greet the customer", "say: Welcome the customer")
    return edit(folder, "flowchart.yaml", "say: Accept the change.", "say: Put it down.")


@pytest.mark.parametrize("name", ["start", "title", "share", "fact", "offer"])
@pytest.mark.parametrize("old", ["opening", "settle"])
def test_a_node_may_be_called_as_another_part_is(tmp_path, name, old):
    before = read_domain(rename(shutil.copytree(COFFEE, tmp_path / "before"), old, name))
    changes = compare_domains(before, read_domain(make_edited(tmp_path / "after", old, name)))
    own = {key: re.sub(rf"^{old}\b", name, key) for key in ("opening", "settle.changed")}
    assert changes.touched == {*own.values()}
    assert [change.what for change in changes.listed] == ["node", "route"]
    # and where it has another name today
    today = read_domain(make_edited(tmp_path / "renamed", old, "other"))
    changes = compare_domains(before, today)
    assert changes.renames.nodes == {name: "other"}
    assert changes.touched == {*own.values()}
    assert {"pay", "other.paid" if old == "settle" else "settle.paid"} <= changes.kept


def test_a_reworded_node_is_touched_and_no_other(coffee_domain, copy):
    edit(copy, "flowchart.yaml", "Say the price and ask for it.", "Name the price.")
    changes = compare(coffee_domain, copy)
    assert kinds(changes) == {("reworded", "node", "pay")}
    assert changes.touched == {"pay"}


def test_a_route_that_leads_elsewhere_is_rewired(coffee_domain, copy):
    edit(copy, "flowchart.yaml", "        to: take_order\n", "        to: user_details\n")
    changes = compare(coffee_domain, copy)
    assert kinds(changes) == {("rewired", "route", "settle.changed")}
    assert changes.touched == {"settle.changed"}


@pytest.mark.parametrize("old", ["user_details", "pay", "take_order", "served", "opening"])
def test_a_renamed_node_is_recognized_and_touches_nothing(coffee_domain, copy, old):
    rename(copy, old, "other_name")
    if old == "served":
        # the name of the end's outcome is another one
        edit(copy, "flowchart.yaml", "outcome: other_name", "outcome: served")
    changes = compare(coffee_domain, copy)
    assert kinds(changes) == {("renamed", "node", "other_name")}
    assert (changes.renames.nodes, changes.touched) == ({old: "other_name"}, frozenset())
    assert (changes.unsaid, changes.added_nodes, changes.removed_nodes) == ([], set(), set())


def test_neighbours_that_are_both_renamed_are_recognized(coffee_domain, copy):
    changes = compare(coffee_domain, rename(rename(copy, "pay", "till"), "user_pay", "user_till"))
    assert changes.renames.nodes == {"pay": "till", "user_pay": "user_till"}
    assert not changes.touched


def test_nodes_that_say_what_they_said_need_not_be_compared(coffee_domain, copy, monkeypatch):
    monkeypatch.setattr(renames, "SequenceMatcher", None)
    nodes = [*coffee_domain.flowchart.nodes]
    for old in nodes:
        rename(copy, old, f"new_{old}")
    for name in ("served", "left"):
        edit(copy, "flowchart.yaml", f"outcome: new_{name}", f"outcome: {name}")
    changes = compare(coffee_domain, copy)
    assert changes.renames.nodes == {old: f"new_{old}" for old in nodes}
    assert not changes.touched


def test_a_node_that_is_renamed_and_reworded_is_both(coffee_domain, copy):
    edit(copy, "flowchart.yaml", "say: Say the price and ask for it.", "say: Say the price kindly.")
    changes = compare(coffee_domain, rename(copy, "pay", "till"))
    assert kinds(changes) == {("renamed", "node", "till"), ("reworded", "node", "till")}
    assert changes.touched == {"pay"}


def test_renamed_routes_facts_and_personas_are_recognized(coffee_domain, copy):
    for old, new in (
        ("complete", "all_known"),
        ("cup_price", "price_of_cup"),
        ("student", "pupil"),
    ):
        rename(copy, old, new)
    changes = compare(coffee_domain, copy)
    assert kinds(changes) == {
        ("renamed", "fact", "price_of_cup"),
        ("renamed", "route", "take_order.all_known"),
        ("renamed", "persona", "pupil"),
    }
    assert (changes.touched, changes.unsaid) == (frozenset(), [])
    assert changes.renames.act("ask(cup_price)") == "ask(price_of_cup)"
    assert changes.renames.part("fact.cup_price") == "fact.price_of_cup"


def test_a_node_that_goes_while_an_unlike_one_comes_is_no_rename(coffee_domain, copy):
    chart = copy / "flowchart.yaml"
    text = re.sub(r"\bserved\b", "tasted", chart.read_text())
    chart.write_text(text.replace("outcome: tasted", "outcome: tasted_only"))
    changes = compare(coffee_domain, copy)
    assert (changes.added_nodes, changes.removed_nodes) == ({"tasted"}, {"served"})
    assert {"served", "settle.paid"} <= changes.touched


def test_wordings_that_go_and_come_stand_by_their_key(coffee_domain, copy):
    edit(copy, "phrases/agent.yaml", "Hello. Ready to order?", "Hey. Do you want to order?")
    changes = compare(coffee_domain, copy)
    (change,) = changes.listed
    assert (change.kind, change.what, change.name) == ("reworded", "wordings", "agent: opening")
    assert (change.before, change.after) == (
        '"Hello. Ready to order?"',
        '"Hey. Do you want to order?"',
    )
    assert [saying.text for saying in changes.unsaid] == ["Hello. Ready to order?"]


def test_a_wording_that_tests_get_is_gone_from_training(coffee_domain, copy):
    wording = '    - "Hello. Ready to order?"\n'
    edit(copy, "phrases/agent.yaml", wording, "")
    edit(copy, "phrases/agent.yaml", "  test:\n", f"  test:\n{wording}")
    changes = compare(coffee_domain, copy)
    assert [saying.text for saying in changes.unsaid] == ["Hello. Ready to order?"]


def test_a_saying_is_found_where_it_is_due_and_nowhere_else():
    saying = Saying("assistant", "pay", "That makes {cup_price}, please.")
    text = "Of course. that makes 3 euros, please."
    assert saying.is_in("assistant", text, Label(steps=["settle.changed", "pay"]))
    assert not saying.is_in("user", text, Label(steps=["pay"]))
    assert not saying.is_in("assistant", text, Label(steps=["opening"]))
    assert not saying.is_in("assistant", "That makes sense.", Label(steps=["pay"]))
    asked = Saying("user", "ask(cup_price)+leave", "How much?")
    assert asked.is_in("user", "how much?", Label(acts=["ask(cup_price)", "leave"]))
    assert not asked.is_in("user", "how much?", Label(acts=["ask(cup_price)"]))


def test_a_new_question_of_travel_is_new_nodes_and_a_rewired_route(travel, tmp_path):
    folder = shutil.copytree(DOMAINS / "travel_booking", tmp_path / "travel_booking")
    add_question(Files(folder))
    changes = compare_domains(travel, read_domain(folder))
    assert changes.added_nodes == {"ask_cover", "user_cover", "note_cover"}
    assert changes.touched == {"assess.info_complete"}
    assert changes.unsaid == []
