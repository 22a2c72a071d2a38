"""Seconds that scoring takes, beside the bars that it must keep under.

Run it with `python tests/bench/bench_scoring.py`. The conversations are those of the walker that is
heard by true ears, on travel: no weights are needed. Labels are the true ones.
"""

import time

from workbench.conformance import STRICT, Aligner
from workbench.conversation import Label
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.conditions import Walker
from workbench.evaluate.metrics import score_conversation
from workbench.evaluate.reader import Reader
from workbench.evaluate.simulation import limit_replies, list_customers, simulate
from workbench.synthesize.scenarios import plan_scenario

CONVERSATIONS = 1000
STRATA = ("seen", "unseen")
ALIGN_BAR_MS = 0.2
"""Milliseconds that aligning one message may take."""
SCORE_BAR_S = 20.0
"""Seconds that scoring 1,000 conversations may take."""


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
    walker, limit = Walker(domain, has_true_ears=True), limit_replies(scenarios)
    customers = list_customers(scenarios, STRATA)
    talks = list(simulate(walker, customers, domain, MuteRecognizer(), limit, progress=False))
    talks, plans = talks[:CONVERSATIONS], {s.scenario_id: s for s in scenarios}

    replies = sum(talk.replies for talk in talks)
    messages = sum(len(talk.conversation.messages) for talk in talks)
    print(f"{len(talks)} conversations, {messages} messages, {replies} of them the agent's")

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
        print(
            f"{name:<22}{seconds:7.2f} s   {each:.4f} ms a reply"
            f"   {each / ALIGN_BAR_MS:.2f} of the bar of {ALIGN_BAR_MS} ms"
        )

    aligner = Aligner(domain.flowchart)
    scores, seconds = time_best(
        lambda: [
            score_conversation(talk, plans[talk.scenario_id], domain, aligner, talk.true_labels)
            for talk in talks
        ]
    )
    bar = SCORE_BAR_S * len(talks) / 1000
    print(
        f"{'score':<22}{seconds:7.2f} s   {1000 * seconds / messages:.4f} ms a message"
        f"   {seconds / bar:.2f} of the bar of {bar:.0f} s"
    )
    print(f"clean: {sum(score.is_clean for score in scores)} of {len(scores)}")


if __name__ == "__main__":
    main()
