"""Killed at any moment and begun again: the same answers, and no reply asked for twice."""

import multiprocessing
import random
import sqlite3
from collections import Counter

import pytest
from killed import CAP_USD, ask
from provider import PASSING, Provider, kill_after


@pytest.fixture
def start(tmp_path):
    """Starts the program in a process of its own, made from one that has the imports behind it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["openai.resources.chat.completions", "workbench.api.model"])

    def start(provider):
        host = f"127.0.0.1:{provider.port}"
        terms = "input: 1000, output: 1000, date: 2026-11-01, source: a test"
        prices = tmp_path / "prices.yaml"
        prices.write_text(f"- {{model: toy, host: '{host}', {terms}}}")
        given = {"WORKBENCH_API_URL": provider.url, "WORKBENCH_PRICES": str(prices)}
        process = context.Process(target=ask, args=(tmp_path, given))
        process.start()
        return process

    return start


@pytest.mark.parametrize(
    ("n_kills", "seed"),
    [(2, 1), *(pytest.param(12, s, marks=pytest.mark.exhaustive) for s in (2, 3))],
)
def test_whenever_it_is_killed_the_same_answers_come_and_none_is_asked_for_twice(
    start, tmp_path, n_kills, seed
):
    dice = random.Random(seed)
    trouble = [what for what in PASSING if what != "prose"]
    provider = Provider(
        lambda n, body: dice.choice(trouble) if dice.random() < 0.1 else "good", delay_s=0.02
    )
    for _ in range(n_kills):
        kill_after(start(provider), provider, dice.randrange(5, 70), dice.random() / 50)
    start(provider).join(100)
    answers = (tmp_path / "answers.txt").read_text().split("\n")
    assert answers == [f"echo question {number}" for number in range(150)]

    rows = sqlite3.connect(tmp_path / "runs/toy/calls/calls.sqlite").execute(
        "SELECT call_id, attempt, state, answer, cost_usd FROM calls ORDER BY call_id, attempt"
    )
    attempts = rows.fetchall()
    states = Counter(state for _, _, state, _, _ in attempts)
    assert "reserved" not in states
    assert states["answered"] == 150
    # after an answer there is no further attempt
    last = {call_id: state for call_id, _, state, _, _ in attempts}
    assert set(last.values()) == {"answered"}
    # what was answered more than once are replies that were on their way to a killed process
    again = sum(provider.answered.values()) - 150
    assert again <= states["unknown"]
    # the provider has charged no more than the ledger says at most
    assert sum(provider.charged.values()) / 1000 <= sum(row[4] or 0 for row in attempts) <= CAP_USD
    assert provider.n_requests <= len(attempts)
    provider.close()
