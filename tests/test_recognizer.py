"""The recognizer: it reads words, never labels, and says so when it cannot."""

from copy import copy
from random import Random

import numpy as np
import pytest

from workbench.conversation import Label, Message
from workbench.design.paths import enumerate_paths
from workbench.phrases import Voice
from workbench.recognizer import (
    AgentRecognizer,
    Classifier,
    CustomerRecognizer,
    split_pairs,
)
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.teacher import PhraseBookAgent
from workbench.synthesize.writing import write_practice, write_talk

SHARED = "take_order.leave|settle.leave"


@pytest.fixture(scope="module")
def practice(coffee_domain):
    paths = enumerate_paths(coffee_domain.flowchart)
    plans = [plan_scenario(p, "train", coffee_domain, 7, i) for p in paths for i in range(6)]
    return write_practice(coffee_domain, plans, 7)


@pytest.fixture
def agent(coffee_domain, practice, word_encoder):
    return AgentRecognizer(coffee_domain).learn(practice)


@pytest.fixture
def customer(coffee_domain, practice, word_encoder):
    return CustomerRecognizer(coffee_domain).learn(practice)


def test_a_classifier_of_one_class_is_sure():
    classifier = Classifier().fit(np.ones((3, 2)), [("a",)] * 3)
    assert classifier.chances(np.zeros((2, 2))).tolist() == [[1.0], [1.0]]


def test_chances_are_of_the_sets_seen_and_add_up():
    classifier = Classifier().fit(np.eye(3), [("a",), (), ("a", "b")])
    assert classifier.sets == [(), ("a",), ("a", "b")]
    assert classifier.chances(np.eye(3)).sum(1) == pytest.approx(1)


def test_what_it_learnt_it_reads(agent, practice):
    texts, labels = split_pairs("assistant", practice)
    read = [agent.expected(label) for label in agent.label(texts)]
    wanted = [agent.expected(label) for label in labels]
    wrong = sum(r["steps"] != w["steps"] for r, w in zip(read, wanted, strict=True))
    assert wrong / len(texts) < 0.05


def test_texts_are_read_apart_as_they_are_together_and_each_by_itself(agent, practice, monkeypatch):
    texts = list(dict.fromkeys(split_pairs("assistant", practice)[0]))[:30]
    together = agent.label(texts)
    batches, label = [], agent.label
    monkeypatch.setattr(agent, "label", lambda batch: batches.append(batch) or label(batch))
    assert agent.label_apart(texts) == together
    assert batches == [[text] for text in texts]
    # what was read together is not taken for what is read apart
    assert set(agent._known_apart) == set(texts)


def test_of_messages_without_end_only_so_many_are_remembered(agent, monkeypatch):
    monkeypatch.setattr("workbench.recognizer.MOST_KNOWN", 3)
    for read in (agent.label, agent.label_apart):
        for number in range(20):
            assert len(read([f"Never mind, until another {number} days."])) == 1
    assert max(len(agent._known), len(agent._known_apart)) <= 3


def test_steps_that_cannot_be_told_apart_are_joined(agent):
    assert agent.label(["Never mind, until another day."])[0].steps == [SHARED]
    assert agent.expected(Label(steps=["settle.leave"]))["steps"] == (SHARED,)


def test_several_steps_of_a_message_come_in_the_flowchart_s_order(agent):
    text = "No trouble, I change that for you. Noted: a small latte. That will be 3 euros."
    assert agent.label([text])[0].steps == ["settle.changed", "take_order.complete", "pay"]


def test_slots_asked_for_are_heard_clause_by_clause(agent):
    hear = "Please tell me which drink you would like and which size you would like."
    assert agent.label([hear])[0].asks == ["drink", "size"]
    assert agent.label(["Could you tell me how big the cup shall be?"])[0].asks == ["size"]


def test_only_a_message_that_asks_for_slots_asks_for_slots(agent):
    assert agent.label(["The bill is 3 euros."])[0].asks == []


def test_the_same_text_is_read_the_same_whatever_it_stands_beside(agent, practice):
    texts = split_pairs("assistant", practice)[0][:20]
    together = agent.label(texts)
    agent._known.clear()
    assert [agent.label([text])[0] for text in texts] == together
    assert agent.read([]) == agent.contradicts([], []) == []


def test_names_and_numbers_do_not_matter(agent):
    one, other = (f"That makes {n} euros, please." for n in (3, 450))
    assert (agent.vectors([one]) == agent.vectors([other])).all()


def test_a_label_that_the_words_speak_against_is_contradicted(agent):
    text, wrong = "Never mind, until another day.", Label(steps=["settle.paid"])
    (against,) = agent.contradicts([text], [agent.expected(wrong)])
    assert against["steps"].labels == (SHARED,)
    right = agent.expected(Label(steps=["settle.leave"]))
    assert agent.contradicts([text], [right]) == [{}]


def test_what_was_taught_in_other_words_than_the_book_s_is_read_as_a_whole(
    coffee_domain, practice, word_encoder
):
    talks = [talk.model_copy(deep=True) for talk in practice]
    for message in (message for talk in talks for message in talk.messages):
        message.content = message.content.upper()
    agent = AgentRecognizer(coffee_domain).learn(talks)
    assert agent.tagger.labels == []
    assert agent.label(["THAT WILL BE 3 EUROS."])[0].steps == ["pay"]


