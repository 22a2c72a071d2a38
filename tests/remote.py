"""Customers of a toy domain, and a provider that answers them in its phrase book's words."""

import json
import os
from pathlib import Path
from zlib import crc32

from provider import Provider

from workbench.api.breaker import Patience
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.domain import Domain, read_domain
from workbench.evaluate.baselines import open_baseline
from workbench.evaluate.simulation import limit_replies, list_customers
from workbench.evaluate.stage import Condition, simulate_condition
from workbench.run import Run, open_run
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice

COFFEE = Path(__file__).parent / "toy" / "coffee"
# a machine that is busy elsewhere may keep a good reply waiting for a second
QUICK = Patience(timeout_s=4, outage_s=0.4, first_delay_s=0.01, longest_delay_s=0.05)
STRATA = ("seen", "unseen")


def plan_customers(domain: Domain, times: int = 2, seed: int = 7) -> list:
    paths = enumerate_paths(domain.flowchart)
    return [plan_scenario(p, "test", domain, seed, n) for p in paths for n in range(times)]


class BookReader:
    """Reads the phrase book's messages by heart, and nothing in others."""

    def __init__(self, domain: Domain):
        self.known = {
            message.content: label
            for talk in write_practice(domain, plan_customers(domain, 4), 7)
            for message, label in zip(talk.messages, talk.labels, strict=True)
            if message.role == "assistant"
        }

    def label(self, texts):
        return [self.known.get(text, Label()) for text in texts]

    label_apart = label


def speak_by_the_book(domain: Domain):
    """What a provider answers: something of the phrase book, or a letter if it is to route."""
    texts = sorted(BookReader(domain).known)

    def answer(body):
        draw = crc32(json.dumps(body["messages"]).encode())
        if body["messages"][-1]["content"].endswith("Answer with one letter."):
            return "AB"[draw % 2]
        return texts[draw % len(texts)]

    return answer


def hold(
    run: Run,
    domain: Domain,
    name: str,
    usd: float = 0.0,
    at_once: int = 8,
    times: int = 1,
    seed: int = 7,
):
    """The condition's talks with all customers of the toy domain."""
    agent = open_baseline(name, run, domain, 24, usd)
    agent.model.at_once, agent.model.patience = at_once, QUICK
    scenarios = plan_customers(domain, times, seed)
    limit, condition = limit_replies(scenarios), Condition(agent, scenarios, STRATA)
    return [*simulate_condition(run, condition, domain, BookReader(domain), limit, progress=False)]


def count_customers(domain: Domain, times: int = 1) -> int:
    return len(list_customers(plan_customers(domain, times), STRATA))


def evaluate_to_be_killed(folder: Path, environment: dict[str, str], name: str) -> None:
    """Hold all talks of a condition, and write down that it is done: a program to be killed."""
    os.environ.update(environment)
    hold(open_run("coffee", "calls", folder / "runs"), read_domain(COFFEE), name, 500, times=3)
    (folder / "done").write_text("")


def start_provider(domain: Domain, *given, **more) -> Provider:
    provider = Provider(*given, **more)
    provider.answer = speak_by_the_book(domain)
    return provider
