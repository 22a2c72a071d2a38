"""Killed at any moment while models write: the same conversations, and no reply paid for twice."""

import multiprocessing
import random
import shutil

import pytest
from actors import Actors
from conftest import COFFEE
from killed_writing import CAP_USD, write
from provider import PASSING, Provider, check_paid_once, kill_after

from workbench.conversation import Conversation, hash_text
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.synthesize.rejections import read_rejections


def spoil(role, text, body):
    """One in eight messages is no message, whenever it is asked for; one in five at first."""
    fate = int(hash_text(body["messages"][1]), 16) % 40
    is_first = len(body["messages"]) == 2
    return f"Agent: {text}" if fate < 2 or (is_first and fate < 9) else text


class Place:
    """A folder with a domain without a phrase book, and a provider beside it."""

    def __init__(self, folder, behave):
        self.folder = folder
        shutil.copytree(COFFEE, folder / "coffee")
        for name in ("agent", "customer"):
            (folder / f"coffee/phrases/{name}.yaml").unlink()
        self.provider = Provider(behave, delay_s=0.01)
        self.provider.answer = Actors(read_domain(COFFEE), spoil)
        host = f"127.0.0.1:{self.provider.port}"
        terms = "input: 1000, output: 1000, date: 2026-11-01, source: a test"
        prices = folder / "prices.yaml"
        prices.write_text(f"- {{model: toy, host: '{host}', {terms}}}")
        self.given = {"WORKBENCH_API_URL": self.provider.url, "WORKBENCH_PRICES": str(prices)}
        self.run = open_run("coffee", "killed", folder / "runs")

    def start(self):
        context = multiprocessing.get_context("forkserver")
        loaded = ["openai.resources.chat.completions", "killed_writing"]
        context.set_forkserver_preload(loaded)
        process = context.Process(target=write, args=(self.folder, self.given))
        process.start()
        return process

    def finish(self):
        self.start().join(300)
        assert (self.folder / "done.txt").exists()
        talks = self.run.read("conversations.jsonl", Conversation)
        assert len({talk.scenario_id for talk in talks}) == len(talks)
        self.provider.close()
        by_id = {talk.scenario_id: talk.model_dump() for talk in talks}
        return by_id, {line.key for line in read_rejections(self.run)}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """What comes of it where nothing goes wrong."""
    return Place(tmp_path_factory.mktemp("whole"), lambda n, body: "good").finish()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_kills", "seed"),
    [(3, 1), *(pytest.param(12, s, marks=pytest.mark.exhaustive) for s in (2, 3))],
)
def test_whenever_it_is_killed_the_same_conversations_come_and_none_is_paid_for_twice(
    uninterrupted, tmp_path, n_kills, seed
):
    dice = random.Random(seed)
    trouble = [what for what in PASSING if what != "prose"]
    place = Place(tmp_path, lambda n, body: dice.choice(trouble) if dice.random() < 0.1 else "good")
    for _ in range(n_kills):
        kill_after(place.start(), place.provider, dice.randrange(5, 90), dice.random() / 20)
    talks, rejected = place.finish()
    assert (talks, rejected) == uninterrupted
    assert len(talks) > 20
    assert {line[3] for line in rejected} > {"given up"}
    check_paid_once(place.run, place.provider, CAP_USD)
