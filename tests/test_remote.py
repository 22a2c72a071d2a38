"""Models over the API as conditions: what they are asked, what is kept, and what it may cost."""

import json
import multiprocessing
import random
import sqlite3
import weakref
from collections import Counter
from contextlib import closing
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider import PASSING, check_paid_once, kill_after
from remote import (
    BookReader,
    count_customers,
    evaluate_to_be_killed,
    hold,
    start_provider,
)

from workbench.api.breaker import Patience, StoppedError
from workbench.api.endpoint import EndpointError
from workbench.api.ledger import LedgerError
from workbench.api.spending import CapError, open_spending
from workbench.chat_format import JOINING
from workbench.conformance import Aligner
from workbench.conversation import Message
from workbench.evaluate import side_by_side, stage
from workbench.evaluate.baselines import BaselineError, name_baselines, open_baseline
from workbench.evaluate.metrics import average_scores, score_conversation
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.evaluate.remote import ROOM, LedAgent, complete_turns, read_letter
from workbench.evaluate.simulation import Simulated, file_of
from workbench.inspect.rows import hash_rows
from workbench.run import open_run

WAYS = ("in_context/toy", "orchestrated/toy")


@pytest.fixture
def run(tmp_path):
    return open_run("coffee", "calls", tmp_path / "runs")


@pytest.fixture
def serve(monkeypatch, tmp_path, coffee_domain):
    """Starts a provider that knows the toy domain's words, at 1,000 dollars a million tokens."""
    started = []

    def serve(*given, **more):
        provider = start_provider(coffee_domain, *given, **more)
        started.append(provider)
        host = f"127.0.0.1:{provider.port}"
        terms = "input: 1000, output: 1000, date: 2026-11-01, source: a test"
        file = tmp_path / "prices.yaml"
        file.write_text(f"- {{model: toy, host: '{host}', {terms}}}")
        monkeypatch.setenv("WORKBENCH_API_URL", provider.url)
        monkeypatch.setenv("WORKBENCH_PRICES", str(file))
        return provider

    yield serve
    for provider in started:
        provider.close()


def words(talks):
    return {talk.conversation_id: talk.conversation.messages for talk in talks}


def misbehave(share, seed=3):
    dice = random.Random(seed)
    trouble = [what for what in PASSING if what not in ("prose", "no_words")]
    return lambda n, body: dice.choice(trouble) if dice.random() < share else "good"


def tokens(run):
    rows = sqlite3.connect(run.file("calls.sqlite")).execute(
        "SELECT total(prompt_tokens), total(output_tokens) FROM calls"
    )
    return rows.fetchone()


TURNS = st.lists(
    st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=5)),
    max_size=7,
)


@given(TURNS)
def test_whatever_was_said_a_customer_is_first_and_last_and_sides_take_turns(turns):
    system = Message(role="system", content="You are.")
    first, *rest = complete_turns([system, *turns])
    assert first == {"role": "system", "content": "You are."}
    assert rest[0]["role"] == rest[-1]["role"] == "user"
    roles = [turn["role"] for turn in rest]
    assert all(a != b for a, b in pairwise(roles))
    said = " ".join(turn["content"] for turn in rest)
    assert all(turn.content in said for turn in turns)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("b.", "B"),
        ("**(C)**", "C"),
        ("Answer: B", "B"),
        ("Not A, so B.", "B"),
        ("A customer said no: C", "C"),
        ("A: the order is complete", "A"),
        ("B. The order is not complete, so not A.", "B"),
        ("**B** - the others, A and C, do not fit", "B"),
        ("C\n\nNeither A nor B", "C"),
        ("D", ""),
        ("I do not know", ""),
        ("It is over", ""),
        ("", ""),
    ],
)
def test_a_router_s_letter_is_found_in_what_it_says(text, letter):
    assert read_letter(text, "ABC") == letter


def test_a_model_is_two_baselines_and_a_name_that_is_none_is_refused():
    asked = " api/openai/gpt-6, in_context/openai/gpt-6 ,served/model, local/coffee/mine,"
    assert name_baselines(asked) == [
        "in_context/openai/gpt-6", "orchestrated/openai/gpt-6", "served/model", "local/coffee/mine",
    ]  # fmt: skip
    assert name_baselines("in_context/api/gpt-6") == ["in_context/gpt-6"]
    assert name_baselines("") == []
    for name in ("gpt-6", "api/", "in_context/base", "judge/gpt-6", "api/base"):
        with pytest.raises(BaselineError, match=f'"{name}" is no baseline'):
            name_baselines(name)


