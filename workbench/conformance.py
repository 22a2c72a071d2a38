"""How well a conversation keeps to the flowchart, computed from the steps its messages take.

Steps come as sets of labels: those that cannot be told apart by their words are joined by "|", and
the cheapest reading counts. Side trips (`anywhere.x`) do not move the walk and are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from workbench.flowchart import Flowchart


@dataclass(frozen=True)
class Alignment:
    """The cheapest way to explain what was said as a walk through the flowchart."""

    cost: int
    """Steps said that the walk does not take, and steps the walk takes that were not said."""

    moves: tuple[tuple[str, str], ...]
    """(kind, step) in order; kind is "kept", "extra" (said, not in the walk) or "missing"."""

    n_steps: int
    """Steps said, side trips left out."""

    @property
    def fitness(self) -> float:
        """1 - cost / steps said, at least 0: 1 means a walk from start to an end, nothing else."""
        return max(0.0, 1 - self.cost / max(1, self.n_steps))


class Aligner:
    """Aligns step sequences with one flowchart. Build it once: distances are kept."""

    def __init__(self, flowchart: Flowchart):
        self.flowchart = flowchart
        self.steps = [step for step in flowchart.steps if not step.startswith("anywhere.")]

    @cached_property
    def _ahead(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """From each step ("" is before the start) the shortest way to each other: steps between."""
        follow = {step: sorted(self.flowchart.next_steps(step)) for step in self.steps}
        follow[""] = sorted(self.flowchart.first_steps())
        ways: dict[str, dict[str, tuple[str, ...]]] = {}
        for start in follow:
            found: dict[str, tuple[str, ...]] = {}
            edge = [(step, ()) for step in follow[start]]
            while edge:
                nearer, edge = edge, []
                for step, between in nearer:
                    if step not in found:
                        found[step] = between
                        edge += [(after, (*between, step)) for after in follow[step]]
            ways[start] = found
        return ways

    @cached_property
    def _to_end(self) -> dict[str, tuple[str, ...]]:
        """From each step the shortest way to an end: the steps still missing, the last one ends."""
        ends = [step for step in self.steps if self.flowchart.outcome_of(step)]
        ways = {}
        for start, found in self._ahead.items():
            routes = [(*found[end], end) for end in ends if end in found]
            done = start and self.flowchart.outcome_of(start)
            ways[start] = () if done else min(routes, key=len)
        return ways

    def align(self, said: Sequence[str]) -> Alignment:
        """The cheapest alignment of the steps said, from the start to an end.

        Example: on a chart a -> b -> c, saying a, c costs 1 (b is missing).
        """
        said = [step for step in said if not step.startswith("anywhere.")]
        # best explanation so far of the steps heard, by the step at which the walk stands
        best: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {"": (0, ())}
        for labels in said:
            after: dict[str, tuple[int, tuple[tuple[str, str], ...]]] = {}
            for at, (cost, moves) in best.items():
                _keep(after, at, cost + 1, (*moves, ("extra", labels)))
                for step in labels.split("|"):
                    between = self._ahead[at].get(step)
                    if between is not None:
                        skipped = tuple(("missing", s) for s in between)
                        _keep(after, step, cost + len(between), (*moves, *skipped, ("kept", step)))
            best = after
        whole = [
            (cost + len(self._to_end[at]), (*moves, *(("missing", s) for s in self._to_end[at])))
            for at, (cost, moves) in best.items()
        ]
        cost, moves = min(whole, key=lambda found: found[0])
        return Alignment(cost, moves, len(said))

    def invalid_moves(self, said: Sequence[str]) -> tuple[int, int]:
        """Consecutive steps that the flowchart does not have, and all consecutive steps."""
        said = [step for step in said if not step.startswith("anywhere.")]
        pairs = list(zip(["", *said], said, strict=False))
        return sum(not self._follows(before, after) for before, after in pairs), len(pairs)

    def _follows(self, before: str, after: str) -> bool:
        return any(
            self._ahead[first].get(then) == ()
            for first in before.split("|")
            for then in after.split("|")
            if first in self._ahead
        )


def _keep(best: dict, at: str, cost: int, moves: tuple) -> None:
    if at not in best or cost < best[at][0]:
        best[at] = (cost, moves)
