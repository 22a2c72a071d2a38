"""Exact reading: a message made up of the book's wordings has one label, any other has none."""

import pytest

from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.evaluate.conditions import Walker
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.recognizer import AgentRecognizer, split_pairs
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice
from workbench.templates import TemplateReader, tag_sentences


@pytest.fixture(scope="module")
def reader(travel):
    return TemplateReader(travel)


class DeafRecognizer:
    """Reads nothing: the walker is understood without."""

    def label(self, texts):
        return [Label() for _ in texts]


@pytest.mark.parametrize("name", ["coffee_domain", "travel"])
def test_the_walker_is_read_as_it_means_it(name, request):
    domain = request.getfixturevalue(name)
    paths = enumerate_paths(domain.flowchart)[::4]
    plans = [plan_scenario(path, "test", domain, 7, 0) for path in paths]
    walker = Walker(domain, "walker/true_labels", has_true_ears=True)
    customers, limit = list_customers(plans, ("seen", "unseen")), limit_replies(plans)
    talks = list(simulate(walker, customers, domain, DeafRecognizer(), limit, progress=False))
    reader, expected, right, n = TemplateReader(domain), AgentRecognizer(domain).expected, [], 0
    for talk in talks:
        for message, truth in zip(talk.conversation.messages, talk.true_labels, strict=True):
            n += message.role == "assistant"
            if message.role == "assistant" and (read := reader.read(message.content)):
                is_alike = expected(read) == expected(truth)
                right.append(is_alike and sorted(read.asks) == sorted(truth.asks))
    assert len(right) > 0.9 * n
    assert sum(right) > 0.99 * len(right)


def test_slots_asked_for_are_read_off_the_list(reader):
    text = "I have noted Lisbon, 2 people and still need the travel date and the budget. "
    text += "Could you say which month suits you and what you would like to spend?"
    book = reader.domain.slots
    asks = [book[slot].ask.train[0] for slot in ("dates", "budget")]
    text = f"{text.partition('Could')[0]}Could you say {asks[0]} and {asks[1]}?"
    assert reader.read(text) == Label(steps=["assess.missing_info"], asks=["dates", "budget"])


def test_a_number_may_be_any_number(reader):
    assert reader.read("To your question: The deposit is 77 %, due on booking.").steps == [
        "anywhere.question"
    ]


def test_the_pending_question_tells_which_answer_it_is(reader):
    answer = "To your question: The deposit is 20 %, due on booking."
    offers, confirm = "Which offer shall it be?", "May I confirm your booking?"
    assert reader.read(f"{answer} {offers}").steps == ["handle_response.answered_question"]
    assert reader.read(f"{answer} {confirm}").steps == ["final_routing.answered_question"]
    assert reader.read(offers).steps == []


@pytest.mark.parametrize(
    "text", ["", "…", "Which ofer shall it be?", "Which offer shall it be? And so on."]
)
def test_other_words_have_no_reading(text, reader):
    assert reader.read(text) is None


def test_what_is_noted_stands_only_before_a_step_that_rests_on_it(reader):
    assert reader.read("I have noted Lisbon. That is all I need.").steps == ["assess.info_complete"]
    assert reader.read("I have noted Lisbon. Which offer shall it be?") is None


def test_a_sentence_of_no_wording_is_tagged_with_nothing(reader):
    tagged = tag_sentences(reader, "Which offer shall it be? You are kind.")
    assert tagged == [("Which offer shall it be?", "pending/user_reaction"), ("You are kind.", "")]
    assert tag_sentences(reader, "Nothing of it. Is in the book.") == []


def test_a_wording_for_one_slot_is_tagged_with_the_slot(travel):
    (tagged,) = tag_sentences(TemplateReader(travel), "How many people is that exactly?")
    assert tagged == ("How many people is that exactly?", "assess.needs_clarification/travellers")


def test_of_a_book_only_the_wordings_that_are_looked_for_are_compiled(coffee_domain):
    reader = TemplateReader(coffee_domain)
    words = [p for t in reader.templates for p in t.parts if not isinstance(p, str)]
    assert reader.read("Thanks, here you are. Enjoy it.") is not None
    n_compiled = sum("compiled" in vars(part) for part in words)
    assert 0 < n_compiled < len(words) / 2


@pytest.mark.parametrize("name", ["coffee_domain", "travel"])
def test_a_value_matched_by_itself_is_read_as_within_its_wording(name, request, monkeypatch):
    domain = request.getfixturevalue(name)
    paths = enumerate_paths(domain.flowchart)[::24]
    plans = [plan_scenario(path, "train", domain, 7, 0) for path in paths]
    texts, _ = split_pairs("assistant", write_practice(domain, plans, 7))
    within = TemplateReader(domain)
    monkeypatch.setattr("workbench.templates.LARGE", 1)
    apart = TemplateReader(domain)
    assert any(p.large for t in apart.templates for p in t.parts if not isinstance(p, str))
    found = [(within.read(text), tag_sentences(within, text)) for text in texts]
    assert [(apart.read(text), tag_sentences(apart, text)) for text in texts] == found
    assert sum(bool(read) for read, _ in found) > 0.8 * len(texts)
