"""Verdicts of a person on conversations: kept, refused where they make no sense, and honoured."""

import pytest
from test_overlap import TEXT, talk
from test_screening import run, write  # noqa: F401

from workbench.inspect.reviews import (
    ReviewError,
    apply_fix,
    check_honoured,
    read_reviews,
    review,
)
from workbench.inspect.screening import screen


def test_a_rejected_conversation_becomes_no_row_and_the_reason_is_kept(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT), talk("b", "Something else is said here altogether."))
    review(run, talk("a", TEXT), "reject", " sounds odd ")
    counts = screen(run, coffee_domain, None)
    assert (counts["train"], counts["rejected"], counts["dropped"]) == (1, 1, 1)
    assert run.read("dropped.jsonl")[0]["reason"] == "rejected: sounds odd"


def test_what_nearly_repeats_a_rejected_conversation_may_stay(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT), talk("b", TEXT))
    review(run, talk("a", TEXT), "reject", "odd")
    assert screen(run, coffee_domain, None)["train"] == 1


def test_a_fixed_conversation_is_trained_in_its_new_words(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT, "Hi."))
    review(run, talk("a", TEXT, "Hi."), "fix", contents=[TEXT, "Good evening."])
    counts = screen(run, coffee_domain, None)
    assert counts["fixed"] == 1
    said = [message["content"] for message in run.read("rows/train.jsonl")[0]["messages"]]
    assert said == [TEXT, "Good evening."]


def test_the_last_verdict_counts(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT))
    review(run, talk("a", TEXT), "reject", "odd")
    review(run, talk("a", TEXT), "accept")
    assert read_reviews(run)["a"].verdict == "accept"
    assert screen(run, coffee_domain, None)["train"] == 1


def test_who_accepts_what_was_fixed_keeps_the_fix(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT, "Hi."))
    review(run, talk("a", TEXT, "Hi."), "fix", contents=[TEXT, "Good evening."])
    review(run, talk("a", TEXT, "Hi."), "reject", "odd")
    review(run, talk("a", TEXT, "Hi."), "accept")
    assert screen(run, coffee_domain, None)["fixed"] == 1
    assert run.read("rows/train.jsonl")[0]["messages"][1]["content"] == "Good evening."


def test_a_fix_is_taken_back_by_the_first_words(run):  # noqa: F811
    before = talk("a", TEXT, "Hi.")
    review(run, before, "fix", contents=[TEXT, "Good evening."])
    with pytest.raises(ReviewError, match="changes nothing"):
        review(run, before, "fix", contents=[TEXT, "Good evening."])
    review(run, before, "fix", contents=[TEXT, "Hi."])
    assert apply_fix(before, read_reviews(run)) == before


@pytest.mark.parametrize(
    ("verdict", "options", "why"),
    [
        ("reject", {"reason": " "}, "needs a reason"),
        ("fix", {"contents": [TEXT, "Hi."]}, "changes nothing"),
        ("fix", {"contents": [TEXT]}, "has 2 messages, but the fix has 1"),
        ("fix", {"contents": ["  ", "Hi."]}, "agent's empty"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(run, verdict, options, why):  # noqa: F811
    with pytest.raises(ReviewError, match=why):
        review(run, talk("a", TEXT, "Hi."), verdict, **options)
    assert read_reviews(run) == {}


def test_a_fix_of_other_messages_is_refused_where_it_is_applied(run):  # noqa: F811
    review(run, talk("a", TEXT, "Hi."), "fix", contents=[TEXT, "Hello."])
    with pytest.raises(ReviewError, match="has 1 messages"):
        apply_fix(talk("a", TEXT), read_reviews(run))


def test_verdicts_that_came_after_the_rows_are_found_until_it_is_screened_again(run, coffee_domain):  # noqa: F811
    write(run, talk("a", TEXT), talk("b", "Something else is said here altogether."))
    screen(run, coffee_domain, None)
    # one that changes no row asks for nothing
    review(run, talk("a", TEXT), "accept")
    check_honoured(run)
    review(run, talk("a", TEXT), "reject", "odd")
    with pytest.raises(ReviewError, match="run the notebook 3_inspect again"):
        check_honoured(run)
    screen(run, coffee_domain, None)
    check_honoured(run)
