"""How well a conversation keeps to the flowchart, computed from the steps its messages take.

Steps come as sets of labels: those that cannot be told apart by their words are joined by "|", and
the cheapest reading counts. What real talk does though no flowchart says so is forgiven, each kind
by its own switch, and what was forgiven is counted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from heapq import heappop, heappush

from workbench.flowchart import Flowchart

COLLECTING = {"slots_missing", "slots_vague"}
"""States of the slots that make a step ask for them."""


class ForgivenessError(ValueError):
    """What should not be forgiven is nothing that could be."""

    exit_code = 2


@dataclass(frozen=True)
class Forgiveness:
    """What costs nothing though the flowchart has it otherwise."""

    answered: bool = True
    """A collecting step may be left out if all it asks for stands on record at that moment."""

    unordered: bool = True
    """Collecting steps that follow each other in the flowchart may be said in any order."""

    side_trips: bool = True
    """Side trips (`anywhere.x`) do not move the walk."""

    silent: bool = True
    """Routes that have nothing to say may be left out: decisions are not uttered."""

    unopened: bool = True
    """The agent's opening may be left out where the customer speaks first."""


DEFAULT = Forgiveness()
"""What real dialogues require."""

KINDS = tuple(field.name for field in fields(Forgiveness))
"""What can be forgiven."""


