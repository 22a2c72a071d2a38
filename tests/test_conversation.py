"""Conversations: acts are read back as they were written, and seeds mean the same everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.conversation import Act, Conversation, Label, Message, hash_text, seeded

words = st.text(alphabet="abcdefgh_ 0123456789.'éß", max_size=12)
kinds = st.text(alphabet="abcdefgh_", min_size=1, max_size=12)


@given(kinds, words.filter(bool), words)
def test_an_act_is_read_back_as_it_was_written(kind, target, value):
    act = Act(kind, target, value)
    assert Act.parse(str(act)) == act


def test_an_act_is_named_without_its_value():
    assert Act.parse("give(dates=early June)") == Act("give", "dates", "early June")
    assert Act("give", "dates", "early June").name == "give(dates)"
    assert Act.parse("leave").name == "leave"


@pytest.mark.parametrize("text", ["", "Give(dates)", "give(dates", "give dates", "give(a(b))"])
def test_what_is_no_act_is_refused(text):
    with pytest.raises(ValueError, match="is not an act such as"):
        Act.parse(text)


def test_a_hash_is_the_same_on_every_machine():
    assert hash_text("a", 1) == hash_text("a", "1") == "839e11a421"
    assert hash_text("a", 1) != hash_text("a1")


def test_a_seed_is_its_item_s_own():
    first = [seeded(7, "talk", "x").random() for _ in range(2)]
    assert first[0] == first[1]
    assert first[0] not in {seeded(*k).random() for k in [(8, "talk", "x"), (7, "talk", "y")]}


def test_a_conversation_survives_a_round_trip_through_json():
    label = Label(steps=["opening"], asks=["dates"], acts=["give(dates=May)"])
    messages = [Message(role="assistant", content="Grüß Gott — “hello” \u2028 …")]
    names = dict.fromkeys(["conversation_id", "scenario_id", "path_id", "teacher"], "x")
    talk = Conversation(**names, split="train", messages=messages, labels=[label])
    assert Conversation.model_validate_json(talk.model_dump_json()) == talk


def test_agent_labels_leave_out_the_customer_s():
    roles = {"system": [], "assistant": ["opening"], "user": []}
    messages = [Message(role=role, content="") for role in roles]
    labels = [Label(steps=steps) for steps in roles.values()]
    names = dict.fromkeys(["conversation_id", "scenario_id", "path_id", "teacher"], "x")
    talk = Conversation(**names, split="test", messages=messages, labels=labels)
    assert talk.agent_labels() == [Label(steps=["opening"])]
