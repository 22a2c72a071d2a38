"""Calls over the API, against a provider that misbehaves: all done, all on record, none twice."""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from typing import Literal

import pytest
from provider import PASSING, Provider
from pydantic import BaseModel, ConfigDict

from workbench.api.breaker import Patience, StoppedError
from workbench.api.call import CallError, Request
from workbench.api.ledger import LedgerError
from workbench.api.model import ask_all, open_model
from workbench.api.spending import CapError, open_spending, raise_cap, tally_calls
from workbench.models import ModelError
from workbench.run import open_run

QUICK = Patience(timeout_s=1.5, outage_s=0.4, first_delay_s=0.01, longest_delay_s=0.05)
KEY = "canary-key-1234567"


@pytest.fixture
def run(tmp_path):
    return open_run("toy", "calls", tmp_path)


@pytest.fixture
def serve(monkeypatch):
    """Starts a provider and points the environment at it."""
    started = []

    def serve(*given, **more):
        provider = Provider(*given, **more)
        started.append(provider)
        monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
        monkeypatch.setenv("WORKBENCH_API_KEY", KEY)
        return provider

    yield serve
    for provider in started:
        provider.close()


@pytest.fixture
def price(monkeypatch, tmp_path):
    """Sets the price of the model toy at a provider, in dollars a million tokens."""

    def price(provider, usd_in=1000, usd_out=1000, day="2026-11-01"):
        file = tmp_path / "prices.yaml"
        host = f"127.0.0.1:{provider.port}"
        entry = f"input: {usd_in}, output: {usd_out}, date: {day}, source: a test"
        file.write_text(f"- {{model: toy, host: '{host}', {entry}}}")
        monkeypatch.setenv("WORKBENCH_PRICES", str(file))

    return price


def open_toy(run, **more):
    return open_model("api/toy", run, **{"role": "teacher", "patience": QUICK, **more})


def questions(n):
    return [[{"role": "user", "content": f"question {number}"}] for number in range(n)]


def ask(model, requests, **more):
    return list(ask_all(model, requests, progress=False, **more))


def count(run):
    """Attempts by state, all roles together."""
    total = {}
    for tally in tally_calls(run):
        for state, n in tally.states.items():
            total[state] = total.get(state, 0) + n
    return total


def test_answers_come_in_the_order_of_the_requests(run, serve):
    serve(lambda n, body: "503" if n % 3 == 0 else "good")
    texts = [answer.text for answer in ask(open_toy(run), questions(40))]
    assert texts == [f"echo question {number}" for number in range(40)]


def test_answers_come_as_they_are_done_if_order_does_not_matter(run, serve):
    serve(lambda n, body: "busy" if "question 0" in str(body) and n < 20 else "good")
    names = [answer.text for answer in ask(open_toy(run), questions(30), in_order=False)]
    assert names[0] != "echo question 0"
    assert sorted(names) == sorted(f"echo question {number}" for number in range(30))


def test_a_repeated_call_is_answered_from_the_ledger(run, serve):
    provider = serve()
    first, again = (ask(open_toy(run), questions(5)) for _ in range(2))
    assert provider.n_requests == 5
    assert [a.text for a in first] == [a.text for a in again]
    assert all(answer.is_from_ledger for answer in again)
    assert not any(answer.is_from_ledger for answer in first)


def test_the_same_question_at_the_same_time_is_sent_once(run, serve):
    provider = serve(delay_s=0.1)
    texts = {answer.text for answer in ask(open_toy(run), questions(1) * 20)}
    assert (texts, provider.n_requests) == ({"echo question 0"}, 1)


@pytest.mark.parametrize(
    "more", [{"role": "judge"}, {"seed": 8}, {"temperature": 0.5}, {"max_tokens": 99}]
)
def test_another_role_seed_or_parameter_is_another_call(run, serve, more):
    provider = serve()
    ask(open_toy(run, seed=7), questions(1))
    ask(open_toy(run, **{"seed": 7, **more}), questions(1))
    assert provider.n_requests == 2


