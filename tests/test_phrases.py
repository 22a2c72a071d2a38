"""The phrase book: who may say what, and whether it can be said at all."""

import random
import re
from collections import Counter

import pytest

from workbench.facts import find_quantities
from workbench.phrases import FOLDS, MANNERS, Entry, PhraseBook, Voice, Wording, join_clauses


@pytest.fixture
def book():
    lists = {"terse": ["Hi {name}."], "": ["Hello {name}.", "Hello."]}
    return PhraseBook([Entry(steps=("hello", "bye"), train=lists, test=["Good day."])])


def all_keys(domain):
    return [(book, key) for book in (domain.agent, domain.customer) for key in book.keys]


def all_wordings(domain):
    return [wording for book, key in all_keys(domain) for wording in book.wordings(key)]


def test_training_voices_never_say_a_test_wording(domain):
    voices = [Voice("train", fold, m) for fold in (None, *range(FOLDS)) for m in ("", *MANNERS)]
    for book, key in all_keys(domain):
        if not any(wording.split == "train" for wording in book.wordings(key)):
            with pytest.raises(ValueError, match="kept for tests"):
                book.wordings(key, voices[0])
            continue
        said = {w.split for voice in voices for w in book.wordings(key, voice)}
        assert said == {"train"}, key


def test_test_voices_say_test_wordings_only(domain):
    for book, key in all_keys(domain):
        # the form of an offer is no wording to be held back
        if key != "part/offer":
            assert {w.split for w in book.wordings(key, Voice("test"))} == {"test"}, key


def test_no_wording_stands_on_both_sides_of_the_split(domain):
    sides = Counter()
    for text, _ in {(w.text.lower(), w.split) for w in all_wordings(domain)}:
        sides[text] += 1
    assert [text for text, n in sides.items() if n > 1] == []


def test_every_fold_has_its_own_wordings_of_what_travel_s_agent_says(travel):
    for key in set(travel.agent.keys) - {"part/offer"}:
        folds = {w.fold for w in travel.agent.wordings(key, Voice("train"))}
        assert folds == set(range(FOLDS)), f"{key} has an empty fold"


def test_a_fold_is_of_the_text_and_not_of_the_place():
    assert Wording("Hello.", "train").fold == Wording("Hello.", "test", "terse").fold
    assert {Wording(f"Hello {i}.", "train").fold for i in range(30)} == set(range(FOLDS))


def test_steps_that_share_an_entry_share_its_wordings(book):
    assert book.wordings("hello") == book.wordings("bye")
    assert book.shared_steps() == [("hello", "bye")]


def test_a_wording_that_needs_what_is_not_known_is_passed_over(book):
    said = {book.pick("hello", Voice(), random.Random(i)) for i in range(20)}
    assert said == {"Hello."}


def test_most_is_said_in_the_voice_s_manner(book):
    voice, rng = Voice(manner="terse"), random.Random(1)
    said = Counter(book.pick("hello", voice, rng, {"name": "Ann"}) for _ in range(300))
    assert 0.75 < said["Hi Ann."] / 300 < 0.95


def test_what_can_never_be_said_is_an_error(book):
    with pytest.raises(ValueError, match='no wording for "help"; add an entry'):
        book.wordings("help")
    with pytest.raises(ValueError, match=r'every wording for "part/x" needs more than \[\]'):
        PhraseBook([Entry(part="x", train=["{y}"])]).pick("part/x", Voice(), random.Random(1))


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        ({"steps": ["a", "b.c"]}, ["a", "b.c"]),
        ({"steps": ["a"], "slot": "dates"}, ["a/dates"]),
        ({"steps": ["a"], "single": True}, ["a/single"]),
        ({"acts": ["give(size)", "give(drink)"]}, ["give(drink)+give(size)"]),
        ({"answers": "deposit"}, ["answers/deposit"]),
        ({"pending": "user_pay"}, ["pending/user_pay"]),
    ],
)
def test_an_entry_is_looked_up_by_what_it_is_for(entry, keys):
    assert Entry(**entry, train=["x"]).list_keys() == keys


def test_clauses_are_joined_as_people_do():
    assert join_clauses(["a"]) == "a"
    assert join_clauses(["a", "b", "c"]) == "a, b and c"
    assert join_clauses(["a", "b"], "or", "; ") == "a or b"


def test_no_wording_brings_in_a_value_or_a_number_of_its_own(domain):
    for wording in all_wordings(domain):
        text = re.sub(r"\{\w+\}", "…", wording.text)
        assert domain.find_values(text) == {}, text
        assert find_quantities(text) == [], text


def test_a_settled_voice_says_what_stands_first_and_others_say_all_as_often():
    options, rng = list("abcde"), random.Random(1)
    plain = Counter(Voice().choose(options, rng) for _ in range(3000))
    assert max(plain.values()) < 1.3 * min(plain.values())
    assert len(plain) == 5
    assert {Voice(is_settled=True).choose(options, rng) for _ in range(100)} == {"a"}