def test_a_message_of_no_words_is_none(agent):
    assert agent.label(["…"])[0].steps == []


def test_acts_are_read_without_their_values(customer):
    label = Label(acts=["give(drink=mocha)", "revise(size=large)", "choose(x)"])
    assert customer.expected(label) == {"acts": ("choose", "revise(size)")}
    (reading,) = customer.read(["Leave it, I have to go."])
    assert reading["acts"].labels == ("leave",)


class NotedAdaptation:
    """Notes what an encoder would learn, and gives another one back."""

    def adapt(self, encoder, sentences, tags):
        self.learnt = dict(zip(sentences, tags, strict=True))
        self.encoder = copy(encoder)
        return self.encoder


def test_sentences_heard_for_one_act_alone_teach_the_customer_s_encoder(
    coffee_domain, practice, word_encoder
):
    said = {
        "A mocha. Right away.": ["give(drink=mocha)"],
        "Yes, do it. Right away.": ["confirm"],
        "No, bye.": ["leave"],
        "How much? Who are you?": ["ask(cup_price)", "chat"],
        "A latte. I will pay.": ["give(drink=latte)", "confirm"],
    }
    messages = [Message(role="user", content=text) for text in said]
    labels = [Label(acts=acts) for acts in said.values()]
    talk = practice[0].model_copy(update={"messages": messages, "labels": labels})
    noted = NotedAdaptation()
    reader = CustomerRecognizer(coffee_domain, noted).learn([talk])
    drink = coffee_domain.mask("A mocha.")
    assert noted.learnt == {drink: "", "Yes, do it.": "confirm", "No, bye.": "leave"}
    assert reader.encoder is noted.encoder is not word_encoder


def test_pairs_are_of_one_role_and_in_order(practice):
    texts, labels = split_pairs("user", practice)
    said = [message.content for talk in practice for message in talk.messages]
    roles = [message.role for talk in practice for message in talk.messages]
    assert texts == [text for text, role in zip(said, roles, strict=True) if role == "user"]
    assert len(labels) == len(texts)
    assert all(label.acts and not label.steps for label in labels)


@pytest.mark.slow
def test_travel_s_unseen_wordings_are_read_with_few_errors(travel):
    paths = enumerate_paths(travel.flowchart)
    plans = [plan_scenario(p, "train", travel, 7, i) for p in paths for i in range(2)]
    voice = Voice("train", fold=0)
    speakers = [PhraseBookAgent(travel, voice, Random(s.seed)) for s in plans]
    heard = [
        write_talk(s, travel, 0, s.seed, agent) for s, agent in zip(plans, speakers, strict=True)
    ]
    others = [talk for fold in (1, 2) for talk in write_practice(travel, plans, 7, fold)]
    agent = AgentRecognizer(travel).learn(others)
    texts, labels = split_pairs("assistant", heard)
    read = [agent.expected(label)["steps"] for label in agent.label(texts)]
    right = [agent.expected(label)["steps"] for label in labels]
    assert sum(r == w for r, w in zip(read, right, strict=True)) / len(texts) > 0.9


def test_one_sentence_among_many_may_speak_against_a_label(agent):
    agent.doubt = 0.2
    label = agent.expected(Label(steps=["take_order.complete", "pay"]))
    right = "One large mocha, coming up. That will be 3 euros."
    assert agent.contradicts([right], [label]) == [{}]
    wrong = "One large mocha, coming up. Never mind, until another day. That will be 3 euros."
    (against,) = agent.contradicts([wrong], [label])
    assert against["steps"].labels == (SHARED,)


def test_a_sentence_need_not_say_all_that_its_message_says():
    classifier = Classifier().fit(np.eye(4), [(), ("a",), ("a", "b"), ("c",)])

    def rival(chances, wanted):
        return classifier.rival_of_sentence(np.array(chances), wanted, doubt=0.1)

    assert rival([0.0, 0.9, 0.1, 0.0], ("a", "b")) is None
    assert rival([0.9, 0.0, 0.0, 0.1], ("a",)) is None
    assert rival([0.0, 0.2, 0.2, 0.6], ("a", "b")) is None
    assert rival([0.0, 0.0, 0.05, 0.95], ("a",)).labels == ("c",)
    assert rival([0.0, 0.95, 0.05, 0.0], ()).labels == ("a",)


def test_labels_never_seen_together_are_not_held_against_a_message():
    classifier = Classifier().fit(np.eye(2), [("a",), ("b",)])
    assert classifier.rival(np.array([0.9, 0.1]), ("a", "c")) is None
    assert classifier.rival(np.array([0.99, 0.01]), ("b", "c")).labels == ("a",)


def test_a_slot_that_a_wording_is_for_is_asked_for_where_slots_are(agent, monkeypatch):
    monkeypatch.setattr(agent.tagger, "slot", lambda message, step: "size")
    asking, paying = agent.label(["Could you tell me what you would like to drink?", "Thank you."])
    assert asking.steps == ["take_order.missing"]
    assert asking.asks == ["size"]
    assert paying.asks == []