def test_another_model_address_or_repeat_is_another_call(run, serve):
    first, second = serve(), serve()
    ask(open_toy(run), questions(1))
    ask(open_model("api/other", run, "teacher"), questions(1))
    ask(open_toy(run), [Request(questions(1)[0], repeat=number) for number in range(3)])
    assert (first.n_requests, second.n_requests) == (0, 4)


def test_repeats_have_seeds_of_their_own(run, serve):
    provider = serve()
    ask(open_toy(run, seed=7), [Request(questions(1)[0], repeat=number) for number in range(3)])
    assert sorted(body["seed"] for body in provider.bodies) == [7, 8, 9]


def test_the_ledger_has_the_version_of_the_model_that_answered(run, serve):
    serve()
    ask(open_toy(run), questions(1))
    rows = sqlite3.connect(run.file("calls.sqlite")).execute("SELECT answered_by FROM calls")
    assert rows.fetchall() == [("toy-2026-11-01",)]


def test_parameters_reach_the_provider(run, serve):
    provider = serve()
    ask(open_toy(run, seed=8, temperature=0.5, top_k=3, max_tokens=77), questions(1))
    sent = provider.bodies[0]
    assert (sent["seed"], sent["temperature"], sent["top_k"]) == (8, 0.5, 3)
    assert sent["max_tokens"] == 77


@pytest.mark.parametrize("what", PASSING)
def test_what_passes_is_borne(run, serve, what):
    provider = serve(lambda n, body: what if n == 0 else "good")
    (answer,) = ask(open_toy(run), questions(1))
    assert "echo question 0" in answer.text
    assert provider.n_requests == (1 if what == "prose" else 2)


def test_with_a_fifth_of_calls_failing_all_complete_and_every_reply_is_on_record(run, serve):
    tried = Counter()

    def behave(n, body):
        question = body["messages"][-1]["content"]
        tried[question] += 1
        # whatever comes before what: the same calls fail in the same ways
        dice = random.Random(f"{question}, attempt {tried[question]}")
        return dice.choice(PASSING) if dice.random() < 0.2 else "good"

    provider = serve(behave)
    # a reply that comes too late on a busy machine would be one that nobody received
    patience = Patience(timeout_s=3, first_delay_s=0.01, longest_delay_s=0.05)
    answers = ask(open_toy(run, at_once=16, patience=patience), questions(300))
    assert [answer.failure for answer in answers] == [""] * 300
    assert len({answer.text for answer in answers}) == 300
    (tally,) = tally_calls(run)
    assert tally.prompt_tokens == provider.replied["prompt"]
    assert tally.output_tokens == provider.replied["output"]
    assert sum(tally.states.values()) == provider.n_requests
    assert set(provider.answered.values()) == {1}


def test_usage_is_counted_with_cache_and_reasoning(run, serve):
    provider = serve()
    make = provider._make

    def with_details(*given):
        usage = '"usage": {"prompt_tokens_details": {"cached_tokens": 7}, "total_tokens": 31,'
        usage += '"completion_tokens_details": {"reasoning_tokens": 4},'
        return make(*given).replace('"usage": {', usage)

    provider._make = with_details
    (answer,) = ask(open_toy(run), questions(1))
    # the total says that 20 tokens were written, whatever the completion says
    usage = answer.usage
    assert (usage.prompt, usage.cached, usage.reasoning, usage.output) == (11, 7, 4, 20)


def test_half_a_letter_in_an_answer_is_kept_as_a_question_mark(run, serve):
    serve().answer = lambda body: "half \ud83d"
    assert ask(open_toy(run), questions(1))[0].text == "half ?"


def test_the_bar_shows_count_and_dollars(run, serve, price, capsys):
    price(serve())
    list(ask_all(open_toy(run, cap_usd=5), questions(3)))
    assert "3/3" in (shown := capsys.readouterr().err)
    assert "$0.0480 of $5.00" in shown


