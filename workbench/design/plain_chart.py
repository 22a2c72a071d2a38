"""Procedures that others wrote down as nodes and edges.

name: lending_desk
source: who wrote it
start: greet
nodes:
  greet: {kind: say, labels: [hello]}
  details: {kind: ask, slots: [tool, days], labels: [ask_tool, ask_days]}
  lent: {kind: end, outcome: lent, labels: [confirm]}
edges:
  - {from: greet, to: details, when: null}
  - {from: details, to: lent, when: the tool is free}
anywhere: {bye: Goodbye!}
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from workbench.design.sketch import Arrow, Kind, Sketch, SketchNode, spread
from workbench.reading import Located, Problem, ReadingError, fit_model, read_yaml, suggest

Name = Annotated[str, StringConstraints(pattern=r"^\w+$")]


class ChartNode(BaseModel):
    """One place of the chart. Only `say`, `ask` and `end` are ever heard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["say", "ask", "act", "decide", "end"]
    text: str = ""
    labels: tuple[Name, ...] = ()
    """What an agent's turn here is labelled; of an `ask` one a slot, else any one of them."""
    slots: tuple[Name, ...] = ()
    """Of an `ask`: what is collected here."""
    outcome: str = ""
    """Of an `end`: how it ended; without one, the node's id."""


class ChartEdge(BaseModel):
    """One way on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Name = Field(alias="from")
    to: Name
    when: str = ""


class Chart(BaseModel):
    """A procedure in nodes and edges, sound: edges have their nodes, each node reaches an end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str = ""
    """Whose it is, in one line."""
    licence: str = ""
    start: Name
    nodes: dict[Name, ChartNode]
    edges: list[ChartEdge]
    facts: list[Any] = []
    anywhere: dict[Name, str] = {}
    """Sentences that may be said anywhere, by name."""

    def labels(self, node_id: str) -> tuple[str, ...]:
        """Labels of what is heard at a node: without any its own id; of a silent node none."""
        node = self.nodes[node_id]
        return () if node.kind in ("act", "decide") else node.labels or (node_id,)

    def successors(self, node_id: str) -> list[str]:
        """Ids of the nodes that follow, in the order of the file."""
        return [edge.to for edge in self.edges if edge.start == node_id]

    def behind(self, node_id: str) -> set[str]:
        """Ids of all nodes that may come after a node; its own only if a loop leads back."""
        found, ahead = set(), self.successors(node_id)
        while ahead:
            if (after := ahead.pop()) not in found:
                found.add(after)
                ahead += self.successors(after)
        return found

    @property
    def endings(self) -> dict[str, str]:
        """Outcomes by the labels that tell them."""
        ends = [(i, node.outcome or i) for i, node in self.nodes.items() if node.kind == "end"]
        return {label: outcome for i, outcome in ends for label in self.labels(i)}

    @property
    def slot_asked(self) -> dict[str, str]:
        """Slots by the labels that ask for them."""
        asks = [node for node in self.nodes.values() if node.kind == "ask" and node.slots]
        return {a: slot for node in asks for a, slot in zip(node.labels, node.slots, strict=True)}


def read_chart(file: Path) -> Chart:
    """Read a chart of nodes and edges by which talks are to be measured.

    Raises:
        ReadingError: with all that is wrong, each with line, column and way out.
    """
    return _read(file, is_labelled=True)[0]


def _read(file: Path, is_labelled: bool) -> tuple[Chart, Located]:
    """`is_labelled`: each slot of a node needs a label, as talks have them."""
    located = read_yaml(file)
    chart, misfits = fit_model(located, Chart)
    problems = [*located.problems, *misfits]
    problems += _list_faults(located, chart, is_labelled) if chart and not problems else []
    if problems:
        raise ReadingError(problems)
    return chart, located


def _list_faults(located: Located, chart: Chart, is_labelled: bool) -> list[Problem]:
    return _list_unknown(located, chart) or _list_unsound(located, chart, is_labelled)


def _list_unknown(located: Located, chart: Chart) -> list[Problem]:
    """Nodes that are named and do not exist."""
    named = [(("start",), chart.start)]
    for i, edge in enumerate(chart.edges):
        named += [(("edges", i, "from"), edge.start), (("edges", i, "to"), edge.to)]
    return [
        located.problem(
            path, "unknown_node", f'there is no node "{node}".{suggest(node, chart.nodes)}'
        )
        for path, node in named
        if node not in chart.nodes
    ]


def _list_unsound(located: Located, chart: Chart, is_labelled: bool) -> list[Problem]:
    """Nodes at which a walk or its labels go wrong."""
    ends = {node_id for node_id, node in chart.nodes.items() if node.kind == "end"}
    leading_on, back = {edge.start for edge in chart.edges}, {}
    for edge in chart.edges:
        back.setdefault(edge.to, []).append(edge.start)
    finishing, faults = spread(ends, back), []
    for node_id, node in chart.nodes.items():
        slots, labels = len(node.slots), len(node.labels)
        if node_id in ends & leading_on:
            faults.append((node_id, "end_goes_on", "is an end and has ways on; remove its edges"))
        if node_id not in finishing:
            faults.append((node_id, "no_exit", "reaches no end; add an edge that leads to one"))
        if is_labelled and node.kind == "ask" and slots and slots != labels:
            uneven = f"has {slots} slots and {labels} labels; give each slot one label"
            faults.append((node_id, "uneven", uneven))
    return [
        located.problem(("nodes", node_id), rule, f'node "{node_id}" {text}', key=True)
        for node_id, rule, text in faults
    ]


_KINDS: dict[str, Kind] = {"say": "say", "act": "say", "ask": "ask", "decide": "decide"}


def sketch_chart(file: Path) -> Sketch:
    """A chart of nodes and edges as a sketch to import, with notes on what a sketch lacks.

    Raises:
        ReadingError: with all that is wrong, each with line, column and way out.
    """
    chart, located = _read(file, is_labelled=False)
    nodes, notes = {}, []
    for node_id, node in chart.nodes.items():
        kind = _KINDS.get(node.kind, "closing" if node.text else "stop")
        line = located.place("nodes", node_id, key=True)[0]
        words = " ".join((node.text or node_id.replace("_", " ")).split())
        nodes[node_id] = SketchNode(words, kind, line, node.outcome)
        if node.kind == "act":
            notes.append(f'assumed: "{node_id}" is done by the agent, which says so')
        if node.slots:
            named = ", ".join(node.slots)
            notes.append(f'dropped: the slots of "{node_id}" ({named}); they are asked in one turn')
    arrows = [
        # a reader of plain texts reads null as a word
        Arrow(edge.start, edge.to, "" if edge.when in ("null", "~") else edge.when, line)
        for i, edge in enumerate(chart.edges)
        for line in [located.place("edges", i)[0]]
    ]
    if labels := sum(len(node.labels) for node in chart.nodes.values()):
        notes.append(f"dropped: {labels} labels, which are for reading talks")
    if chart.anywhere:
        notes.append(f"dropped: what may be said anywhere ({', '.join(chart.anywhere)})")
    facts, strange = {}, 0
    for fact in chart.facts:
        texts = fact if isinstance(fact, dict) else {}
        if isinstance(texts.get("id"), str) and isinstance(texts.get("answer"), str):
            facts[texts["id"]] = " ".join(texts["answer"].split())
        else:
            strange += 1
    if strange:
        notes.append(f"dropped: {strange} facts without id and answer")
    title = chart.name.replace("_", " ").capitalize()
    return Sketch(Path(file), title, chart.start, nodes, arrows, facts, notes)