def forgive_all_but(*kinds: str) -> Forgiveness:
    """Forgiveness of everything else. Example: forgive_all_but("side_trips").side_trips is False

    Raises:
        ForgivenessError: there is no such kind.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ForgivenessError(
            f'"{unknown[0]}" is nothing to forgive; choose from {", ".join(KINDS)}'
        )
    return replace(DEFAULT, **dict.fromkeys(kinds, False))


STRICT = forgive_all_but(*KINDS)
"""Nothing is forgiven."""


@dataclass(frozen=True)
class Alignment:
    """The cheapest way to explain what was said as a walk through the flowchart."""

    cost: int
    """Steps said that the walk does not take, and steps the walk takes that were not said."""

    moves: tuple[tuple[str, str], ...]
    """(kind, step) in order; kind is "kept", "extra" (said, not in the walk), "missing", or
    "forgiven" (not said, and that costs nothing)."""

    n_steps: int
    """Steps said; side trips are left out where they are forgiven."""

    forgiven: dict[str, int]
    """Kind of forgiveness to how many steps it saved, e.g. {"side_trips": 1}; no zeros."""

    @property
    def fitness(self) -> float:
        """1 - cost / steps said, at least 0: 1 means a walk from start to an end, nothing else."""
        return max(0.0, 1 - self.cost / max(1, self.n_steps))

    @property
    def n_forgiven(self) -> int:
        """Steps forgiven, of all kinds together."""
        return sum(self.forgiven.values())


Free = frozenset[str]
"""Steps that may be left out at no cost."""

Given = Sequence[Collection[str]]
"""For each step said, the slots on record when it was said."""


class Aligner:
    """Aligns step sequences with one flowchart. Build it once: distances are kept."""

    def __init__(
        self,
        flowchart: Flowchart,
        forgiveness: Forgiveness = DEFAULT,
        collects: Mapping[str, Collection[str]] | None = None,
    ):
        """`collects` says which slots a step asks for, if others than its route's cause says.

        Without it each step caused by `slots_missing` or `slots_vague` collects all slots.
        """
        self.flowchart, self.forgiveness = flowchart, forgiveness
        self.steps = [step for step in flowchart.steps if not step.startswith("anywhere.")]
        self.collects = (
            {step: frozenset(slots) for step, slots in collects.items()}
            if collects is not None
            else find_collecting(flowchart)
        )
        self._ways: dict[tuple[str, Free], dict[str, tuple[int, tuple[str, ...]]]] = {}
        self._frees: dict[tuple[frozenset[str], bool], Free] = {}

    @cached_property
    def silent(self) -> Free:
        """Named routes that have nothing to say."""
        nodes = self.flowchart.nodes.values()
        ways = ((node.id, name, route) for node in nodes for name, route in node.routes.items())
        return frozenset(f"{id_}.{name}" for id_, name, way in ways if name and not way.say)

    @cached_property
    def opening(self) -> Free:
        """Steps that come before the customer first speaks: not due where the customer opens."""
        steps, node = [], self.flowchart.nodes[self.flowchart.start]
        while node.role == "agent" and not node.is_hub:
            steps.append(node.id)
            node = self.flowchart.nodes[node.routes[""].to]
        return frozenset(steps)

    @cached_property
    def _follow(self) -> dict[str, list[str]]:
        """What may follow each step; "" is before the start."""
        follow = {step: sorted(self.flowchart.next_steps(step)) for step in self.steps}
        return follow | {"": sorted(self.flowchart.first_steps())}

    @cached_property
    def _order(self) -> dict[str, tuple[str, int]]:
        """Of each collecting step its group, and how many steps come before it at least."""
        import networkx as nx

        ahead = self._ahead("", frozenset())
        places = {step: len(between) for step, (_, between) in ahead.items()}
        neighbours = nx.Graph()
        neighbours.add_nodes_from(step for step in self.steps if step in self.collects)
        for step in [*neighbours]:
            followers = self._follow[step] & neighbours.nodes
            neighbours.add_edges_from((step, after) for after in followers)
        return {
            step: (min(group), places[step])
            for group in nx.connected_components(neighbours)
            for step in group
        }

    def align(
        self, said: Sequence[str], given: Given | None = None, opens: bool = True
    ) -> Alignment:
        """The cheapest alignment of the steps said, from the start to an end.

        `given` has the slots on record when each step was said, and one set more if the record
        changed after; without it no step counts as answered already. `opens`: the agent spoke
        first. Example: on a chart a -> b -> c, saying a, c costs 1 (b is missing).
        """
        steps, given, n_trips = self._walk(said, given)
        frees = self._free(steps, given, opens)
        best = self._align(steps, frees)
        reordered = self._reorder(steps)
        saved = 0
        if reordered != steps:
            other = self._align(reordered, frees)
            if other[0] < best[0]:
                best, saved = other, best[0] - other[0]
        cost, moves = best
        forgiven = {"side_trips": n_trips, "unordered": saved}
        for kind, step in moves:
            if kind == "forgiven":
                why = "silent" if step in self.silent else "answered"
                why = "unopened" if step in self.opening else why
                forgiven[why] = forgiven.get(why, 0) + 1
        return Alignment(cost, moves, len(steps), {why: n for why, n in forgiven.items() if n})

    def invalid_moves(
        self, said: Sequence[str], given: Given | None = None, opens: bool = True
    ) -> tuple[int, int]:
        """Consecutive steps that the flowchart does not have, and all consecutive steps.

        What is forgiven in an alignment is forgiven here: a move over free steps is none.
        """
        steps, given, _ = self._walk(said, given)
        frees = self._free(steps, given, opens)
        orders = {tuple(steps), tuple(self._reorder(steps))}
        return min(self._count_invalid(order, frees) for order in orders), len(steps)

    def _count_invalid(self, steps: Sequence[str], frees: Sequence[Free]) -> int:
        pairs = zip(["", *steps], steps, frees, strict=False)
        return sum(not self._follows(*pair) for pair in pairs)

    def _follows(self, before: str, after: str, free: Free) -> bool:
        return any(
            self._ahead(first, free).get(then, (1,))[0] == 0
            for first in before.split("|")
            for then in after.split("|")
        )

    def _walk(
        self, said: Sequence[str], given: Given | None
    ) -> tuple[list[str], list[frozenset[str]], int]:
        """The steps that count, the record at each and at the end, and the side trips left out."""
        records = [frozenset(slots) for slots in given or ()]
        if given is not None and len(records) not in (len(said), len(said) + 1):
            raise ValueError(f"{len(said)} steps were said, but {len(records)} records are given")
        records = records or [frozenset()]
        records += records[-1:] * (len(said) + 1 - len(records))
        kept = range(len(said))
        if self.forgiveness.side_trips:
            kept = [i for i in kept if not said[i].startswith("anywhere.")]
        records = [*(records[i] for i in kept), records[-1]]
        return [said[i] for i in kept], records, len(said) - len(kept)

    def _free(
        self, steps: Sequence[str], given: Sequence[frozenset[str]], opens: bool
    ) -> list[Free]:
        """Before each step said, and after the last, the steps that may be left out."""
        frees = []
        for i in range(len(steps) + 1):
            key = (given[i], opens or i > 0)
            if key not in self._frees:
                self._frees[key] = self._list_free(*key)
            frees.append(self._frees[key])
        return frees

    def _list_free(self, given: frozenset[str], opens: bool) -> Free:
        free = set(self.opening) if self.forgiveness.unopened and not opens else set()
        if self.forgiveness.silent:
            free |= self.silent
        if self.forgiveness.answered:
            # a step that asks for nothing in particular is never answered
            free |= {step for step, slots in self.collects.items() if slots and slots <= given}
        return frozenset(free)

    def _reorder(self, steps: Sequence[str]) -> list[str]:
        """The steps, with collecting steps of one group in a row as the flowchart has them."""
        steps = list(steps)
        if not self.forgiveness.unordered or len(self._order) < 2:
            return steps
        start = 0
        while start < len(steps):
            group, end = self._order.get(steps[start], ("", 0))[0], start + 1
            while group and end < len(steps) and self._order.get(steps[end], ("",))[0] == group:
                end += 1
            steps[start:end] = sorted(steps[start:end], key=lambda s: self._order.get(s, ("", 0)))
            start = end
        return steps

    def _align(
        self, steps: Sequence[str], frees: Sequence[Free]
    ) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Cost and moves. Walks are kept as chains of what was done last, and spelt out once."""
        # best explanation so far of the steps heard, by the step at which the walk stands
        best: dict[str, tuple[int, tuple | None]] = {"": (0, None)}
        for labels, free in zip(steps, frees, strict=False):
            after: dict[str, tuple[int, tuple | None]] = {}
            for at, (cost, chain) in best.items():
                _keep(after, at, cost + 1, chain, ("extra", labels, (), free))
                ahead = self._ahead(at, free)
                for step in labels.split("|"):
                    if way := ahead.get(step):
                        _keep(after, step, cost + way[0], chain, ("kept", step, way[1], free))
            best = after
        whole = []
        for at, (cost, chain) in best.items():
            more, between = self._to_end(at, frees[-1])
            whole.append((cost + more, (chain, ("", "", between, frees[-1]))))
        cost, chain = min(whole, key=lambda found: found[0])
        moves: list[tuple[str, str]] = []
        while chain:
            chain, (kind, step, between, free) = chain
            moves += [(kind, step)] if kind else []
            moves += [("forgiven" if s in free else "missing", s) for s in reversed(between)]
        return cost, tuple(reversed(moves))

    def _ahead(self, start: str, free: Free) -> dict[str, tuple[int, tuple[str, ...]]]:
        """From a step ("" is before the start) to each other: least cost, and steps between."""
        if (start, free) not in self._ways:
            ways: dict[str, tuple[int, tuple[str, ...]]] = {}
            # shortest first among equals, then in the flowchart's order of names
            heap = [(0, 0, n, step, ()) for n, step in enumerate(self._follow.get(start, ()))]
            n = len(heap)
            while heap:
                cost, length, _, step, between = heappop(heap)
                if step not in ways:
                    ways[step] = (cost, between)
                    cost += step not in free
                    for after in self._follow[step]:
                        if after not in ways:
                            n += 1
                            heappush(heap, (cost, length + 1, n, after, (*between, step)))
            self._ways[start, free] = ways
        return self._ways[start, free]

    def _to_end(self, start: str, free: Free) -> tuple[int, tuple[str, ...]]:
        """From a step the cheapest way to an end: its cost and its steps, the last one ends."""
        if start and self.flowchart.outcome_of(start):
            return 0, ()
        ahead = self._ahead(start, free)
        ends = [step for step in self.steps if step in ahead and self.flowchart.outcome_of(step)]
        ways = [(ahead[end][0] + (end not in free), (*ahead[end][1], end)) for end in ends]
        return min(ways, key=lambda way: (way[0], len(way[1])))


def find_collecting(flowchart: Flowchart) -> dict[str, frozenset[str]]:
    """Steps that are taken because slots are open, and the slots they ask for: all of them."""
    return {
        step: frozenset(flowchart.slots)
        for step in flowchart.steps
        if COLLECTING & set(getattr(flowchart.find_element(step), "acts", ()))
    }


def _keep(best: dict, at: str, cost: int, chain: tuple | None, move: tuple) -> None:
    if at not in best or cost < best[at][0]:
        best[at] = (cost, (chain, move))