def test_no_more_calls_are_in_flight_than_asked_for_by_whomever(run, serve):
    provider = serve(delay_s=0.02)
    model = open_toy(run, at_once=7)

    async def ask_at_once():
        await asyncio.gather(*(model.ask(question) for question in questions(40)))

    asyncio.run(ask_at_once())
    assert provider.most_in_flight == 7


def test_a_reply_that_trickles_on_and_on_is_given_up(run, serve):
    serve(lambda n, body: "trickle" if n == 0 else "good")
    patience = Patience(timeout_s=0.5, first_delay_s=0.01)
    (answer,) = ask(open_toy(run, patience=patience), questions(1))
    assert answer.text == "echo question 0"
    assert count(run) == {"answered": 1, "unknown": 1}


def test_a_call_that_was_not_sent_for_want_of_money_blocks_none_after_an_outage(run, serve, price):
    price(serve())
    model = open_toy(run, cap_usd=0)
    for _ in range(model.line.breaker.MANY):
        model.line.breaker.report(is_reply=False, is_useful=False)
    for question in questions(3):
        with pytest.raises(CapError):
            # the first one loads the client
            asyncio.run(asyncio.wait_for(model.ask(question), 30))


def test_a_refusal_is_a_reply_and_is_not_asked_again(run, serve):
    provider = serve(lambda n, body: "refusal")
    for _ in range(2):
        (answer,) = ask(open_toy(run), questions(1))
        assert answer.failure == "was refused: I would rather not"
    with pytest.raises(CallError, match="was refused"):
        answer.text  # noqa: B018
    assert (provider.n_requests, count(run)) == (1, {"refused": 1})


def test_a_reply_that_was_cut_off_is_given_twice_the_room_once(run, serve):
    provider = serve(lambda n, body: "cut")
    (answer,) = ask(open_toy(run, max_tokens=100), questions(1))
    assert [body["max_tokens"] for body in provider.bodies] == [100, 200]
    assert "cut off at the limit of tokens" in answer.failure
    assert "give it more than 200 tokens with max_tokens" in answer.failure


def test_a_call_that_fails_for_itself_says_so_and_the_others_go_on(run, serve):
    serve(lambda n, body: "bad_request" if "question 3" in str(body) else "good")
    answers = ask(open_toy(run), questions(8))
    assert [answer.request.messages for answer in answers if answer.failure] == [questions(4)[3]]
    assert "(400: context length exceeded by [secret]); change what" in answers[3].failure


def test_replies_of_no_use_are_paid_for_only_so_often(run, serve):
    provider = serve(lambda n, body: "no_choices")
    (answer,) = ask(open_toy(run), questions(1))
    assert "a reply without a choice at the last of 4 attempts" in answer.failure
    with pytest.raises(StoppedError, match="12 replies in a row were of no use"):
        ask(open_toy(run), questions(300))
    assert provider.n_requests < 60


def test_a_provider_with_other_words_for_the_limit_is_asked_again_in_them(run, serve):
    provider = serve(lambda n, body: "bad_limit" if "max_tokens" in body else "good")
    answers = ask(open_toy(run), questions(60))
    assert not any(answer.failure for answer in answers)
    assert provider.bodies[-1]["max_completion_tokens"] == 1024
    assert provider.behaved["bad_limit"] <= 32


def test_a_limit_that_is_too_large_is_not_sent_by_another_name(run, serve):
    provider = serve(lambda n, body: "too_large")
    assert "larger than the context" in ask(open_toy(run), questions(1))[0].failure
    assert [set(body) & {"max_tokens", "max_completion_tokens"} for body in provider.bodies] == [
        {"max_tokens"}
    ]


class Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    node: Literal["opening", "closing"]
    score: int


GOOD = '{"node": "opening", "score": 4}'


