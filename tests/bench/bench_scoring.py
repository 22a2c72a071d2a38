"""Seconds that scoring takes, beside the bars that it must keep under; exits with 1 if it does not.

Run it with `python tests/bench/bench_scoring.py`; it takes some minutes, mostly to fit the reader.
The conversations are those of the walker that is heard by true ears, on travel: no weights are
needed. They are scored by the labels that they come with, and by those read off their words, as
`python -m workbench score` does. Fitting the reader is said apart: it is done once a file.
"""

import time

from workbench.conformance import STRICT, Aligner
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.labelling import fit_readers
from workbench.evaluate.metrics import score_conversation
from workbench.evaluate.reader import Reader
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.synthesize.scenarios import plan_scenario

CONVERSATIONS = 1000
STRATA = ("seen", "unseen")
ALIGN_BAR_MS = 0.2
"""Milliseconds that aligning one message may take."""
SCORE_BAR_S = 20.0
"""Seconds that scoring 1,000 conversations may take, reading them included."""


class MuteRecognizer:
    """Reads nothing: the walker's true labels are scored."""

    def label(self, texts):
        return [Label() for _ in texts]


def time_best(action, repeats=3):
    """What the action returns, and the seconds of its fastest run."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def main() -> None:
    domain = read_domain("travel_booking")
    paths = enumerate_paths(domain.flowchart)
    times = -(-CONVERSATIONS // (len(paths) * len(STRATA)))
    scenarios = [plan_scenario(p, "test", domain, 7, n) for p in paths for n in range(times)]
    plans = {scenario.scenario_id: scenario for scenario in scenarios}
    walker, limit = Walker(domain, has_true_ears=True), limit_replies(scenarios)
    customers = list_customers(scenarios, STRATA)[:CONVERSATIONS]
    talks = list(simulate(walker, customers, domain, MuteRecognizer(), limit, progress=False))
    replies = sum(talk.replies for talk in talks)
    messages = sum(len(talk.conversation.messages) for talk in talks)
    print(f"{len(talks)} conversations, {messages} messages, {replies} of them the agent's")
    missed = []

    def compare(name, seconds, each, bar, reached, unit):
        share = f"{reached / bar:.2f} of the bar of {bar:g} {unit}"
        print(f"{name:<22}{seconds:7.2f} s   {each}   {share}")
        if reached > bar:
            missed.append(name)

    readers = [Reader(talk.conversation, domain, talk.true_labels) for talk in talks]
    for name, aligner in (
        ("align, all forgiven", Aligner(domain.flowchart)),
        ("align, none forgiven", Aligner(domain.flowchart, STRICT)),
    ):

        def align(aligner=aligner):
            for reader in readers:
                aligner.align(reader.said, reader.given_at_steps)
                aligner.invalid_moves(reader.said, reader.given_at_steps)

        _, seconds = time_best(align)
        each = 1000 * seconds / replies
        compare(name, seconds, f"{each:.4f} ms a reply", ALIGN_BAR_MS, each, "ms")

    aligner = Aligner(domain.flowchart)

    def score(labels):
        return [
            score_conversation(talk, plans[talk.scenario_id], domain, aligner, own)
            for talk, own in zip(talks, labels, strict=True)
        ]

    scores, seconds = time_best(lambda: score([talk.true_labels for talk in talks]))
    each = f"{1000 * seconds / messages:.4f} ms a message"
    compare("score by labels", seconds, each, SCORE_BAR_S, seconds, "s")
    print(f"clean: {sum(score.is_clean for score in scores)} of {len(scores)}")

    start = time.perf_counter()
    agent = fit_readers(domain).agent
    agent.label(["Hello."])
    print(f"{'fit the reader':<22}{time.perf_counter() - start:7.2f} s")

    def read(talk):
        texts = [m.content for m in talk.conversation.messages if m.role == "assistant"]
        found = iter(agent.label(texts))
        return [
            next(found) if message.role == "assistant" else label
            for message, label in zip(talk.conversation.messages, talk.true_labels, strict=True)
        ]

    # once: what was read before is remembered
    scores, seconds = time_best(lambda: score([read(talk) for talk in talks]), repeats=1)
    each = f"{1000 * seconds / messages:.4f} ms a message"
    compare("read and score", seconds, each, SCORE_BAR_S, seconds, "s")
    print(f"clean: {sum(score.is_clean for score in scores)} of {len(scores)}")
    if missed:
        raise SystemExit(f"over the bar: {', '.join(missed)}")


if __name__ == "__main__":
    main()
