"""The tagger: steps are heard sentence by sentence, whatever they stand beside."""

from copy import copy

import numpy as np
import pytest

from workbench.adapting import Adaptation
from workbench.design.paths import enumerate_paths
from workbench.recognizer import AgentRecognizer, split_pairs
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice
from workbench.tagging import SentenceTagger, Tagged, log_odds


@pytest.fixture(scope="module")
def heard(coffee_domain):
    paths = enumerate_paths(coffee_domain.flowchart)
    plans = [plan_scenario(p, "train", coffee_domain, 7, i) for p in paths for i in range(6)]
    texts, labels = split_pairs("assistant", write_practice(coffee_domain, plans, 7))
    expected = [AgentRecognizer(coffee_domain).expected(label) for label in labels]
    return texts, [{*found["steps"], *found["trips"]} for found in expected]


@pytest.fixture
def tagger(coffee_domain, heard, word_encoder):
    return SentenceTagger(coffee_domain, word_encoder).fit(*heard)


def hear(tagger, text):
    (message,) = tagger.read([text])
    return {
        label for label, chance in zip(tagger.labels, message.chances, strict=True) if chance > 0.5
    }


def test_what_it_learnt_it_reads(tagger, heard):
    read = [hear(tagger, text) for text in heard[0]]
    assert np.mean([r == w for r, w in zip(read, heard[1], strict=True)]) > 0.9


def test_steps_that_were_never_heard_together_are_both_read(tagger, heard):
    both = {"opening", "pay"}
    assert not any(both <= found for found in heard[1])
    text = "Hello and welcome to Bean There. What will it be? That will be 3 euros."
    assert hear(tagger, text) == both


def test_messages_in_other_words_teach_nothing(coffee_domain, word_encoder):
    tagger = SentenceTagger(coffee_domain, word_encoder).fit(["Who knows."], [{"pay"}])
    assert tagger.labels == []


def test_a_sentence_that_carries_nothing_is_left_out(coffee_domain, heard, word_encoder):
    texts, labels = heard
    kind = [f"{text} You are kind." for text in texts[:40]]
    tagger = SentenceTagger(coffee_domain, word_encoder).fit(
        [*texts, *kind], [*labels, *labels[:40]]
    )
    (message,) = tagger.read(["That will be 3 euros. You are kind."])
    assert message.rest == "That will be 5 euros."


def test_a_sentence_that_nothing_found_explains_adds_its_step(tagger):
    tagger.labels, tagger.tags = ["opening", "pay"], ["", "opening", "pay", "pending/served"]
    tagger.together = {("pay", "opening"), ("opening", "pay")}
    sure = [[0.1, 0.0, 0.9, 0.0], [0.1, 0.8, 0.1, 0.0]]
    message = Tagged(np.zeros(2), "", np.array(sure))
    assert tagger.unexplained(message, {"pay"}) == {"opening"}
    assert tagger.unexplained(message, {"opening", "pay"}) == set()
    # what puts a question again, or carries nothing, needs no step
    unsure = [[0.1, 0.0, 0.9, 0.0], [0.1, 0.5, 0.1, 0.3]]
    assert tagger.unexplained(Tagged(np.zeros(2), "", np.array(unsure)), {"pay"}) == set()


def test_what_was_never_heard_beside_it_is_not_added(tagger):
    tagger.labels, tagger.tags, tagger.together = ["opening", "pay"], ["opening", "pay"], set()
    message = Tagged(np.zeros(2), "", np.array([[0.1, 0.9], [0.9, 0.1]]))
    assert tagger.unexplained(message, {"pay"}) == set()
    # one of the two is added, and the other was never heard beside it
    assert len(tagger.unexplained(message, set())) == 1


def test_a_wording_for_one_slot_tells_the_slot(tagger):
    tagger.tags = ["ask/when", "ask/where", "pay"]
    message = Tagged(np.zeros(3), "", np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
    assert tagger.slot(message, "ask") == "when"
    assert tagger.slot(message, "pay") == ""
    unsure = Tagged(np.zeros(3), "", np.array([[0.1, 0.2, 0.7]]))
    assert tagger.slot(unsure, "ask") == ""


def test_a_step_with_wordings_for_each_slot_is_one_step(tagger):
    tagger.labels, tagger.tags = ["ask", "pay"], ["ask/when", "ask/where", "pay"]
    tagger.together = {("ask", "pay"), ("pay", "ask")}
    message = Tagged(np.zeros(2), "", np.array([[0.0, 0.0, 1.0], [0.4, 0.4, 0.2]]))
    assert tagger.unexplained(message, {"pay"}) == {"ask"}


class TurnedEncoder(Adaptation):
    """Stands in for training: an encoder that makes other vectors of the same words."""

    def adapt(self, encoder, sentences, tags):
        assert len(sentences) == len(tags) == len(set(zip(sentences, tags, strict=True)))
        turned = copy(encoder)
        turned.encode = lambda texts: encoder.encode(texts)[:, ::-1] ** 3
        return turned


def test_two_encoders_are_asked_and_their_mean_counts(coffee_domain, heard, word_encoder):
    tagger = SentenceTagger(coffee_domain, word_encoder, TurnedEncoder(1)).fit(*heard)
    first, second = tagger.models
    (message,) = tagger.read(["That will be 3 euros."])
    each = [model.read([["That will be 5 euros."]]) for model in (first, second)]
    assert not np.allclose(*each)
    assert message.tag_chances == pytest.approx(np.mean(each, axis=0))


def test_without_an_adaptation_one_encoder_is_asked(coffee_domain, heard, word_encoder):
    tagger = SentenceTagger(coffee_domain, word_encoder, Adaptation(0)).fit(*heard)
    assert len(tagger.models) == 1


def test_a_message_is_idle_if_every_sentence_is(tagger):
    tagger.tags = ["", "pay", "pending/served"]
    for sentences, is_idle in [
        ([[0.9, 0.1, 0.0]], True),
        ([[0.3, 0.3, 0.4], [0.0, 0.4, 0.6]], True),
        ([[0.1, 0.0, 0.9], [0.1, 0.6, 0.3]], False),
    ]:
        assert tagger.is_idle(Tagged(np.zeros(1), "", np.array(sentences))) == is_idle


def test_nothing_is_surer_than_sure():
    odds = log_odds(np.array([0.0, 0.5, 1.0]))
    assert odds == pytest.approx([-6, 0, 6])