def judge(run, serve, *answers, behave=lambda n, body: "good"):
    """A judge whose provider gives these answers one after the other."""
    provider = serve(behave)
    said = iter(answers)
    provider.answer = lambda body: next(said)
    model = open_toy(run, role="judge")
    (answer,) = ask(model, [Request(questions(1)[0], schema=Verdict)])
    return answer, provider


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Here you are: {GOOD} I hope it helps.",
        f"{{so}} {GOOD}",
        f'<think>{{"score": 1}}?</think>{GOOD}',
    ],
)
def test_a_structured_answer_is_read_out_of_fences_and_prose(run, serve, text):
    answer, provider = judge(run, serve, text)
    assert answer.parsed == Verdict(node="opening", score=4)
    assert provider.n_requests == 1
    assert provider.bodies[0]["response_format"]["json_schema"]["name"] == "Verdict"


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ('{"node": "opening", "sco', "its JSON is broken"),
        ('{"node": "middle", "score": 4}', "'opening' or 'closing', not 'middle'"),
        ('{"node": "opening"}', "score: Field required"),
        ('{"node": "opening", "score": "high"}', "valid integer"),
        ('{"node": "opening", "score": 4, "why": 1}', "why: Extra inputs"),
        ('{"node": "opening", "score": 4, "score": 5}', '"score" is there twice'),
        ("[1, 2]", "it holds no JSON object"),
        ("I cannot say.", "it holds no JSON object"),
        ('{"a":' * 2000, "nested too deeply|broken"),
    ],
)
def test_an_answer_that_does_not_fit_is_repaired_once(run, serve, wrong, fault):
    answer, provider = judge(run, serve, wrong, GOOD)
    assert answer.parsed.score == 4
    *_, given, asked = provider.bodies[1]["messages"]
    import re

    assert given == {"role": "assistant", "content": wrong}
    assert re.search(fault, asked["content"])


def test_an_answer_that_cannot_be_repaired_is_a_failure_and_is_not_paid_for_again(run, serve):
    answer, provider = judge(run, serve, "no", "never")
    assert "gave twice what does not fit Verdict (it holds no JSON object)" in answer.failure
    ask(open_toy(run, role="judge"), [Request(questions(1)[0], schema=Verdict)])
    assert provider.n_requests == 2


def test_a_provider_without_formats_is_asked_by_words_alone(run, serve):
    behave = lambda n, body: "bad_format" if "response_format" in body else "good"  # noqa: E731
    answer, provider = judge(run, serve, GOOD, behave=behave)
    assert answer.parsed.score == 4
    assert "JSON Schema" in provider.bodies[1]["messages"][0]["content"]


def worst(provider):
    """The provider charges for a token a byte and for all the room that there is."""
    provider.usage = lambda body: (
        sum(len(m["content"].encode()) for m in body["messages"]) + 250,
        body["max_tokens"],
    )
    return provider


def slow(*given):
    return [pytest.param(*each, marks=pytest.mark.slow) for each in given]


CAPS = [0, 0.4, 7.3, *slow((0.01,), (1.8,), (40,), (1000,))]


@pytest.mark.parametrize("cap_usd", CAPS)
@pytest.mark.parametrize("cost", ["worst", "little"])
def test_a_cap_of_any_size_is_never_exceeded_with_50_in_flight(run, serve, price, cap_usd, cost):
    dice = random.Random(cap_usd)
    trouble = [*PASSING, "no_usage", "cut"]
    provider = serve(lambda n, body: dice.choice(trouble) if dice.random() < 0.1 else "good")
    provider = worst(provider) if cost == "worst" else provider
    price(provider)
    patience = Patience(timeout_s=0.5, first_delay_s=0.01, longest_delay_s=0.05)
    model = open_toy(run, cap_usd=cap_usd, max_tokens=50, at_once=50, patience=patience)
    answers = []
    with suppress(CapError):
        answers = ask(model, questions(80))
    charged_usd = (provider.charged["prompt"] + provider.charged["output"]) / 1000
    assert charged_usd <= cap_usd + 1e-9
    assert open_spending(run).ledger.committed_usd <= cap_usd + 1e-9
    if cap_usd < 1.8 or cap_usd == 1000:
        assert len(answers) == (80 if cap_usd == 1000 else 0)


