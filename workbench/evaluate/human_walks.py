"""Human dialogues as walks through the chart that they were to follow, by rules of forgiveness.

Every edge may be taken: whether its condition held is not judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

from workbench.conformance import Aligner, Alignment
from workbench.design.plain_chart import Chart, ChartNode
from workbench.evaluate.answers import Answers
from workbench.evaluate.dialogues import Dialogue


@dataclass(frozen=True)
class Rules:
    """What is forgiven; nothing unless said."""

    side_trips: bool = False
    """What may be said anywhere, and turns without a label, do not move the walk."""

    any_order: bool = False
    """A collecting node is a set: its slots are asked in any order, one of them at least."""

    already_answered: bool = False
    """A collecting node may be left out if its slots were all given before (see `Answers`)."""

    skipped_beginning: bool = False
    """The first node may be left out."""

    asked_again: bool = False
    """A slot asked for before, and not given since, may be asked for again at any time."""

    talk_after_end: bool = False
    """What follows the first ending does not count."""


def list_rules() -> dict[str, Rules]:
    """Rules by name, from the strictest on: each forgives what those before it do, and its own."""
    names = [field.name for field in fields(Rules)]
    ladder = {f"+ {name}": names[: i + 1] for i, name in enumerate(names)}
    return {"none": Rules()} | {
        name.replace("_", " "): Rules(**dict.fromkeys(on, True)) for name, on in ladder.items()
    }


class Walks:
    """A chart under rules of forgiveness, as an `Aligner` wants a flowchart: its steps in order.

    A step is "node:what was asked there before:label". Silent nodes are passed, as are those that
    may be left out. What is forgiven is in the steps, so there is nothing left for the aligner.
    """

    nodes: dict = {}
    """Hubs with named routes: none here."""

    def __init__(self, chart: Chart, rules: Rules, left_out: Iterable[str] = ()):
        self.chart, self.rules, self.left_out = chart, rules, set(left_out)
        self._places: dict[str, tuple[str, frozenset[str]]] = {}
        self._first = self._enter([chart.start])
        if rules.skipped_beginning:
            self._first |= self._enter(chart.successors(chart.start))
        self._next: dict[str, set[str]] = {}
        ahead = sorted(self._first)
        while ahead:
            if (step := ahead.pop()) not in self._next:
                self._next[step] = self._leave(step)
                ahead += sorted(self._next[step])
        self.steps = sorted(self._next)

    def first_steps(self) -> set[str]:
        return self._first

    def next_steps(self, step: str) -> set[str]:
        return self._next[step]

    def outcome_of(self, step: str) -> str:
        is_end = self.find_element(step).kind == "end"
        return self.chart.endings[label_of(step)] if is_end else ""

    def find_element(self, step: str) -> ChartNode:
        return self.chart.nodes[self._places[step][0]]

    def steps_labelled(self, label: str) -> str:
        """All steps with a label, joined by "|"; without any, the label itself."""
        return "|".join(step for step in self.steps if label_of(step) == label) or label

    def _is(self, kind: str, node_id: str) -> bool:
        return self.chart.nodes[node_id].kind == kind

    def _enter(self, node_ids: Sequence[str]) -> set[str]:
        """Steps that open one of the nodes, or what lies behind those that may be silent."""
        steps, seen, ahead = set(), set(), list(node_ids)
        while ahead:
            if (node_id := ahead.pop()) in seen:
                continue
            seen.add(node_id)
            steps |= self._ask(node_id, frozenset())
            if not self.chart.labels(node_id) or node_id in self.left_out:
                ahead += self.chart.successors(node_id)
        return steps

    def _ask(self, node_id: str, asked: frozenset[str]) -> set[str]:
        """Steps that may follow at a node where some labels were heard."""
        left = [label for label in self.chart.labels(node_id) if label not in asked]
        if not self._is("ask", node_id):
            left = [] if asked else left
        elif not self.rules.any_order:
            left = left[:1]
        steps = {f"{node_id}:{'+'.join(sorted(asked))}:{label}": label for label in left}
        self._places |= {step: (node_id, asked | {label}) for step, label in steps.items()}
        return set(steps)

    def _leave(self, step: str) -> set[str]:
        node_id, asked = self._places[step]
        more = self._ask(node_id, asked)
        if more and not self.rules.any_order:
            return more
        return more | self._enter(self.chart.successors(node_id))


def label_of(step: str) -> str:
    """The label of a step, or of steps that share it. Example: "greet::hello" -> "hello" """
    return step.rpartition(":")[2]


class HumanAligner:
    """Aligns human dialogues with the chart that they were to follow."""

    def __init__(self, chart: Chart, dialogues: Sequence[Dialogue]):
        self.chart, self.dialogues = chart, dialogues
        self.answers = Answers(chart, dialogues)
        sentences = {_plain(text) for text in chart.anywhere.values()}
        spoken = {t.label for d in dialogues for t in d.turns if _plain(t.text) in sentences}
        steps = {label for node_id in chart.nodes for label in chart.labels(node_id)}
        self.side_trips = {None, *chart.anywhere, *spoken} - steps
        """Labels that do not move the walk: by name, or by the sentence that they stand beside."""

    def align(self, dialogue: Dialogue, rules: Rules) -> Alignment:
        """The cheapest way to explain a dialogue as a walk, under the rules."""
        left_out = self.find_answered(dialogue) if rules.already_answered else ()
        walks = Walks(self.chart, rules, left_out)
        # what is left out of the talk might have been a step after all: the cheaper reading counts
        readings = [
            replace(rules, asked_again=again, talk_after_end=after)
            for again, after in product(
                sorted({False, rules.asked_again}), sorted({False, rules.talk_after_end})
            )
        ]
        aligner = Aligner(walks)
        heard = [self.list_heard(dialogue, reading) for reading in readings]
        found = [aligner.align([walks.steps_labelled(h) for h in labels]) for labels in heard]
        return min(found, key=lambda alignment: alignment.cost)

    def list_heard(self, dialogue: Dialogue, rules: Rules) -> list[str]:
        """Labels of the agent's turns that move the walk, in order."""
        heard, missing = [], set()
        for turn in dialogue.turns:
            if turn.speaker == "user":
                missing -= self.answers.given(turn.text, but=dialogue.id)
            if turn.speaker != "agent" or (rules.side_trips and turn.label in self.side_trips):
                continue
            slot = self.chart.slot_asked.get(turn.label)
            if not (rules.asked_again and slot in missing):
                heard.append(turn.label or "no label")
            if rules.talk_after_end and turn.label in self.chart.endings:
                break
            missing |= {slot} - {None}
        return heard

    def find_answered(self, dialogue: Dialogue) -> set[str]:
        """Collecting nodes whose slots were all given before the agent spoke from behind them."""
        return {
            node_id
            for node_id, node in self.chart.nodes.items()
            if node.kind == "ask" and node.slots
            if set(node.slots) <= self._given_before(dialogue, node_id)
        }

    def _given_before(self, dialogue: Dialogue, node_id: str) -> set[str]:
        own = set(self.chart.labels(node_id))
        later = {x for i in self.chart.behind(node_id) for x in self.chart.labels(i)} - own
        given: set[str] = set()
        for turn in dialogue.turns:
            if turn.label in later:
                break
            if turn.speaker == "user":
                given |= self.answers.given(turn.text, but=dialogue.id)
        return given


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
