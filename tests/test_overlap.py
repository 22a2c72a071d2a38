"""Overlap: repeated sentences, near-duplicates and leaks are found where they were planted."""

import re

import pytest

from workbench.conversation import Conversation, Label, Message
from workbench.inspect.overlap import (
    count_heard,
    find_leaks,
    find_near_duplicates,
    list_test_wordings,
    measure_variety,
)

TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"


def talk(name, *said, split="train", path="p1"):
    roles = ["assistant", "user"] * len(said)
    messages = [Message(role=r, content=c) for r, c in zip(roles, said, strict=False)]
    return Conversation(
        conversation_id=name,
        scenario_id=f"s-{name}",
        path_id=path,
        split=split,
        teacher="test",
        messages=messages,
        labels=[Label() for _ in messages],
    )


def test_variety_counts_whole_sentences_of_one_role():
    talks = [talk("a", "Hello. Where to?", "Hello."), talk("b", "Hello. How many?")]
    variety = measure_variety(talks, "assistant")
    assert (variety.n_sentences, variety.n_distinct, variety.distinct_share) == (4, 3, 0.75)
    assert variety.most_common[0] == ("Hello.", 2)


def test_no_conversations_have_no_variety():
    assert measure_variety([], "user").distinct_share == 0


@pytest.mark.parametrize(
    ("other", "is_near"),
    [
        (TEXT, True),
        (TEXT.upper(), True),
        (f"{TEXT} sixteen", True),
        (TEXT.replace("eight", "acht"), False),
        ("something else is said here", False),
    ],
)
def test_near_duplicates_share_most_of_their_word_triples(other, is_near):
    found = find_near_duplicates([talk("a", TEXT), talk("b", other)])
    assert found == ({"b": "a"} if is_near else {})


def test_the_first_of_many_twins_is_kept():
    found = find_near_duplicates([talk(name, TEXT) for name in "abcd"])
    assert found == {"b": "a", "c": "a", "d": "a"}


def test_what_is_heard_of_the_wordings_is_counted(coffee_domain):
    known = count_heard([], coffee_domain)
    assert all(heard == 0 < n for heard, n in known.values())
    wording = next(
        w
        for w in coffee_domain.customer.wordings("leave")
        if w.split == "train" and len(w.text) > 9
    )
    said = fill(wording.text, coffee_domain)
    counts = count_heard([talk("a", "Hello", f"Well, {said.lower()}")], coffee_domain)
    assert counts["leave"] == (1, known["leave"][1])
    shares = [heard / n for heard, n in counts.values()]
    assert shares == sorted(shares)
    # neither what the agent says counts, nor what is kept for validation
    for other in (talk("a", said), talk("a", "Hello", said, split="valid")):
        assert count_heard([other], coffee_domain)["leave"][0] == 0


def test_a_path_on_two_sides_is_a_leak(coffee_domain):
    sides = [talk("a", TEXT), talk("b", TEXT, split="valid")]
    assert find_leaks(sides, coffee_domain) == ["1 paths stand in training and in valid: p1"]
    sides[1].path_id = "p2"
    assert find_leaks(sides, coffee_domain) == []


def test_a_test_path_in_training_is_a_leak_though_tests_have_no_conversations(coffee_domain):
    (leak,) = find_leaks([talk("a", TEXT)], coffee_domain, test_paths=["p1", "p9"])
    assert leak == "1 paths stand in training and in test: p1"


def fill(wording, domain):
    """The wording as somebody may say it."""
    known = {slot: found.forms(found.values[0])[0] for slot, found in domain.slots.items()}
    known |= {"offer": next((offer.name for offer in domain.offers.values()), "")}
    known |= {"vague": next((v for t in domain.slots.values() for v in t.vague.train), "")}
    return re.sub(r"\{(\w+)\}", lambda match: known.get(match[1], "Some Words"), wording)


def test_every_test_wording_is_found_when_it_is_said_in_training(domain):
    for wording in list_test_wordings(domain):
        leaks = find_leaks([talk("a", f"Well. {fill(wording, domain).upper()}")], domain)
        assert f'the test wording "{wording}" is said in training' in leaks


def test_a_wording_whose_placeholders_hold_nothing_is_not_said(domain):
    wording = next(w for w in list_test_wordings(domain) if " {" in w)
    assert find_leaks([talk("a", wording[: wording.index("{")])], domain) == []


def test_a_form_of_a_value_that_is_kept_for_tests_is_a_leak(printer):
    assert "leaves every single page blank" in list_test_wordings(printer)
    leaks = find_leaks([talk("a", "It leaves every single page blank.")], printer)
    assert any("leaves every single page blank" in leak for leak in leaks)


def test_wordings_that_occur_by_chance_are_no_leaks(domain):
    runs = [re.split(r"\{\w+\}", wording) for wording in list_test_wordings(domain)]
    assert runs
    assert all(max(len(run.split()) for run in parts) >= 4 for parts in runs)


def test_a_value_in_the_form_on_record_is_one_too(travel):
    wording = next(w for w in list_test_wordings(travel) if "{travellers}" in w)
    value = travel.slots["travellers"].on_record("2")
    said = fill(wording.replace("{travellers}", value), travel)
    assert f'the test wording "{wording}" is said in training' in find_leaks(
        [talk("a", said)], travel
    )


def test_a_value_of_another_slot_makes_another_wording(travel):
    wording = next(w for w in list_test_wordings(travel) if "{travellers}" in w)
    other = wording.replace("{travellers}", "{dates}")
    assert find_leaks([talk("a", fill(other, travel))], travel) == []
