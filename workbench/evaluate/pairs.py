"""Which of two conditions' talks with the same customers tell most about them."""

from collections.abc import Iterable

from workbench.evaluate.faults import is_instrument
from workbench.evaluate.metrics import Score

SCRIPTED = "walker"
"""What the names of scripted agents begin with."""


def pick_pairs(scores: Iterable[Score], condition: str = "compiled") -> list[tuple[Score, Score]]:
    """Scores of two talks with one customer: the condition's own, and another's.

    For each other model a customer whom the condition serves rightly and the other does not, and
    one the other way round; where there is neither, any whom both met.
    """
    own: dict[tuple[str, str], Score] = {}
    others: dict[str, list[Score]] = {}
    for score in scores:
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
        ahead = [pair for pair in both if _is_right(pair[0]) > _is_right(pair[1])]
        behind = [pair for pair in both if _is_right(pair[0]) < _is_right(pair[1])]
        found += [*ahead[:1], *behind[:1]] or both[:1]
    return found


def _is_right(score: Score) -> float:
    return score.measures["ending_correct"] or 0.0