def test_no_two_conditions_share_a_file():
    names = ["in_context/base", "in_context/a/b", "in_context/a_b", "in_context/a%2Fb"]
    names += [f"local/{'x' * 300}{n}" for n in range(2)]
    files = [file_of(name) for name in names]
    assert len(set(files)) == len(names)
    assert files[0] == "simulated/in_context_base.jsonl"
    assert all(len(file) < 240 and file.count("/") == 1 for file in files)


@pytest.mark.parametrize("way", WAYS)
def test_every_customer_is_talked_with_to_the_end_though_a_fifth_of_the_calls_fails(
    way, run, serve, coffee_domain
):
    provider = serve(misbehave(0.2))
    talks = hold(run, coffee_domain, way)
    assert len(talks) == count_customers(coffee_domain) == len(words(talks))
    assert not any(talk.failure for talk in talks)
    assert all(talk.conversation.messages[-1].role == "assistant" for talk in talks)
    # every reply that was received is in the ledger, with the tokens that the server counted
    assert tokens(run) == (provider.replied["prompt"], provider.replied["output"])
    spent = open_spending(run).ledger.committed_usd
    assert spent >= sum(provider.charged.values()) / 1000
    assert run.read(file_of(way), Simulated) == talks


def test_what_each_reply_took_is_kept(run, serve, coffee_domain):
    provider = serve()
    talks = hold(run, coffee_domain, "orchestrated/toy")
    assert all(len(talk.usage) == talk.replies for talk in talks)
    usage = [usage for talk in talks for usage in talk.usage]
    assert sum(u.calls for u in usage) > len(usage)
    assert sum(u.prompt_tokens for u in usage) == sum(talk.prompt_tokens for talk in talks)
    # what two talks ask alike, such as the opening, is paid once and counts in both
    assert sum(talk.cost_usd for talk in talks) >= sum(provider.replied.values()) / 1000
    assert {talk.at_once for talk in talks} == {0}


def test_talks_are_the_same_in_whatever_order_replies_come(tmp_path, serve, coffee_domain):
    for_all = []
    for n, more in enumerate(({"delay_s": 0.01}, {}, {"behave": misbehave(0.1)})):
        serve(**more)
        run = open_run("coffee", f"order{n}", tmp_path / "runs")
        for_all.append(words(hold(run, coffee_domain, "in_context/toy", at_once=1 + 7 * n)))
    assert for_all[0] == for_all[1] == for_all[2]


def test_every_prompt_begins_with_the_procedure_and_goes_on_with_what_was_said(
    run, serve, coffee_domain
):
    provider = serve()
    talks = hold(run, coffee_domain, "in_context/toy")
    system = {"role": "system", "content": write_procedure_prompt(coffee_domain)}
    for body in provider.bodies:
        assert body["messages"][0] == system
        assert body["messages"][1] == {"role": "user", "content": JOINING}
        assert (body["temperature"], body["max_tokens"]) == (0, ROOM)
    # each prompt but the first of a talk is a longer one's beginning: a provider may cache it
    prompts = {json.dumps(body["messages"])[:-1] for body in provider.bodies}
    for talk in talks:
        said = [message.model_dump() for message in talk.conversation.messages[1:]]
        opening = [system, {"role": "user", "content": JOINING}]
        for n in range(0, len(said), 2):
            assert json.dumps([*opening, *said[:n]])[:-1] in prompts
    # and the customers see nothing of it
    assert {t.conversation.messages[0].content for t in talks} == {coffee_domain.system_prompt()}


def test_the_model_behind_a_server_sees_a_talk_as_it_was_trained(
    run, serve, coffee_domain, monkeypatch
):
    provider = serve(lambda n, body: "cut")
    monkeypatch.setenv("WORKBENCH_SERVED_API_URL", provider.url)
    monkeypatch.delenv("WORKBENCH_API_URL")
    talks = hold(run, coffee_domain, "served/toy")
    assert not any(talk.failure for talk in talks)
    for body in provider.bodies:
        assert body["messages"][0]["content"] == coffee_domain.system_prompt()
        assert [m["role"] for m in body["messages"][1:3]] in ([], ["assistant", "user"])
        # its replies are cut where they are in process
        assert body["max_tokens"] == 24


