"""Where conversations went wrong: at which nodes and steps of the flowchart, and what it was."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.evaluate.metrics import ALL, Score
from workbench.evaluate.reader import NOWHERE

KINDS = {
    "branch": "wrong branch",
    "extra": "step out of place",
    "missing": "step left out",
    "ending": "wrong or no ending",
    "premature": "ends too early",
    "facts": "wrong facts",
    "slots": "details not as given",
    "reasked": "asks again",
    "off_procedure": "side trip not answered",
}
"""Kinds of faults, and what they are called."""

NAMES = {"anywhere": "side trips"}
"""What a place is called that no node of a flowchart stands for, if not by its own name."""


@dataclass(frozen=True)
class Located:
    """Conversations of a condition, by where they went wrong."""

    condition: str
    customers: str
    """The sort of customers, or "all"."""
    kind: str
    """The kind of faults; "": any."""
    n_scored: int
    n_broken: int
    """Conversations that were broken off: of them nothing is known."""
    found: list[Score]
    """Those with a fault, wrong endings first, then those with most faults."""
    by_place: dict[str, list[Score]]
    """The same by the node and by the step, the place with most first; each is in a place once."""


def locate_faults(
    scores: Iterable[Score], condition: str, customers: str = ALL, kind: str = ""
) -> Located:
    """The conversations of a condition with a sort of customers, by where they have a fault.

    Example: locate_faults(scores, "compiled", "unseen", "branch").by_place["assess.leave"]
    """
    met = [s for s in scores if s.condition == condition and customers in (ALL, s.stratum)]
    scored = [s for s in met if any(value is not None for value in s.measures.values())]
    found = [score for score in scored if list_faults(score, kind)]
    found.sort(key=lambda s: (s.measures["ending_correct"] or 0, -len(s.faults)))
    by_place: dict[str, list[Score]] = {}
    for score in found:
        steps = [step for _, step in list_faults(score, kind)]
        for place in dict.fromkeys(place for step in steps for place in list_places(step)):
            by_place.setdefault(place, []).append(score)
    by_place = dict(sorted(by_place.items(), key=lambda own: -len(own[1])))
    n_broken = len(met) - len(scored)
    return Located(condition, customers, kind, len(scored), n_broken, found, by_place)


def list_faults(score: Score, kind: str = "") -> list[tuple[str, str]]:
    """(kind, step) of each fault of a conversation, each once; of one kind, or of all.

    Of labels that cannot be told apart each has the fault.
    """
    named = [fault.partition(": ") for fault in score.faults]
    found = [(own, step) for own, _, steps in named for step in steps.split("|")]
    return [*dict.fromkeys(fault for fault in found if kind in ("", fault[0]))]


def list_places(step: str) -> tuple[str, ...]:
    """The node of a step, and the step. Example: "assess.leave" -> ("assess", "assess.leave")"""
    return tuple(dict.fromkeys((step.partition(".")[0], step)))


def name_faults(score: Score, kind: str = "", place: str = "") -> list[str]:
    """What went wrong in a conversation, at one place or wherever it was.

    Example: ["wrong facts at pay", "wrong or no ending, nothing recognized"]
    """
    faults = list_faults(score, kind)
    if place:
        own = [what for what, step in faults if place in list_places(step)]
        return [*dict.fromkeys(KINDS.get(what, what) for what in own)]
    return [
        KINDS.get(what, what) + (f", {step}" if step == NOWHERE else f" at {step}")
        for what, step in faults
    ]
