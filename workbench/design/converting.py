"""A sketch as a flowchart of ours: who speaks is settled, and turns of the customer are put in.

What a sketch says of a node becomes `say`, what it says of an arrow `when`. Node "pin" that asks
and decides becomes "pin" (the agent asks), "pin_answer" (the customer) and "pin_check" (the hub).
"""

import re
from dataclasses import dataclass, field

from workbench.design.naming import ActNames, NumberFacts, make_id
from workbench.design.sketch import Arrow, Sketch, SketchError, SketchNode
from workbench.reading import Problem
from workbench.rules import ANY_FACT, MAX_NODES, RESERVED

MAX_NUMBERS = 500
"""Different numbers in the texts of a chart that are imported at most."""

ASKING = re.compile(
    r"(please )?(ask|request|collect|verify|check|confirm|determine|enter|provide)\b", re.I
)
"""How texts begin that call for an answer."""

MOST_LOOSE = 3
"""Words of an answer that are too few to be told from others."""

MOST_NOTED = 10
"""Nodes that are named in one note."""

ID = re.compile(r"[a-z][a-z0-9_]{0,55}")
"""An id of ours, with room for what is added to it."""

_NAMED = re.compile(r"([a-z][a-z0-9_]{0,59}): (.+)", re.S)
"""A label that names its route, as ours do when they are exported."""


@dataclass
class Way:
    """A route to be written."""

    to: str
    when: str
    act: str
    cites: list[str] = field(default_factory=list)


@dataclass
class Place:
    """A node to be written."""

    role: str
    say: str = ""
    next: str = ""
    routes: dict[str, Way] = field(default_factory=dict)
    outcome: str = ""
    cites: list[str] = field(default_factory=list)
    phase: str = ""
    remark: str = ""
    """What was assumed of it, for a comment."""


@dataclass
class Converted:
    """A flowchart to be written, with the facts that it needs."""

    title: str
    start: str
    places: dict[str, Place]
    facts: dict[str, tuple[str, str, str]]
    """Value, unit and sentence, by id."""
    answers: dict[str, str]
    """What is answered to questions, by id."""
    notes: list[str]


def convert_sketch(sketch: Sketch) -> Converted:
    """The flowchart of a prepared sketch.

    Raises:
        SketchError: there would be too many nodes.
    """
    return _Converter(sketch).convert()