def test_an_orchestrator_walks_where_the_router_says(run, serve, coffee_domain):
    provider = serve()
    letters = iter("?ABA")
    provider.answer = lambda body: (
        next(letters) if "one letter" in body["messages"][-1]["content"] else "Well?"
    )
    agent = open_baseline("orchestrated/toy", run, coffee_domain, 24)
    agent.model.patience = Patience(first_delay_s=0.01)
    talks = hold_one(agent, ["A tea", "Large", "Here you are"])
    assert [reply.text for reply in talks] == ["Well?", "Well?", "Well? Well?", "Well?"]
    # the first answer names no route, so the router is asked again
    assert [reply.calls for reply in talks] == [1, 3, 3, 2]
    asked = [body["messages"][-1]["content"] for body in provider.bodies]
    assert asked.count("Which is it? Answer with one letter and nothing else: A, B, C, D.") == 1
    # behind what it has just said it goes on, and no provider is asked to go on by itself
    assert sum(text.startswith("(The customer has not answered yet.") for text in asked) == 1


def hold_one(agent, answers):
    """The replies of a talk in which the customer says these things."""
    from workbench.api.portal import run as do

    async def talk():
        speak, said = agent.open("one"), [Message(role="system", content="You are.")]
        replies = [await speak(said)]
        for answer in answers:
            said.append(Message(role="assistant", content=replies[-1].text))
            said.append(Message(role="user", content=answer))
            replies.append(await speak(said))
        return replies

    return do(talk())


def test_a_router_that_names_no_route_twice_takes_the_first_and_is_counted(
    run, serve, coffee_domain
):
    provider = serve()
    provider.answer = lambda body: "Well?"
    agent = open_baseline("orchestrated/toy", run, coffee_domain, 24)
    replies = hold_one(agent, ["A tea", "Large"])
    assert [reply.unread for reply in replies] == [0, 1, 1]
    assert isinstance(agent, LedAgent)
    talks = hold(run, coffee_domain, "orchestrated/toy")
    assert sum(talk.unread for talk in talks) > 0


def test_a_talk_that_has_no_answer_is_unscored_and_tried_again(run, serve, coffee_domain):
    def turn_some_away(n, body):
        return "bad_request" if crc32(json.dumps(body["messages"]).encode()) % 9 == 0 else "good"

    provider = serve(turn_some_away)
    talks = hold(run, coffee_domain, "in_context/toy")
    broken = [talk for talk in talks if talk.failure]
    assert 0 < len(broken) < len(talks)
    assert all("context length exceeded" in talk.failure for talk in broken)
    assert not any("canary" in talk.failure for talk in broken)
    aligner = Aligner(coffee_domain.flowchart)
    scores = [score_conversation(talk, None, coffee_domain, aligner) for talk in broken]
    assert not any(score.is_clean for score in scores)
    metric = average_scores(scores)["in_context/toy"]["seen"]["ending_correct"]
    assert (metric.mean, metric.n) == (None, 0)
    assert metric.unscored == sum(talk.stratum == "seen" for talk in broken)
    # the provider has mended its ways
    provider.behave = lambda n, body: "good"
    before = Counter(provider.answered)
    again = hold(run, coffee_domain, "in_context/toy")
    assert not any(talk.failure for talk in again)
    whole = {talk.conversation_id for talk in talks} - {talk.conversation_id for talk in broken}
    assert {i: said for i, said in words(again).items() if i in whole} == {
        i: said for i, said in words(talks).items() if i in whole
    }
    assert sum(provider.answered.values()) > sum(before.values())
    assert [talk.conversation_id for talk in run.read(file_of("in_context/toy"), Simulated)] == [
        talk.conversation_id for talk in talks
    ]


