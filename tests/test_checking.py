"""Checking: what is as it should be is kept, and what was planted is rejected."""

from dataclasses import replace

import pytest

from workbench.design.paths import enumerate_paths
from workbench.phrases import FOLDS, PhraseBook, Wording
from workbench.recognizer import AgentRecognizer, CustomerRecognizer
from workbench.synthesize.checking import Checker
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import fit_checkers, write_practice, write_talk


@pytest.fixture
def pairs(coffee_domain):
    """(conversation, scenario) of every path of the toy domain."""
    paths = enumerate_paths(coffee_domain.flowchart)
    scenarios = [plan_scenario(p, "train", coffee_domain, 7, i) for p in paths for i in range(6)]
    return [(write_talk(s, coffee_domain, None, s.seed), s) for s in scenarios]


@pytest.fixture
def checker(coffee_domain, pairs, word_encoder):
    """One that knows all wordings: what it rejects was planted."""
    talks = write_practice(coffee_domain, [s for _, s in pairs], 7)
    agent = AgentRecognizer(coffee_domain).learn(talks)
    return Checker(coffee_domain, agent, CustomerRecognizer(coffee_domain).learn(talks))


def find(pairs, step):
    """A conversation in which a message takes just this step, its scenario and the place."""
    return next(
        (talk.model_copy(deep=True), scenario, i)
        for talk, scenario in pairs
        for i, label in enumerate(talk.labels)
        if step in {*label.steps, *label.acts} and len(label.steps + label.acts) == 1
    )


def test_what_is_as_it_should_be_is_kept(checker, pairs):
    rejected = [scenario for talk, scenario in pairs if checker.problems(talk, scenario)]
    assert len(rejected) / len(pairs) < 0.1


@pytest.mark.parametrize(
    ("step", "text", "reason"),
    [
        ("take_order.missing", "Thanks, here you are. Enjoy it.", "agent seems to ask for nothing"),
        (
            "settle.paid",
            "Never mind, until another day.",
            "agent reads as take_order.leave|settle.leave",
        ),
        ("settle.paid", "Thanks, here you are. Enjoy it. It was 4 euros.", "fact: 4 euro is no"),
        ("leave", "Here is the money.", "customer reads as confirm"),
        ("leave", "I am off, thanks anyway. A large one.", "details read as {'size': ['large']}"),
    ],
)
def test_a_planted_sentence_is_rejected_for_the_right_reason(checker, pairs, step, text, reason):
    talk, scenario, i = find(pairs, step)
    talk.messages[i].content = text
    reasons = [found for _, found in checker.problems(talk, scenario)]
    assert any(found.startswith(reason) for found in reasons), reasons


def test_a_missing_price_is_rejected_where_it_is_due(checker, pairs):
    talk, scenario = next(
        (t.model_copy(deep=True), s) for t, s in pairs if "pay" in t.labels[-3].steps
    )
    text = talk.messages[-3].content
    talk.messages[-3].content = text.replace("3 euros", "a little")
    assert ("fact: cup_price is missing") in dict(map(reversed, checker.problems(talk, scenario)))


def test_a_talk_on_another_path_is_rejected(checker, pairs):
    (talk, _), (_, other) = pairs[0], pairs[-1]
    reasons = [reason for _, reason in checker.problems(talk, other)]
    assert "the conversation took another path than its scenario's" in reasons


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (slice(0, -1), "speakers do not alternate from agent to agent"),
        (slice(0, 2), "the customer never speaks"),
    ],
)
def test_a_talk_of_the_wrong_form_is_rejected(checker, pairs, cut, reason):
    talk, scenario = pairs[0]
    talk = talk.model_copy(update={"messages": talk.messages[cut], "labels": talk.labels[cut]})
    assert reason in [found for _, found in checker.problems(talk, scenario)]


def test_an_empty_message_is_rejected(checker, pairs):
    talk, scenario, i = find(pairs, "opening")
    talk.messages[i].content = " "
    assert ("", "a message is empty") in checker.problems(talk, scenario)


# what follows reads travel with the sentence encoder, for some minutes


@pytest.fixture(scope="module")
def travel_plans(travel):
    paths = enumerate_paths(travel.flowchart)
    return [plan_scenario(p, "train", travel, 7, i) for p in paths for i in range(3)]


@pytest.fixture(scope="module")
def travel_checkers(travel, travel_plans):
    return fit_checkers(travel, travel_plans, 7)


def plant(book, key, text):
    """The phrase book with a sentence put into the entries of `key`, often enough to be said."""
    entries = []
    for entry in book.entries:
        if key in entry.list_keys():
            train = {manner: [*[text] * 9, *texts] for manner, texts in entry.train.items()}
            entry = entry.model_copy(update={"train": train})
        entries.append(entry)
    return PhraseBook(entries)


@pytest.mark.exhaustive
def test_travel_s_book_passes_mostly(travel, travel_plans, travel_checkers):
    pairs = [(write_talk(s, travel, i % FOLDS, s.seed), s) for i, s in enumerate(travel_plans)]
    problems = [travel_checkers[i % FOLDS].problems(*pair) for i, pair in enumerate(pairs)]
    assert sum(map(bool, problems)) / len(problems) < 0.35


# sentence vectors hardly see a "not": what is nearly the opposite, in the same words, slips through
MISSED = [("customer", "confirm", "No, I would rather not book at all, forget it.")]
SLIPS = pytest.mark.xfail(reason="the reader takes it for what it denies")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("book", "key", "text"),
    [
        *[pytest.param(*missed, marks=SLIPS) for missed in MISSED],
        ("customer", "choose", "None of these appeal to me."),
        ("customer", "leave", "Yes, I confirm the booking."),
        ("customer", "reject", "I will take the first one, please."),
        ("customer", "ask(visa)", "Can I bring my own luggage on the plane?"),
        ("customer", "leave", "Yes, please book it now."),
        ("agent", "assess.missing_info", "Your booking is confirmed, the papers come by email."),
        ("agent", "answers/deposit", "The deposit is 25 %."),
        ("agent", "final_routing.confirmed", "All right, I will cancel it then. Goodbye."),
        ("agent", "handle_response.needs_human", "Which of the two would you like to book?"),
    ],
)
def test_a_phrase_planted_in_travel_s_book_is_rejected(
    travel, travel_plans, travel_checkers, book, key, text
):
    domain = replace(travel, **{book: plant(getattr(travel, book), key, text)})
    # its own fold says it, and the checker of that fold has learnt from the others
    fold = Wording(text, "train").fold
    pairs = [(write_talk(s, domain, fold, s.seed), s) for s in travel_plans]
    spoilt = [pair for pair in pairs if any(text in m.content for m in pair[0].messages)]
    assert len(spoilt) >= 3
    assert all(travel_checkers[fold].problems(*pair) for pair in spoilt)
