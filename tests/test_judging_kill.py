"""Killed at any moment while a judge scores: the same verdicts, and no reply asked for twice."""

import json
import multiprocessing
import random

import pytest
from killed_judging import CAP_USD, judge
from provider import PASSING, Provider, check_paid_once, kill_after
from remote import BookReader, plan_customers
from verdicts import answer_as_a_judge

from workbench.evaluate.conditions import Walker
from workbench.evaluate.judge import FILE, Judged
from workbench.evaluate.simulation import file_of, limit_replies, list_customers, simulate
from workbench.evaluate.stage import score_all
from workbench.run import open_run


class Place:
    """A folder with a run that has been evaluated, and a provider beside it."""

    def __init__(self, folder, domain, behave):
        self.folder = folder
        self.provider = Provider(behave, delay_s=0.02)
        self.provider.answer = answer_as_a_judge
        host = f"127.0.0.1:{self.provider.port}"
        terms = "input: 1000, output: 1000, date: 2026-11-01, source: a test"
        prices = folder / "prices.yaml"
        prices.write_text(f"- {{model: toy, host: '{host}', {terms}}}")
        self.given = {"WORKBENCH_API_URL": self.provider.url, "WORKBENCH_PRICES": str(prices)}
        self.run = open_run("coffee", "killed", folder / "runs")
        self._evaluate(domain)

    def _evaluate(self, domain):
        """The scripted agent's talks, under its own name and the compiled model's."""
        scenarios = plan_customers(domain, 3)
        customers, limit = list_customers(scenarios, ["unseen"]), limit_replies(scenarios)
        walker = Walker(domain, "walker/true_labels", has_true_ears=True)
        talks = [*simulate(walker, customers, domain, BookReader(domain), limit, False)]
        for name in ("walker/true_labels", "compiled"):
            named = {"condition": name}
            own = [
                talk.model_copy(update=named | {"conversation_id": f"{name} {talk.scenario_id}"})
                for talk in talks
            ]
            self.run.write(file_of(name), own)
            self.run.append("scores.jsonl", score_all(own, scenarios, domain))
        self.run.write("scenarios.jsonl", scenarios)

    def start(self):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["openai.resources.chat.completions", "killed_judging"])
        process = context.Process(target=judge, args=(self.folder, self.given))
        process.start()
        return process

    def finish(self):
        """All verdicts as they are kept, and what they come to."""
        self.start().join(300)
        assert (self.folder / "done").exists()
        self.provider.close()
        kept = self.run.read(FILE, Judged)
        assert len({record.judged_id for record in kept}) == len(kept)
        found = json.loads(self.run.file("result.json").read_text())["judge"]
        return {record.judged_id: record for record in kept}, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_kills", "seed"),
    [(3, 1), *(pytest.param(12, s, marks=pytest.mark.exhaustive) for s in (2, 3))],
)
def test_whenever_it_is_killed_the_same_verdicts_come_and_none_is_paid_for_twice(
    tmp_path_factory, coffee_domain, n_kills, seed
):
    dice = random.Random(seed)
    trouble = [what for what in PASSING if what not in ("prose", "silent", "stalled")]

    def behave(n, body):
        return dice.choice(trouble) if dice.random() < 0.1 else "good"

    straight = Place(tmp_path_factory.mktemp("whole"), coffee_domain, lambda n, body: "good")
    place = Place(tmp_path_factory.mktemp("killed"), coffee_domain, behave)
    for _ in range(n_kills):
        kill_after(place.start(), place.provider, dice.randrange(2, 12), dice.random() / 50)
    verdicts, found = place.finish()
    assert (verdicts, found) == straight.finish()
    assert 0 < found["unscored"] < found["asked"] / 2
    check_paid_once(place.run, place.provider, CAP_USD)
