"""Which of two conditions' talks with the same customers tell most about them."""

from collections.abc import Iterable

from workbench.evaluate.faults import is_instrument
from workbench.evaluate.metrics import Score

SCRIPTED = "walker"
"""What the names of scripted agents begin with."""


def pick_pairs(scores: Iterable[Score], condition: str = "compiled") -> list[tuple[Score, Score]]:
    """Scores of two talks with one customer: the condition's own, and another's.

    For each other model a customer whom the condition serves rightly and the other does not, and
    one the other way round; where there is neither, any whom both met. A talk of which it is not
    known how it ended, as one that was broken off, shows nothing and is left out.
    """
    own: dict[tuple[str, str], Score] = {}
    others: dict[str, list[Score]] = {}
    for score in scores:
        if score.measures["ending_correct"] is None:
            continue
        if score.condition == condition:
            own[score.stratum, score.scenario_id] = score
        elif not is_instrument(score.condition) and not score.condition.startswith(SCRIPTED):
            others.setdefault(score.condition, []).append(score)
    found = []
    for theirs in others.values():
        both = [
            (own[key], other)
            for other in theirs
            if (key := (other.stratum, other.scenario_id)) in own
        ]
        rights = [[score.measures["ending_correct"] for score in pair] for pair in both]
        ahead = [pair for pair, (a, b) in zip(both, rights, strict=True) if a > b]
        behind = [pair for pair, (a, b) in zip(both, rights, strict=True) if a < b]
        found += [*ahead[:1], *behind[:1]] or both[:1]
    return found
