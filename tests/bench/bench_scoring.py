"""Seconds that scoring takes, beside the bars that it must keep under; exits with 1 if it does not.

Run it with `python tests/bench/bench_scoring.py`; it takes minutes, mostly to fit the readers. The
conversations are those of the walker that is heard by true ears, on travel. They are scored by the
labels that they come with, and by those read off the words of both sides, as `python -m workbench
score` does; reading has no bar. What fitting the readers takes is said apart: it is done once a
file.
"""

import time

from workbench.conformance import STRICT, Aligner
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.labelling import fit_readers, label_transcript
from workbench.evaluate.metrics import score_transcript
from workbench.evaluate.reader import Reader
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.evaluate.transcripts import GivenLabel, Transcript
from workbench.synthesize.scenarios import plan_scenario

CONVERSATIONS = 1000
STRATA = ("seen", "unseen")
ALIGN_BAR_MS = 0.2
"""Milliseconds that aligning one message may take."""
SCORE_BAR_S = 20.0
"""Seconds that scoring 1,000 labelled conversations may take."""


class MuteRecognizer:
    """Reads nothing: the walker is heard by true ears."""

    def label(self, texts):
        return [Label() for _ in texts]


def walk(domain):
    """Conversations of the walker, their labels the true ones."""
    paths = enumerate_paths(domain.flowchart)
    times = -(-CONVERSATIONS // (len(paths) * len(STRATA)))
    scenarios = [plan_scenario(p, "test", domain, 7, n) for p in paths for n in range(times)]
    walker, limit = Walker(domain, has_true_ears=True), limit_replies(scenarios)
    customers = list_customers(scenarios, STRATA)[:CONVERSATIONS]
    talks = simulate(walker, customers, domain, MuteRecognizer(), limit, progress=False)
    return [t.conversation.model_copy(update={"labels": t.true_labels}) for t in talks]


def strip_labels(talk):
    """The conversation as somebody has it who knows only the words."""
    names = {name: getattr(talk, name) for name in ("conversation_id", "scenario_id", "path_id")}
    labels = [GivenLabel() for _ in talk.messages]
    rest = {"condition": "", "endings": None, "is_overrun": None}
    return Transcript(**names, messages=talk.messages, labels=labels, **rest)


def time_best(action, repeats=3):
    """What the action returns, and the seconds of its fastest run."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - start)
    return result, min(seconds)


def say(name, seconds, n, of, reached, bar, unit) -> bool:
    """Print what was reached; whether it is over the bar."""
    each, share = f"{1000 * seconds / n:.4f} ms a {of}", f"{reached / bar:.2f}"
    print(f"{name:<22}{seconds:7.2f} s   {each}   {share} of the bar of {bar:g} {unit}", flush=True)
    return reached > bar


def time_alignment(domain, talks) -> bool:
    """Time the alignment of what the agent says; whether it is over the bar."""
    readers = [Reader(talk, domain, talk.labels) for talk in talks]
    replies = sum(m.role == "assistant" for talk in talks for m in talk.messages)
    is_over = False
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
        is_over |= say(name, seconds, replies, "reply", each, ALIGN_BAR_MS, "ms")
    return is_over


def time_scoring(domain, talks) -> bool:
    """Time the scores by the labels and by the words; whether one is over the bar."""
    aligner, messages = Aligner(domain.flowchart), sum(len(talk.messages) for talk in talks)

    def score():
        return [score_transcript(talk, domain, aligner) for talk in talks]

    _, seconds = time_best(score)
    is_over = say("score by labels", seconds, messages, "message", seconds, SCORE_BAR_S, "s")
    start = time.perf_counter()
    readers = fit_readers(domain)
    print(f"{'fit the readers':<22}{time.perf_counter() - start:7.2f} s", flush=True)

    def read_and_score():
        for talk in talks:
            labels = label_transcript(strip_labels(talk), readers)
            score_transcript(talk.model_copy(update={"labels": labels}), domain, aligner)

    # once: what was read before is remembered
    _, seconds = time_best(read_and_score, repeats=1)
    print(f"{'read and score':<22}{seconds:7.2f} s   {1000 * seconds / messages:.4f} ms a message")
    return is_over


def main() -> None:
    """Print all figures beside their bars."""
    domain = read_domain("travel_booking")
    talks = walk(domain)
    messages = sum(len(talk.messages) for talk in talks)
    print(f"{len(talks)} conversations, {messages} messages")
    if time_alignment(domain, talks) | time_scoring(domain, talks):
        raise SystemExit("over a bar")


if __name__ == "__main__":
    main()
