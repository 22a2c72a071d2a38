"""Replies as providers give them: what each means, for the call and for all others."""

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.api.prices import Usage
from workbench.api.sending import read_reply, read_status, read_usage, read_wait

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "error", "prompt_tokens"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_reply_and_no_error_whatever_its_form_is_too_much(value):
    content = json.dumps(value).encode()
    assert read_reply(content).state in ("answered", "refused", "unusable")
    assert read_status(500, {}, content).state == "failed"


@given(st.binary(max_size=50))
def test_no_bytes_are_too_much(content):
    assert read_reply(content).state == "unusable"
    assert read_status(400, {}, content).is_final


def test_what_is_neither_words_nor_json_is_told_apart():
    reply = {"choices": [{"message": {"content": " "}, "finish_reason": "stop"}]}
    assert read_reply(json.dumps(reply).encode()).trouble == "had an empty reply"
    reply = {"error": {"message": "busy"}}
    assert read_reply(json.dumps(reply).encode()).trouble == "had a reply without a choice (busy)"


def test_an_answer_may_come_in_parts_beside_what_was_thought():
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Let me see"}]}
    said = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    for parts, text, state in (
        ([thought, *said], "Hello", "answered"),
        ([thought], "", "unusable"),
        ([3, {"type": "text"}], "", "unusable"),
    ):
        reply = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
        found = read_reply(json.dumps(reply).encode())
        assert (found.text, found.state) == (text, state)


@pytest.mark.parametrize(
    ("content", "why", "text", "is_thinking"),
    [
        ("<think>A latte, so</think>\n\nWhich size?", "stop", "Which size?", False),
        ("so ask</think>Which size?", "stop", "Which size?", False),
        ("<think>A latte, so", "length", "", True),
        ("Which si", "length", "Which si", False),
        ("I think <so>", "stop", "I think <so>", False),
    ],
)
def test_thoughts_that_are_left_in_an_answer_are_no_part_of_it(content, why, text, is_thinking):
    reply = {"choices": [{"message": {"content": content}, "finish_reason": why}]}
    found = read_reply(json.dumps(reply).encode())
    assert (found.text, found.is_thinking) == (text, is_thinking)


@pytest.mark.parametrize(
    ("status", "state"), [(502, "failed"), (503, "failed"), (504, "unknown"), (524, "unknown")]
)
def test_what_a_gateway_gave_up_waiting_for_may_be_paid_for(status, state):
    outcome = read_status(status, {}, b"")
    assert (outcome.state, outcome.is_final) == (state, False)


def test_deep_nesting_is_no_reply():
    assert read_reply(b"[" * 100_000).state == "unusable"


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3}, Usage(5, 3)),
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 20}, Usage(5, 15)),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": -5, "completion_tokens": 3}, None),
        ({"prompt_tokens": True, "completion_tokens": 3}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 3}, None),
        ({"prompt_tokens": "5", "completion_tokens": 3}, None),
        (None, None),
    ],
)
def test_tokens_are_counted_only_where_the_count_can_be_right(given, usage):
    assert read_usage(given) == usage


def test_no_more_of_the_prompt_is_cached_than_there_is():
    found = []
    for n in (90, 900):
        details = {"cached_tokens": n, "cache_write_tokens": n}
        counts = {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": details}
        found.append(read_usage(counts))
    assert [(usage.cached, usage.written) for usage in found] == [(90, 10), (100, 0)]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Mon, 05 Jan 2026 00:00:00 +99999999999999999"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_what_the_provider_asks_for_if_it_makes_sense(headers, wait_s):
    assert read_wait(headers) == wait_s


def test_a_wait_may_be_a_date():
    assert read_wait({"retry-after": formatdate(time.time() + 60)}) == pytest.approx(60, abs=2)
    assert read_wait({"retry-after": formatdate(0)}) == 0


@pytest.mark.parametrize(
    ("status", "error", "stop", "is_final"),
    [
        (401, {}, "key", True),
        (403, {"message": "not allowed"}, "key", True),
        (403, {"message": "your input was flagged"}, "", True),
        (402, {}, "money", True),
        (429, {"code": "insufficient_quota"}, "money", False),
        (400, {"message": "Your credit balance is too low"}, "money", True),
        (429, {"message": "you exceeded your current quota a minute"}, "", False),
        (404, {}, "model", True),
        (400, {"message": "too long"}, "", True),
        (422, {}, "", True),
        (408, {}, "", False),
        (409, {}, "", False),
        (529, {}, "", False),
    ],
)
def test_a_status_says_whether_to_ask_again_and_whether_to_ask_at_all(
    status, error, stop, is_final
):
    outcome = read_status(status, {}, json.dumps({"error": error}).encode())
    assert (outcome.stop, outcome.is_final) == (stop, is_final)


def test_what_is_said_of_a_key_is_not_repeated():
    said = json.dumps({"error": {"message": "incorrect key sk-abc***xyz"}}).encode()
    assert "sk-" not in read_status(401, {}, said).trouble


def test_what_is_said_is_one_line_of_bounded_length():
    said = json.dumps({"error": {"message": "no\x1b[31m\n" * 500}}).encode()
    trouble = read_status(400, {}, said).trouble
    assert trouble.isprintable()
    assert len(trouble) < 260


def test_what_is_said_is_cut_between_words_so_that_no_half_of_a_key_is_left():
    said = json.dumps({"error": {"message": f"{'no ' * 64}canary-key-1234567 is bad"}}).encode()
    assert "canary" not in read_status(400, {}, said).trouble
    said = json.dumps({"error": {"message": "canary-key-" * 50}}).encode()
    assert "canary" not in read_status(400, {}, said).trouble