def test_a_cap_that_was_reached_is_gone_on_from(run, serve, price):
    provider = serve()
    price(provider)
    with pytest.raises(CapError, match=r"the cap of \$1.00 is reached: this run has cost \$0"):
        ask(open_toy(run, cap_usd=1, max_tokens=50), questions(80))
    paid = provider.n_requests
    assert 30 < paid < 70
    answers = ask(open_toy(run, cap_usd=20, max_tokens=50), questions(80))
    assert (len(answers), provider.n_requests) == (80, 80)


def test_the_cap_is_for_all_roles_of_a_run_together(run, serve, price):
    provider = serve()
    price(provider)
    ask(open_toy(run, cap_usd=1, max_tokens=50), questions(20))
    with pytest.raises(CapError):
        ask(open_toy(run, role="judge", cap_usd=1, max_tokens=50), questions(200))
    assert sum(provider.charged.values()) / 1000 <= 1


def test_a_provider_that_writes_more_than_it_was_asked_for_is_stopped(run, serve, price):
    provider = serve()
    provider.usage = lambda body: (10, 9000)
    price(provider)
    with pytest.raises(StoppedError, match="it wrote more than the 50 tokens it was asked for"):
        ask(open_toy(run, cap_usd=10, max_tokens=50, at_once=1), questions(10))
    assert provider.n_requests == 1


def test_a_cap_needs_a_price(run, monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_URL", "https://models.example/v1")
    with pytest.raises(
        CapError, match=r"no price is known for toy at models.example.*prices\.yaml"
    ):
        open_toy(run, cap_usd=1)
    assert "no price is known" in open_toy(run).describe()


def test_a_server_on_this_machine_costs_nothing_unless_a_price_says_so(
    run, serve, price, monkeypatch
):
    provider = serve()
    price(provider)
    with pytest.raises(CapError):
        ask(open_toy(run, cap_usd=0.001), questions(3))
    monkeypatch.delenv("WORKBENCH_PRICES")
    model = open_toy(run, cap_usd=0.001)
    assert len(ask(model, questions(3))) == 3
    assert "on this machine, taken to cost nothing (if it passes calls on" in model.describe()


def test_a_server_on_this_machine_may_be_slow(run, monkeypatch):
    given = {}
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "models.example", "127.example.com"):
        monkeypatch.setenv("WORKBENCH_API_URL", f"http://{host}/v1")
        given[host] = open_toy(run, patience=None).line.patience.timeout_s
    assert [*given.values()] == [900, 900, 900, 120, 120]


def test_a_run_keeps_to_one_price(run, serve, price):
    provider = serve()
    price(provider)
    ask(open_toy(run), questions(1))
    price(provider, usd_out=2000)
    with pytest.raises(LedgerError, match=r"out 1000 .* and the price table has .*out 2000"):
        open_toy(run)


def test_a_dry_run_counts_calls_tokens_and_dollars_and_sends_nothing(run, serve, price):
    provider = serve()
    price(provider)
    model = open_toy(run, max_tokens=50)
    ask(model, questions(10))
    estimate = model.estimate(questions(100))
    assert provider.n_requests == 10
    assert (estimate.calls, estimate.known, estimate.output_tokens) == (100, 10, 4500)
    assert 0 < estimate.cost_usd < estimate.most_usd
    assert str(estimate).startswith("100 calls, 10 of them answered already")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("bad_key", "refused the key; put a valid one into WORKBENCH_API_KEY, and run this again"),
        ("no_quota", "says that the account is out of money; top it up"),
        *slow(
            ("no_money", "says that the account is out of money; top it up"),
            ("no_model", "does not know the model"),
            ("hour", "asks to wait for 3600 seconds"),
        ),
    ],
)
def test_what_no_patience_mends_stops_at_once_and_keeps_what_is_paid_for(run, serve, what, message):
    provider = serve(lambda n, body: what if n >= 20 else "good", delay_s=0.01)
    model = open_toy(run, at_once=10)
    with pytest.raises(StoppedError, match=message):
        ask(model, questions(80))
    assert provider.n_requests <= 20 + 2 * 10
    assert count(run)["answered"] == 20
    provider.behave = lambda n, body: "good"
    # the same model may be asked again once the trouble is over
    assert len(ask(model, questions(80))) == 80
    assert set(provider.answered.values()) == {1}


