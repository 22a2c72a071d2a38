"""The recognizer's error is measured where the truth is certain, and only there."""

import pytest

from workbench.conversation import Conversation, Label, Message
from workbench.evaluate.reading_error import measure_recognizer, measure_recognizer_by_condition
from workbench.evaluate.simulation import Simulated
from workbench.recognizer import AgentRecognizer

LEAVE, PAY = "No problem at all, goodbye.", "That makes 3 euros, please."


def make_talk(condition, texts, true_labels=None):
    """A talk in which every message was taken for a goodbye, unless it was empty."""
    messages = [Message(role="assistant", content=text) for text in texts]
    read = [Label(steps=["settle.leave"] if text else []) for text in texts]
    own = {"scenario_id": "s", "path_id": "p", "conversation_id": condition}
    talk = Conversation(**own, split="test", teacher="", messages=messages, labels=read)
    return Simulated(
        **own, condition=condition, stratum="seen", conversation=talk, true_labels=true_labels
    )


@pytest.fixture
def measure(coffee_domain, word_encoder):
    def measure(*talks):
        return measure_recognizer_by_condition(talks, AgentRecognizer(coffee_domain), coffee_domain)

    return measure


def test_a_model_is_compared_where_its_words_are_the_book_s(measure):
    found = measure(make_talk("compiled", [LEAVE, PAY, "Who knows?", "Well, well."]))["compiled"]
    assert (found.parsed.mean, found.parsed.n) == (0.5, 4)
    assert (found.alike.mean, found.alike.n, found.alike.unscored) == (0.5, 2, 2)


def test_a_scripted_agent_is_compared_with_what_it_means(measure):
    truths = [Label(steps=["take_order.leave"]), Label(steps=["pay"])]
    found = measure(make_talk("walker", ["Any words", "at all"], truths))["walker"]
    assert found.parsed.mean == 1
    assert found.alike.mean == 0.5


def test_messages_in_which_nothing_is_heard_are_counted(measure):
    assert measure(make_talk("compiled", [LEAVE, "", PAY, ""]))["compiled"].empty.mean == 0.5


def test_conditions_are_measured_apart(measure):
    found = measure(make_talk("compiled", [LEAVE]), make_talk("floor/base", ["Hm."]))
    assert found["compiled"].alike.mean == 1
    assert found["floor/base"].alike.mean is None


def test_slots_asked_for_count_too(measure):
    truth = [Label(steps=["settle.leave"], asks=["size"])]
    assert measure(make_talk("walker", [LEAVE], truth))["walker"].alike.mean == 0


def test_the_one_figure_is_of_the_walker_on_true_labels(coffee_domain, word_encoder):
    talks = [
        make_talk(condition, [LEAVE], [Label(steps=[step])])
        for condition, step in (("walker/true_labels", "pay"), ("walker", "settle.leave"))
    ]
    assert measure_recognizer(talks, AgentRecognizer(coffee_domain)).mean == 0
