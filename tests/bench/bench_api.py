"""Calls a second beside a bare asynchronous client, and memory over ten thousand calls.

Run it with `python tests/bench/bench_api.py`. The provider is a process of its own on this machine
that answers after 200 ms. Both ways of asking take turns, 64 calls in flight. Whole talks of an
evaluation take part too (printed, not judged), with simulated customers of the toy domain who know
the phrase book by heart: what a recognizer takes to read a message comes on top of that. It fails
where calls are slower, or take more memory the more there are, than they may be.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

AT_ONCE = 64

LEAST_SHARE = 0.9
"""Of the bare client's rate."""

MOST_GROWTH = 1.1
"""Of memory, from the tenth part of all calls to all, and from 100 talks to all."""


def question(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"question {number} " + "of some length " * 20}]


def serve(pipe, delay_s: float) -> None:
    """Answer until killed."""
    from provider import Provider

    pipe.send(Provider(delay_s=delay_s).url)
    while True:
        time.sleep(60)


def start_provider(delay_s: float):
    """A provider in a process of its own, and its address."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, delay_s), daemon=True)
    process.start()
    return process, ours.recv()


async def ask_barely(url: str, numbers: range) -> None:
    """The least that an asynchronous client needs to have many calls in flight."""
    from openai import AsyncOpenAI

    places = asyncio.Semaphore(AT_ONCE)

    async def ask(number: int) -> str:
        async with places:
            reply = await client.chat.completions.create(model="toy", messages=question(number))
            return reply.choices[0].message.content

    async with AsyncOpenAI(api_key="none", base_url=url, max_retries=0) as client:
        await ask(-1)
        await asyncio.gather(*map(ask, numbers))


def measure_rates(n_calls: int, n_rounds: int) -> bool:
    """Print calls a second of both ways, in turns; whether ours are as many as they should be."""
    from workbench.api.model import ask_all

    process, url = start_provider(0.2)
    model = open_toy(url)
    list(ask_all(model, [question(-1)], progress=False))
    rates = {"bare client": [], "workbench": []}
    for turn in range(n_rounds):
        numbers = range(turn * n_calls, (turn + 1) * n_calls)
        start = time.perf_counter()
        asyncio.run(ask_barely(url, numbers))
        rates["bare client"].append(n_calls / (time.perf_counter() - start))
        start = time.perf_counter()
        answers = ask_all(model, map(question, numbers), progress=False)
        assert sum(not answer.failure for answer in answers) == n_calls
        rates["workbench"].append(n_calls / (time.perf_counter() - start))
    process.kill()
    for way, found in rates.items():
        print(f"{way:<12}{statistics.median(found):7.1f} calls a second", *map(round, found))
    share = statistics.median(
        ours / bare for bare, ours in zip(rates["bare client"], rates["workbench"], strict=True)
    )
    print(f"{share:.0%} of the bare client's rate, by turns; 200 ms allow {AT_ONCE / 0.2:.0f}")
    return share >= LEAST_SHARE


def open_baseline_toy(run, domain):
    from workbench.evaluate.baselines import open_baseline

    agent = open_baseline("in_context/toy", run, domain, 24)
    agent.model.at_once = AT_ONCE
    return agent


def plan_talks(domain, n_talks: int, seed: int) -> list:
    """So many customers, no two of whom say all alike."""
    from remote import plan_customers

    scenarios = itertools.cycle(plan_customers(domain, 1))
    return [
        s.model_copy(update={"seed": f"{seed}-{n}", "scenario_id": f"{seed}-{n}"})
        for n, s in zip(range(n_talks), scenarios, strict=False)
    ]


def hold_talks(run, n_talks: int, seed: int):
    """So many talks of customers with the model, as they end."""
    from remote import COFFEE, BookReader

    from workbench.domain import read_domain
    from workbench.evaluate.side_by_side import hold_side_by_side
    from workbench.evaluate.simulation import limit_replies

    domain = read_domain(COFFEE)
    scenarios = plan_talks(domain, n_talks, seed)
    agent, reader = open_baseline_toy(run, domain), BookReader(domain)
    customers, limit = [("unseen", s) for s in scenarios], limit_replies(scenarios)
    return hold_side_by_side(agent, customers, domain, reader, limit, progress=False)


def count_calls(run) -> int:
    from workbench.api.spending import tally_calls

    return sum(sum(tally.states.values()) for tally in tally_calls(run))


def measure_talks(n_calls: int, n_rounds: int) -> None:
    """Print calls a second in whole talks beside the bare client's, in turns."""
    process, url = start_provider(0.2)
    run, shares, rates = open_toy(url).line.spending.ledger.run, [], []
    for turn in range(n_rounds):
        start = time.perf_counter()
        asyncio.run(ask_barely(url, range(n_calls)))
        bare = n_calls / (time.perf_counter() - start)
        before, start = count_calls(run), time.perf_counter()
        for _ in hold_talks(run, n_calls // 4, turn):
            pass
        rates.append((count_calls(run) - before) / (time.perf_counter() - start))
        shares.append(rates[-1] / bare)
    process.kill()
    print(f"{'talks':<12}{statistics.median(rates):7.1f} calls a second", *map(round, rates))
    print(f"{statistics.median(shares):.0%} of the bare client's rate, begin and end included")


def measure_talks_memory(n_talks: int) -> bool:
    """Print the most memory of processes that hold and score few talks and many; whether it stays.

    Each holds a whole condition of an evaluation, files included. All have the records of as many
    customers, who are there before they talk.
    """
    process, url = start_provider(0.0)
    counts, held, scored = sorted({min(100, n_talks), n_talks}), [], []
    for n in counts:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        child = context.Process(target=hold_condition, args=(theirs, url, n, n_talks), daemon=True)
        child.start()
        for found in (held, scored):
            found.append(ours.recv())
        child.join()
        print(f"{n:>6} talks{held[-1]:8.1f} MB held, {scored[-1]:.1f} MB scored too")
    process.kill()
    for what, found in (("holding", held), ("scoring too", scored)):
        each_kb = (found[-1] - found[0]) / max(1, counts[-1] - counts[0]) * 2**10
        print(f"{each_kb:.1f} KB a talk for {what}")
    return held[-1] <= held[0] * MOST_GROWTH


def hold_condition(pipe, url: str, n_talks: int, n_customers: int) -> None:
    """Hold a condition's talks, then score them; sends the most memory so far after each."""
    from remote import COFFEE, BookReader

    from workbench.domain import read_domain
    from workbench.evaluate.simulation import limit_replies
    from workbench.evaluate.stage import Condition, score_all, simulate_condition

    run, domain = open_toy(url).line.spending.ledger.run, read_domain(COFFEE)
    scenarios = plan_talks(domain, n_customers, 0)
    condition = Condition(open_baseline_toy(run, domain), scenarios[:n_talks], ("unseen",))
    reader, limit = BookReader(domain), limit_replies(scenarios)
    talks = simulate_condition(run, condition, domain, reader, limit, progress=False)
    pipe.send(find_peak())
    scores = score_all(talks, scenarios, domain)
    assert len(scores) == n_talks
    pipe.send(find_peak())


def find_peak() -> float:
    """The most memory that this process has had, in MB."""
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def measure_memory(n_calls: int) -> bool:
    """Whether memory stays while so many calls are made."""
    from workbench.api.model import ask_all

    process, url = start_provider(0.0)
    answers = ask_all(open_toy(url), map(question, range(n_calls)), progress=False)
    stays = watch_memory(answers, n_calls, "calls")
    process.kill()
    return stays


def watch_memory(things: Iterable, n: int, what: str) -> bool:
    """Print memory after 100, after the tenth part of all, and after all; whether it stays."""
    found = {}
    for number, _ in enumerate(things, start=1):
        if number in {100, n // 10, n}:
            found[number] = psutil.Process().memory_info().rss / 2**20
            print(f"{number:>6} {what}{found[number]:8.1f} MB")
    return found[n] <= found[n // 10] * MOST_GROWTH


def open_toy(url: str):
    from workbench.api.model import open_model
    from workbench.run import open_run

    os.environ["WORKBENCH_API_URL"] = url
    run = open_run("toy", "bench", tempfile.mkdtemp())
    return open_model("api/toy", run, role="teacher", at_once=AT_ONCE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=640, help="in each turn (640)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way (5)")
    parser.add_argument("--memory", type=int, default=10_000, help="calls for memory (10000)")
    parser.add_argument("--talks", type=int, default=10_000, help="talks for memory (10000)")
    given, are_good = parser.parse_args(), []
    if given.calls:
        are_good.append(measure_rates(given.calls, given.rounds))
        measure_talks(given.calls, given.rounds)
    if given.memory:
        are_good.append(measure_memory(given.memory))
    if given.talks:
        are_good.append(measure_talks_memory(given.talks))
    return 0 if all(are_good) else 1


if __name__ == "__main__":
    sys.exit(main())