class _Converter:
    def __init__(self, sketch: Sketch):
        self.sketch = sketch
        self.places: dict[str, Place] = {}
        self.numbers, self.acts = NumberFacts(), ActNames()
        self.notes = list(sketch.notes)
        self.ways: dict[str, list[Arrow]] = {node: [] for node in sketch.nodes}
        self.back: dict[str, list[str]] = {node: [] for node in sketch.nodes}
        for arrow in sketch.arrows:
            self.ways[arrow.start].append(arrow)
            self.back[arrow.to].append(arrow.start)
        self.entries: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        taken: set[str] = set()
        for node in sketch.nodes:
            # underscores are kept as they are, so that ids which are ours already stay
            own = ID.fullmatch(node) and node not in {*taken, *RESERVED}
            self.ids[node] = node if own else make_id(node, taken, words=20)
            taken.add(self.ids[node])
            if not own and self.ids[node] != node.lower():
                self.notes.append(f'renamed: "{node}" is called {self.ids[node]}')
        self.taken = taken

    def convert(self) -> Converted:
        for node in self.sketch.nodes:
            known = {*self.places}
            self._place(node)
            # a turn that was put in belongs where it was found to be lacking
            if title := self.sketch.groups.get(node):
                for name in self.places.keys() - known:
                    self.places[name].phase = make_id(title, words=5, default="phase")
        start = self.ids[self.sketch.start]
        if self.places[start].role != "agent" or self._is_deciding(self.sketch.start):
            start = self._add_opening()
        if len(self.places) > MAX_NODES:
            text = f"with the customer's turns it has {len(self.places):,} nodes"
            reason = f"{text}; at most {MAX_NODES:,} are read"
            raise SketchError([Problem(self.sketch.file, 0, 0, "too_many_nodes", reason)])
        self._note_turns()
        for name, place in self.places.items():
            self._cite(name, place)
        answers: dict[str, str] = {}
        for name, text in self.sketch.facts.items():
            # a word or two would be found in other sentences too
            sentence = text if len(text.split()) > MOST_LOOSE else f"{name}: {text}"
            taken = {*self.numbers.facts, *answers, *ANY_FACT}
            answers[make_id(name, taken, words=20, default="fact")] = sentence
        title = " ".join(self.sketch.title.split())
        return Converted(title, start, self.places, self.numbers.facts, answers, self.notes)

    def _add_opening(self) -> str:
        """What the agent says first where a chart begins with the customer, or a decision."""
        first, say = self.sketch.start, "Greet the customer."
        if self._is_deciding(first):
            say = f"Greet the customer and ask: {self.sketch.nodes[first].text}"
        to = self._enter(first, "agent", is_asking=True)
        return self._add("opening", Place("agent", say, to, remark="put in: the agent opens"))

    def _note_turns(self) -> None:
        added = [name for name, place in self.places.items() if place.remark.startswith("put in")]
        users = [name for name in added if self.places[name].role == "user"]
        agents = [name for name in added if self.places[name].role == "agent"]
        said = {
            "the customer speaks at": [node for node in self.sketch.nodes if self._is_user(node)],
            "the customer answers": [node for node in self.sketch.nodes if self._is_asking(node)],
            "turns of the customer were put in": users,
            "nodes of the agent were put in": agents,
        }
        for what, names in said.items():
            rest = f" and {len(names) - MOST_NOTED} more" if len(names) > MOST_NOTED else ""
            shown = f"assumed: {what}: {', '.join(names[:MOST_NOTED])}{rest}"
            self.notes += [shown] if names else []

    # what a node is

    def _is_end(self, node: str) -> bool:
        return not self.ways[node]

    def _is_deciding(self, node: str) -> bool:
        """Whether it only decides, on what the customer said before."""
        return self.sketch.nodes[node].kind == "decide" and len(self.ways[node]) > 1

    def _is_user(self, node: str) -> bool:
        return self.sketch.nodes[node].kind == "user" and not self._is_end(node)

    def _is_asking(self, node: str) -> bool:
        """Whether the customer answers what the agent says here."""
        found = self.sketch.nodes[node]
        if self._is_end(node) or self._is_user(node) or self._is_deciding(node):
            return False
        is_said = found.kind == "ask" or node == self.sketch.start or len(self.ways[node]) > 1
        return is_said or (
            found.kind in ("", "decide") and bool("?" in found.text or ASKING.match(found.text))
        )

    def _is_silent(self, node: str) -> bool:
        """Whether an end needs no closing words: the agent has just said some."""
        kind, before = self.sketch.nodes[node].kind, self.back[node]
        if kind == "closing" or not before or any(map(self._is_user, before)):
            return False
        if kind == "stop":
            # the customer speaks after the opening, and is answered
            return self.sketch.start not in before or len(self.ways[self.sketch.start]) > 1
        return not any(self._is_deciding(n) or self._is_asking(n) for n in before)

    # nodes and ways

    def _add(self, wanted: str, place: Place) -> str:
        name = wanted if wanted not in self.taken else make_id(wanted, self.taken, words=20)
        self.taken.add(name)
        self.places[name] = place
        return name

    def _place(self, node: str) -> None:
        found, name, ways = self.sketch.nodes[node], self.ids[node], self.ways[node]
        if self._is_end(node):
            self._place_end(node, found, name)
        elif self._is_deciding(node):
            self._fill_hub(node, name)
        elif self._is_user(node):
            self.places[name] = Place("user", found.text)
            if len(ways) > 1:
                self.places[name].next = self._add_hub(node, f"{name}_check")
            else:
                self.places[name].next = self._enter(ways[0].to, "user")
        else:
            self.places[name] = Place("agent", found.text)
            if len(ways) > 1:
                answer = self._add_answer(f"{name}_answer", found.text)
                self.places[name].next = answer
                self.places[answer].next = self._add_hub(node, f"{name}_check")
            else:
                self.places[name].next = self._lead_on(node, name, ways[0])
        if len(ways) == 1 and ways[0].label:
            self.notes.append(f'dropped: the label of the only way on from "{node}"')

    def _place_end(self, node: str, found: SketchNode, name: str) -> None:
        outcome = found.outcome or found.text
        if not ID.fullmatch(outcome):
            outcome = make_id(outcome, words=5, default="outcome")
        remark = "" if found.outcome else "assumed: the outcome is called so"
        end = Place("end", outcome=outcome, remark=remark)
        if self._is_silent(node):
            self.places[name] = end
            return
        self.places[name] = Place("agent", found.text)
        self.places[name].next = self._add(f"{name}_end", end)

    def _lead_on(self, node: str, name: str, way: Arrow) -> str:
        """What follows a node of the agent with one way on: a turn of the customer, if it asks."""
        is_met = self._is_user(way.to) or self._is_deciding(way.to) or self._is_silent_end(way.to)
        if not self._is_asking(node) or is_met:
            return self._enter(way.to, "agent", self._is_asking(node))
        answer = self._add_answer(f"{name}_answer", self.sketch.nodes[node].text)
        self.places[answer].next = self._enter(way.to, "user")
        return answer

    def _is_silent_end(self, node: str) -> bool:
        return self._is_end(node) and self._is_silent(node)

    def _add_answer(self, wanted: str, asked: str) -> str:
        return self._add(wanted, Place("user", f"Answer: {asked}", remark="put in: who is asked"))

    def _enter(self, node: str, before: str, is_asking: bool = False) -> str:
        """Where a way to a node leads, that comes from an agent or user node (`before`)."""
        name = self.ids[node]
        if self._is_user(node) and before == "user":
            return self._enter_once(f"{name}_before", Place("agent", "Go on.", name), "two turns")
        if not self._is_deciding(node) or before == "user":
            return name
        answer = self._enter_once(
            f"{name}_answer",
            Place("user", f"Answer: {self.sketch.nodes[node].text}", name),
            "what is decided is what the customer says",
        )
        if is_asking:
            return answer
        asked = Place("agent", self.sketch.nodes[node].text, answer)
        return self._enter_once(f"{name}_ask", asked, "nothing before asks what is decided")

    def _enter_once(self, wanted: str, place: Place, why: str) -> str:
        if wanted not in self.entries:
            place.remark = f"put in: {why}"
            self.entries[wanted] = self._add(wanted, place)
        return self.entries[wanted]

    def _add_hub(self, node: str, wanted: str) -> str:
        place = Place("agent", "Decide on the answer.", remark="put in: a hub decides")
        name = self._add(wanted, place)
        self._fill_hub(node, name)
        return name

    def _fill_hub(self, node: str, name: str) -> None:
        place = self.places.setdefault(name, Place("agent", self.sketch.nodes[node].text))
        labels = [_NAMED.fullmatch(arrow.label) for arrow in self.ways[node]]
        whens = self._tell_apart(node, [found[2] if found else "" for found in labels])
        routes = zip(self.ways[node], labels, whens, self.acts.name(whens), strict=True)
        for arrow, named, when, act in routes:
            route = named[1] if named else make_id(when, words=5, default="route")
            if route in place.routes:
                route = make_id(route, place.routes, words=20, default="route")
            place.routes[route] = Way(self._enter(arrow.to, "agent"), when, act)

    def _tell_apart(self, node: str, named: list[str]) -> list[str]:
        """The conditions of the ways on from a node, all different; `named` are those of labels
        that name their routes."""
        whens: dict[str, str] = {}
        for arrow, own in zip(self.ways[node], named, strict=True):
            when = " ".join((own or arrow.label).split())
            if not when:
                when = f"it goes on to: {self.sketch.nodes[arrow.to].text}"
                self.notes.append(f'assumed: when "{node}" leads to "{arrow.to}", which is unsaid')
            if when.casefold() in whens:
                text = f'when "{node}" leads to "{arrow.to}": another way on is labelled alike'
                self.notes.append(f"assumed: {text}")
            while when.casefold() in whens:
                when = f"{when} ({self.ids[arrow.to]})"
            whens[when.casefold()] = when
        return list(whens.values())

    # numbers

    def _cite(self, name: str, place: Place) -> None:
        """Make facts of the numbers that the agent says, as whatever it states must be one."""
        if place.role == "agent" and not place.routes:
            place.cites = self.numbers.cite(name, place.say)
        for way in place.routes.values():
            way.cites = self.numbers.cite(name, f"{place.say} {way.when}")
        if len(self.numbers.facts) > MAX_NUMBERS:
            text = f"more than {MAX_NUMBERS} different numbers; each is a fact, so name fewer"
            raise SketchError([Problem(self.sketch.file, 0, 0, "too_many_numbers", text)])