@pytest.mark.parametrize("what", ["500", "torn", *slow(("busy",), ("reset",))])
def test_an_outage_stops_in_time_without_a_wall_of_retries(run, serve, what):
    provider = serve(lambda n, body: what if n >= 20 else "good")
    start = time.monotonic()
    with pytest.raises(StoppedError, match=r"not answered for \d+ seconds.*goes on from here"):
        ask(open_toy(run, at_once=20), questions(300))
    assert time.monotonic() - start < 5
    assert provider.n_requests < 100
    assert count(run)["answered"] == 20


def test_a_client_that_cannot_be_made_is_said_without_the_proxy(run, serve, price, monkeypatch):
    provider = serve()
    price(provider)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/canary")
    monkeypatch.setenv("HTTP_PROXY", "socks9://me:canary@proxy.example")
    with pytest.raises(StoppedError, match="mend the proxy or certificates") as stop:
        ask(open_toy(run, cap_usd=9), questions(3))
    assert "canary" not in repr((stop.value, stop.value.__cause__, stop.value.__context__))
    # nothing is set aside for what was not sent
    assert count(run) == {}


def test_a_provider_that_is_not_there_is_said(run, monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(StoppedError, match="did not reach it"):
        ask(open_toy(run), questions(50))
    assert set(count(run)) == {"failed"}


def test_an_outage_that_passes_is_waited_for(run, serve):
    start = time.monotonic()
    serve(lambda n, body: "503" if 0.1 < time.monotonic() - start < 0.3 else "good", delay_s=0.01)
    patience = Patience(timeout_s=2, outage_s=30, first_delay_s=0.02, longest_delay_s=0.1)
    answers = ask(open_toy(run, patience=patience), questions(120))
    assert [answer.failure for answer in answers if answer.failure] == []


def test_who_breaks_off_keeps_what_was_sent(run, serve):
    provider = serve(delay_s=0.2)
    for number, _ in enumerate(ask_all(open_toy(run, at_once=10), questions(100), progress=False)):
        if number == 2:
            break
    assert provider.in_flight == 0
    assert count(run) == {"answered": provider.n_requests}
    assert provider.n_requests < 30


def test_a_caller_that_gives_up_waiting_loses_no_reply(run, serve):
    provider = serve(delay_s=0.3)
    model = open_toy(run)

    async def hurry():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.ask(questions(1)[0]), 0.1)
        await asyncio.sleep(0.4)
        return await model.ask(questions(1)[0])

    assert asyncio.run(hurry()).text == "echo question 0"
    assert (provider.n_requests, count(run)) == (1, {"answered": 1})


def test_it_may_be_awaited_in_a_loop_of_ones_own(run, serve):
    serve()
    model = open_toy(run)

    async def talk():
        answers = await asyncio.gather(*(model.ask(question) for question in questions(5)))
        # plain calls work while a loop is running, as it is in a notebook
        return [*answers, *ask(model, questions(6))]

    assert len({answer.text for answer in asyncio.run(talk())}) == 6


