"""How many of the agent's messages are read right in wordings never learnt, and in what time.

Run it with `python tests/bench/bench_recognizer.py`; learning takes minutes. The
training wordings of travel are cut into folds; each is read by a recognizer that has learnt from
the others, once with the encoder as it comes and once with an adapted one beside it. The wordings
that are kept for tests play no part, so that what is chosen here can be tested on them.
"""

import time

from workbench.adapting import Adaptation
from workbench.design.covering import cover_route_pairs, sample_long_walks
from workbench.design.paths import sample_paths
from workbench.domain import read_domain
from workbench.phrases import FOLDS
from workbench.recognizer import AgentRecognizer, split_pairs
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_practice

CONVERSATIONS = 250
SEED = 7
EPOCHS = (0, 3)


def main() -> None:
    domain = read_domain("travel_booking")
    walks = [*cover_route_pairs(domain.flowchart), *sample_paths(domain.flowchart, 100, SEED)]
    walks += sample_long_walks(domain.flowchart, 60, SEED)
    scenarios = [
        plan_scenario(walks[n % len(walks)], "train", domain, SEED, n) for n in range(CONVERSATIONS)
    ]
    folds = [write_practice(domain, scenarios, seed=1, fold=fold) for fold in range(FOLDS)]
    for epochs in EPOCHS:
        start, right, total = time.perf_counter(), 0, 0
        for fold, talks in enumerate(folds):
            others = [talk for n, own in enumerate(folds) if n != fold for talk in own]
            recognizer = AgentRecognizer(domain, Adaptation(epochs)).learn(others)
            texts, labels = split_pairs("assistant", talks)
            pairs = zip(recognizer.label(texts), labels, strict=True)
            right += sum(
                recognizer.expected(read) == recognizer.expected(label)
                and sorted(read.asks) == sorted(label.asks)
                for read, label in pairs
            )
            total += len(texts)
        seconds = time.perf_counter() - start
        print(
            f"{epochs} epochs of adaptation: {right / total:.1%} of {total} messages read right,"
            f" {seconds / FOLDS:.0f} s to learn and read a fold"
        )


if __name__ == "__main__":
    main()