def test_as_many_talks_are_open_as_are_held_at_once_and_none_that_has_ended_stays(
    run, serve, coffee_domain, monkeypatch
):
    serve()
    n_begun, ended, begin = Counter(), [], side_by_side.begin_talk

    def count(*given):
        n_begun.update(["talk"])
        return begin(*given)

    def watch(*given):
        for talk in side_by_side.hold_side_by_side(*given):
            ended.append(weakref.ref(talk))
            assert n_begun["talk"] - len(ended) <= 4
            # this one, and those before it that loops have in their hands still
            assert sum(one() is not None for one in ended) <= 3
            yield talk

    monkeypatch.setattr(side_by_side, "begin_talk", count)
    monkeypatch.setattr(stage, "hold_side_by_side", watch)
    talks = hold(run, coffee_domain, "in_context/toy", at_once=4, times=2)
    assert len(ended) == len(talks) == n_begun["talk"] > 30


def asked_twice(run):
    """Calls that had a good answer and were sent again, by the ledger."""
    with closing(sqlite3.connect(run.file("calls.sqlite"))) as ledger:
        answered = "SELECT count(*) - count(DISTINCT call_id) FROM calls WHERE state = 'answered'"
        return ledger.execute(answered).fetchone()[0]


@pytest.mark.parametrize("way", WAYS)
def test_a_provider_that_is_down_for_good_ends_it_with_all_that_was_paid_kept(
    way, run, serve, coffee_domain
):
    provider = serve(lambda n, body: "good" if n < 15 else "500")
    with pytest.raises(StoppedError, match=r"has not answered for .* run this again: it goes on"):
        hold(run, coffee_domain, way)
    assert tokens(run) == (provider.replied["prompt"], provider.replied["output"])
    provider.behave, provider.bodies = lambda n, body: "good", []
    n_paid = provider.replied["output"]
    talks = hold(run, coffee_domain, way)
    # what the provider had answered was not asked again
    assert asked_twice(run) == 0
    assert provider.replied["output"] == tokens(run)[1]
    straight = open_run("coffee", "straight", run.folder.parent.parent)
    assert words(talks) == words(hold(straight, coffee_domain, way))
    assert tokens(straight) == tokens(run)
    assert n_paid > 0


def test_the_cap_is_never_exceeded_and_a_higher_one_goes_on(run, serve, coffee_domain):
    provider = serve()
    # some calls' cost; each is reckoned at a token a byte, and an answer that takes all its room
    provider.usage, cap = lambda body: (100, 50), 8.0
    with pytest.raises(CapError, match="raise"):
        hold(run, coffee_domain, "in_context/toy", usd=cap)
    spent = sum(provider.charged.values()) / 1000
    assert 0 < spent <= open_spending(run).ledger.committed_usd + 1e-9 <= cap
    n_before = provider.n_requests
    talks = hold(run, coffee_domain, "in_context/toy", usd=500)
    assert len(talks) == count_customers(coffee_domain)
    assert asked_twice(run) == 0
    assert provider.replied["output"] == tokens(run)[1]
    assert provider.n_requests > n_before


def test_a_call_is_made_for_each_customer_though_all_are_asked_the_same(run, serve, coffee_domain):
    provider = serve()
    talks = hold(run, coffee_domain, "in_context/toy")
    # the procedure and nothing of a customer's: a cache knows it, a ledger may not answer it
    opening = Counter(json.dumps(body["messages"]) for body in provider.bodies).most_common(1)
    assert opening[0][1] == len(talks)


def test_talks_of_two_providers_are_not_mixed(run, serve, coffee_domain):
    serve(lambda n, body: "good" if n < 15 else "bad_key")
    with pytest.raises(StoppedError):
        hold(run, coffee_domain, "in_context/toy")
    other = serve()
    with pytest.raises(BaselineError, match=r"was begun otherwise: host was 127\.0"):
        hold(run, coffee_domain, "in_context/toy")
    assert other.n_requests == 0


def test_talks_at_two_prices_are_not_mixed(run, serve, coffee_domain, tmp_path):
    serve(lambda n, body: "good" if n < 15 else "bad_key")
    with pytest.raises(StoppedError):
        hold(run, coffee_domain, "in_context/toy")
    prices = tmp_path / "prices.yaml"
    prices.write_text(prices.read_text().replace("output: 1000", "output: 2000"))
    with pytest.raises(LedgerError, match="put the old price back"):
        hold(run, coffee_domain, "in_context/toy")


