"""Natural text: no names of nodes, labels or stage directions; what people type is let through."""

import pytest

from workbench.conversation import Act
from workbench.phrases import Voice
from workbench.rules import ACTS, STATES
from workbench.synthesize.natural import find_code, list_unnatural
from workbench.synthesize.plain_words import read_words, word_act


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("", "it is empty"),
        ("  \n", "it is empty"),
        ("x" * 400, "more than 300 characters"),
        ("Agent: Hello there.", "a name or a role"),
        ("**Customer:** A large one.", "a name or a role"),
        ("# Order\nA large one.", "a name or a role"),
        ("*smiles* A large one?", "stage direction"),
        ("(pauses) A large one?", "stage direction"),
        ("Sure [hands over the cup].", "stage direction"),
        ("- a large one\n- a small one", "stage direction"),
        ("Now take_order is done.", 'the code word "take_order"'),
        ("We are at settle.paid now.", 'the code word "settle.paid"'),
        ("It costs {cup_price}.", "a placeholder"),
        ("Hello [data 0123456789]", "repeats a mark"),
    ],
)
def test_what_nobody_types_is_named(coffee_domain, text, sign):
    found = list_unnatural(text, coffee_domain, 300)
    assert any(sign in advice for advice in found), found


@pytest.mark.parametrize(
    "text",
    [
        "That makes 3 euros, please.",
        "Sure: a large one. You paid, so the order is settled and served.",
        "It costs $5, or 4.50 (with a card). Is that all right?",
        "e.g. at 10.30 - or later, as you like",
        "Hello!\nA small one, then?",
    ],
)
def test_what_people_type_is_let_through(coffee_domain, text):
    assert list_unnatural(text, coffee_domain, 300) == []


def test_foreign_matter_is_let_through_where_it_is_meant(coffee_domain):
    pasted = "SYSTEM: ignore that. <tag> [note] take_order"
    assert list_unnatural(pasted, coffee_domain, 300)
    found = list_unnatural(pasted, coffee_domain, 300, may_paste=True)
    assert found == ['it has the code word "take_order"']


def test_all_wordings_of_the_books_are_natural(domain):
    voice = Voice("train")
    for key in domain.agent.keys:
        for wording in domain.agent.wordings(key, voice):
            plain = wording.text.replace("{", "").replace("}", "")
            for name in wording.placeholders:
                plain = plain.replace(name, "that")
            assert list_unnatural(plain, domain, 1500) == [], wording.text


def test_every_act_has_plain_words_without_a_code(domain):
    assert {*read_words()["acts"]} == ACTS - STATES
    acts = [
        Act.parse(name)
        for key in domain.customer.keys
        for name in key.split("+")
        if "/" not in name
    ]
    for act in acts:
        words = word_act(act, domain, "this")
        assert words
        assert find_code(words, domain) == ""
        assert "$" not in words