def test_it_replies_like_a_local_model(run, serve):
    serve()
    (reply,) = open_toy(run).reply(questions(1), max_new_tokens=9)
    assert (reply.text, reply.prompt_tokens, reply.reply_tokens) == ("echo question 0", 11, 5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "gpt-x"}, '"gpt-x" is no model over the API; name one like api/'),
        ({"name": "api/"}, "is no model"),
        ({"role": "the judge"}, "is no role"),
        ({"cap_usd": float("nan")}, "cap_usd is nan"),
        ({"cap_usd": -1}, "cap_usd is -1"),
        ({"cap_usd": "5"}, "cap_usd is 5"),
        ({"cap_usd": True}, "cap_usd is True"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"at_once": True}, "at_once is True"),
        ({"api_key": "x"}, "api_key cannot be set here"),
        ({"n": 2}, "n cannot be set here"),
    ],
)
def test_what_makes_no_sense_is_refused(run, serve, given, message):
    serve()
    with pytest.raises(ModelError, match=message):
        open_model(**{"name": "api/toy", "run": run, "role": "teacher", **given})


@pytest.mark.parametrize(
    "messages",
    [[], ["hello"], [{"role": "user"}], "hello", [{"role": "user", "content": "half \ud83d"}]],
)
def test_what_is_no_message_is_refused(run, serve, messages):
    provider = serve()
    with pytest.raises(CallError, match=r"messages to answer|a message (is|has)"):
        ask(open_toy(run), [Request(messages)])
    assert provider.n_requests == 0


def test_whose_words_are_under_test_is_heard_as_it_comes(run, serve):
    provider = serve(lambda n, body: "cut" if "0" in str(body["messages"]) else "no_words")
    model = open_toy(run)
    asked = [Request(question, as_it_comes=True) for question in questions(2)]
    cut, silent = ask(model, asked)
    assert (cut.text, silent.text) == ("echo question 0", "")
    # who says nothing is asked once more
    assert (provider.n_requests, count(run)) == (3, {"answered": 2, "unusable": 1})
    assert all(answer.is_from_ledger for answer in ask(model, asked))
    # to others what was cut is of no use
    assert ask(model, questions(1))[0].failure


def test_who_thinks_until_the_room_is_full_gets_more_of_it_once(run, serve):
    provider = serve(lambda n, body: "thinks")
    (found,) = ask(open_toy(run), [Request(questions(1)[0], as_it_comes=True)])
    assert [body["max_tokens"] for body in provider.bodies] == [1024, 8192]
    assert (found.text, found.failure) == ("", "")
    # who does not think has said nothing
    provider.behave, provider.bodies = lambda n, body: "cut_short", []
    (found,) = ask(open_toy(run), [Request(questions(2)[1], as_it_comes=True)])
    assert ([body["max_tokens"] for body in provider.bodies], found.text) == ([1024], "")


def test_a_model_that_was_seen_to_think_has_room_for_it_from_the_start(run, serve):
    provider = serve(lambda n, body: "thinks" if body["max_tokens"] < 800 else "good")
    model = open_toy(run, max_tokens=100, at_once=1)
    assert [answer.failure for answer in ask(model, questions(9))] == [""] * 9
    assert [body["max_tokens"] for body in provider.bodies] == [100] + [800] * 9
    # silence is met twice all the same
    provider.behave, provider.bodies = lambda n, body: "thinks", []
    (found,) = ask(model, [Request(questions(10)[9], as_it_comes=True)])
    assert ([body["max_tokens"] for body in provider.bodies], found.text) == ([800, 800], "")


def test_a_parameter_that_a_model_leaves_to_itself_is_left_out(run, serve):
    provider = serve(lambda n, body: "bad_heat" if "temperature" in body else "good")
    model = open_toy(run, temperature=0, seed=7)
    assert [answer.failure for answer in ask(model, questions(12))] == [""] * 12
    assert model.line.turned_down == {"temperature"}
    assert provider.bodies[-1]["seed"] == 7
    assert 13 <= provider.n_requests <= 24


def test_what_others_have_spent_is_not_what_a_role_may_not(run, serve, price):
    price(serve())
    ask(open_toy(run), questions(3))
    spent = open_spending(run).ledger.committed_usd
    assert spent > 0
    assert raise_cap(run, ["judge"], 1.0) == 1 + spent
    assert raise_cap(run, ["teacher", "judge"], 1.0) == 1
    assert raise_cap(run, ["judge"], 0) is None
