"""What a judge sees: its scores of planted defects beside those of the clean twins.

A criterion is believed only where the defects that belong to it lower it, and harmless changes
leave it alone. Until then it is printed as unvalidated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.evaluate.defects import DEFECTS, EDITS, NO_OPS
from workbench.evaluate.rubric import CRITERIA
from workbench.evaluate.statistics import Metric, average

DETECTED = 0.8
"""Share of planted defects that a criterion must see to be believed."""

HARMLESS = 0.1
"""Share of harmless changes that may move it, at most."""

Scores = Mapping[str, int]


@dataclass(frozen=True)
class Pair:
    """A clean conversation and the same with one edit, as a judge scored them."""

    edit: str
    path_id: str
    clean: Scores | None
    """None: it could not be scored."""
    edited: Scores | None

    def asks(self, criterion: str) -> bool:
        """Whether the criterion belongs to it, as far as is known."""
        known = [scores for scores in (self.clean, self.edited) if scores is not None]
        return not known or any(criterion in scores for scores in known)

    def drop(self, criterion: str) -> int | None:
        """Points that were lost by the edit; None if the criterion was not scored in both."""
        if self.clean is None or self.edited is None:
            return None
        if criterion not in self.clean or criterion not in self.edited:
            return None
        return self.clean[criterion] - self.edited[criterion]


def tabulate_drops(pairs: Sequence[Pair]) -> dict[str, dict[str, dict[str, Any]]]:
    """By edit and criterion: {role, dropped, moved, mean_drop}.

    `role` is "falls" (must see it), "holds" (must not mind it) or "free"; `dropped` and `moved`
    are shares of pairs that lost a point or more, and that differ at all, with Wilson's intervals.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for edit in EDITS:
        own = [pair for pair in pairs if pair.edit == edit]
        for criterion in CRITERIA if own else ():
            drops = [pair.drop(criterion) for pair in own]
            scored = [drop for drop in drops if drop is not None]
            found.setdefault(edit, {})[criterion] = {
                "role": _role(edit, criterion),
                "dropped": _share(own, criterion, lambda drop: drop >= 1),
                "moved": _share(own, criterion, bool),
                "mean_drop": sum(scored) / len(scored) if scored else None,
            }
    return found


def validate(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """By criterion: {detected, spill, harmless, is_validated, why}.

    `detected` is over the defects it must see, `spill` over those it must not mind, `harmless`
    over the changes that nothing should mind. `why` says what is lacking; "" if nothing is.
    """
    found = {}
    for criterion in CRITERIA:
        own = {
            role: [pair for pair in pairs if _role(pair.edit, criterion) == role]
            for role in ("falls", "holds")
        }
        detected = _share(own["falls"], criterion, lambda drop: drop >= 1)
        spill = [pair for pair in own["holds"] if pair.edit in DEFECTS]
        harmless = _share([p for p in own["holds"] if p.edit in NO_OPS], criterion, bool)
        why = _find_fault(detected, harmless)
        found[criterion] = {
            "detected": detected,
            "spill": _share(spill, criterion, lambda drop: drop >= 1),
            "harmless": harmless,
            "is_validated": not why,
            "why": why,
        }
    return found


def _find_fault(detected: Metric, harmless: Metric) -> str:
    """Why a criterion is not to be believed; "" if it is."""
    if detected.mean is None:
        return "no defect that it must see was planted and scored"
    if harmless.mean is None:
        return "no harmless change was scored"
    faults = []
    if detected.mean < DETECTED:
        faults.append(f"sees {detected.mean:.0%} of its defects, not {DETECTED:.0%}")
    if harmless.mean > HARMLESS:
        faults.append(f"is moved by {harmless.mean:.0%} of harmless changes, not {HARMLESS:.0%}")
    return " and ".join(faults)


def _role(edit: str, criterion: str) -> str:
    if criterion in EDITS[edit].falls:
        return "falls"
    return "holds" if criterion in EDITS[edit].holds else "free"


def _share(pairs: Iterable[Pair], criterion: str, is_one: Callable[[int], bool]) -> Metric:
    # a criterion that the scenario leaves out is not one that could not be scored
    drops = [(pair.drop(criterion), pair.path_id) for pair in pairs if pair.asks(criterion)]
    values = [None if drop is None else float(is_one(drop)) for drop, _ in drops]
    return average(values, [path for _, path in drops])
