"""A chart as others draw it: nodes with texts, arrows with labels, and who speaks often unsaid."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from workbench.reading import Problem, ReadingError, suggest

MAX_SKETCHED, MAX_ARROWS, MAX_LABEL = 1_500, 6_000, 1_000
"""Nodes and arrows of a chart, and characters of a label, that are read at most."""

Kind = Literal["", "say", "ask", "decide", "user", "closing", "stop"]
"""What a node is, as far as the file says. "": the agent says or asks something, or it is an end
with words; "closing": an end with words; "stop": a silent end."""


class SketchError(ReadingError):
    """A chart cannot be imported; `problems` has every reason, and the message one a line."""


@dataclass(frozen=True)
class SketchNode:
    """One box."""

    text: str
    kind: Kind = ""
    line: int = 0
    outcome: str = ""
    """Of an end, where the file says it."""


@dataclass(frozen=True)
class Arrow:
    """One way on."""

    start: str
    to: str
    label: str = ""
    line: int = 0


@dataclass
class Sketch:
    """What a file draws."""

    file: Path
    title: str = ""
    start: str = ""
    """Id of the node that opens; "" where the file does not say."""
    nodes: dict[str, SketchNode] = field(default_factory=dict)
    """By id as the file writes it, in its order."""
    arrows: list[Arrow] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    """Answers to questions, by id."""
    notes: list[str] = field(default_factory=list)
    """What was dropped or assumed, one sentence each."""
    groups: dict[str, str] = field(default_factory=dict)
    """Node id to the title of the group that it is drawn in, for those in one."""

    def successors(self, node_id: str) -> list[str]:
        """Ids of the nodes that follow, in order."""
        return [arrow.to for arrow in self.arrows if arrow.start == node_id]


def prepare_sketch(sketch: Sketch, start: str = "") -> Sketch:
    """The sketch with its start found, and without what no walk from there reaches.

    `start` is the node to begin at; "": the one that the file names, or the only one that no arrow
    leads to.

    Raises:
        SketchError: it has no start, or several; a node reaches no end; it is too large.
    """
    problems = [*_list_excesses(sketch)]
    if problems:
        raise SketchError(problems)
    start = _find_start(sketch, start)
    ways: dict[str, list[str]] = {}
    back: dict[str, list[str]] = {}
    for arrow in sketch.arrows:
        ways.setdefault(arrow.start, []).append(arrow.to)
        back.setdefault(arrow.to, []).append(arrow.start)
    reached = spread([start], ways)
    ends = [node for node in sketch.nodes if not ways.get(node)]
    if start in ends:
        text = f'"{start}" is start and end at once; draw a way on from it'
        raise SketchError([_problem(sketch, start, "start_is_end", text)])
    finished = spread(ends, back)
    stuck = [node for node in sketch.nodes if node in reached and node not in finished]
    if stuck:
        shown = ", ".join(f'"{node}"' for node in stuck[:5])
        rest = f" and {len(stuck) - 5} more" if len(stuck) > 5 else ""
        text = f"no end can be reached from {shown}{rest}; draw a way out"
        raise SketchError([_problem(sketch, stuck[0], "no_exit", text)])
    notes = list(sketch.notes)
    if lost := [node for node in sketch.nodes if node not in reached]:
        shown = ", ".join(lost[:10]) + (" and more" if len(lost) > 10 else "")
        notes.append(f"dropped, as no walk from the start reaches them: {shown}")
    arrows, seen = [], set()
    for arrow in sketch.arrows:
        key = (arrow.start, arrow.to, arrow.label)
        if arrow.start in reached and key not in seen:
            arrows.append(arrow)
        elif key in seen:
            notes.append(f"dropped: the same arrow again, {arrow.start} to {arrow.to}")
        seen.add(key)
    nodes = {node: sketch.nodes[node] for node in sketch.nodes if node in reached}
    said = sketch.facts, notes, sketch.groups
    return Sketch(sketch.file, sketch.title, start, nodes, arrows, *said)


def _list_excesses(sketch: Sketch) -> Iterable[Problem]:
    if not sketch.nodes:
        yield Problem(sketch.file, 0, 0, "no_nodes", "there are no nodes; draw at least two")
    counts = {"nodes": (sketch.nodes, MAX_SKETCHED), "arrows": (sketch.arrows, MAX_ARROWS)}
    for name, (items, most) in counts.items():
        if len(items) > most:
            text = f"{len(items):,} {name}; at most {most:,} are imported"
            yield Problem(sketch.file, 0, 0, f"too_many_{name}", text)
    texts = [(node.line, node.text) for node in sketch.nodes.values()]
    texts += [(arrow.line, arrow.label) for arrow in sketch.arrows]
    for line, text in texts:
        if len(text) > MAX_LABEL:
            reason = f"a label of {len(text):,} characters; at most {MAX_LABEL:,} are imported"
            yield Problem(sketch.file, line, 1, "long_label", reason)


def _find_start(sketch: Sketch, start: str) -> str:
    start = start or sketch.start
    if start in sketch.nodes:
        return start
    if start:
        text = f'there is no node "{start}" to start at.{suggest(start, sketch.nodes)}'
        raise SketchError([Problem(sketch.file, 0, 0, "unknown_start", text)])
    targets = {arrow.to for arrow in sketch.arrows if arrow.to != arrow.start}
    first = [node for node in sketch.nodes if node not in targets]
    if len(first) != 1:
        named = first or list(sketch.nodes)
        shown = ", ".join(named[:10]) + (" and more" if len(named) > 10 else "")
        which = "several nodes have no arrow to them" if first else "every node has an arrow to it"
        text = f"where it starts is unknown, for {which}; say --start and one of {shown}"
        raise SketchError([_problem(sketch, named[0], "no_start", text)])
    return first[0]


def _problem(sketch: Sketch, node: str, rule: str, text: str) -> Problem:
    return Problem(sketch.file, sketch.nodes[node].line, 1, rule, text)


def spread(sources: Iterable[str], ways: dict[str, list[str]]) -> set[str]:
    """All nodes that are reached from some."""
    found, ahead = set(sources), list(sources)
    while ahead:
        for node in ways.get(ahead.pop(), ()):
            if node not in found:
                found.add(node)
                ahead.append(node)
    return found