def test_customers_of_another_seed_are_another_set(run, serve, coffee_domain):
    serve()
    first = hold(run, coffee_domain, "in_context/toy")
    second = hold(run, coffee_domain, "in_context/toy", seed=8)
    ids = [{talk.scenario_id for talk in talks} for talks in (first, second)]
    assert len(first) == len(second)
    assert ids[0].isdisjoint(ids[1])
    assert run.read(file_of("in_context/toy"), Simulated) == second


def test_who_answered_and_how_is_on_record(run, serve, coffee_domain):
    serve(lambda n, body: "bad_heat" if "temperature" in body else "good")
    hold(run, coffee_domain, "in_context/toy")
    found = run.manifest["evaluate"]["baselines"]["in_context/toy"]
    assert (found["model"], found["answered_by"]) == ("toy", ["toy-2026-11-01"])
    assert (found["sampling"], found["max_tokens"]) == ("the provider's own", ROOM)


def test_a_run_of_another_domain_has_no_model_to_compare_with(
    tmp_path, monkeypatch, coffee_domain, printer
):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    other = open_run("coffee", "mine", tmp_path)
    other.write("rows/train.jsonl", [{"messages": []}])
    other.record("train", inputs={"rows": hash_rows(other)}, result={})
    other.write_text("model/model.safetensors", "")
    agent = open_baseline("local/coffee/mine", other, coffee_domain, 24)
    assert (agent.name, agent.folder) == ("local/coffee/mine", other.file("model"))
    assert open_baseline(f"local/{other.file('model')}", other, printer, 9).max_new_tokens == 9
    with pytest.raises(BaselineError, match="compiled from coffee, and its customers"):
        open_baseline("local/coffee/mine", other, printer, 24)


class DeafReader(BookReader):
    def label_apart(self, texts):
        raise RuntimeError("deaf")


def test_a_reader_that_fails_is_heard_and_leaves_nobody_waiting(
    run, serve, coffee_domain, monkeypatch
):
    serve()
    monkeypatch.setattr("remote.BookReader.label_apart", DeafReader.label_apart)
    with pytest.raises(RuntimeError, match="deaf"):
        hold(run, coffee_domain, "in_context/toy")


@pytest.fixture
def start(tmp_path, coffee_domain):
    """Starts the program in a process of its own, made from one that has the imports behind it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["openai", "remote"])

    def start(provider, way):
        given = {
            "WORKBENCH_API_URL": provider.url,
            "WORKBENCH_PRICES": str(tmp_path / "prices.yaml"),
        }
        process = context.Process(target=evaluate_to_be_killed, args=(tmp_path, given, way))
        process.start()
        return process

    return start


@pytest.mark.parametrize(
    ("way", "n_kills", "seed"),
    [
        ("in_context/toy", 2, 1),
        *(pytest.param(way, 10, 2, marks=pytest.mark.exhaustive) for way in WAYS),
    ],
)
def test_whenever_it_is_killed_the_same_talks_come_and_no_reply_is_asked_for_twice(
    way, n_kills, seed, start, serve, tmp_path, coffee_domain
):
    dice = random.Random(seed)
    provider = serve(misbehave(0.05, seed), delay_s=0.02)
    for _ in range(n_kills):
        kill_after(start(provider, way), provider, dice.randrange(5, 20), dice.random() / 50)
    assert not (tmp_path / "done").exists()
    start(provider, way).join(100)
    assert (tmp_path / "done").exists()
    run = open_run("coffee", "calls", tmp_path / "runs")
    check_paid_once(run, provider, 500)
    talks = run.read(file_of(way), Simulated)
    again = open_run("coffee", "straight", tmp_path / "runs")
    straight = hold(again, coffee_domain, way, times=3)
    assert [talk.conversation_id for talk in talks] == [t.conversation_id for t in straight]
    assert words(talks) == words(straight)


def test_talks_that_are_all_on_file_need_no_provider(run, serve, coffee_domain, monkeypatch):
    serve()
    talks = hold(run, coffee_domain, "in_context/toy")
    monkeypatch.delenv("WORKBENCH_API_URL")
    assert hold(run, coffee_domain, "in_context/toy") == talks
    # others do, and say so before anything takes time
    with pytest.raises(EndpointError, match="no provider is set"):
        hold(run, coffee_domain, "in_context/other")
