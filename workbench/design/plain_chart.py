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


def read_chart(file: Path, is_labelled: bool = True) -> Chart:
    """Read a chart of nodes and edges.

    `is_labelled`: talks are to be measured by it, so each slot of a node needs a label.

    Raises:
        ReadingError: with all that is wrong, each with line, column and way out.
    """
    located = read_yaml(file)
    chart, misfits = fit_model(located, Chart)
    problems = [*located.problems, *misfits]
    problems += _list_faults(located, chart, is_labelled) if chart and not problems else []
    if problems:
        raise ReadingError(problems)
    return chart


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
    faults = []
    for node_id, node in chart.nodes.items():
        slots, labels = len(node.slots), len(node.labels)
        if node_id in ends and chart.successors(node_id):
            faults.append((node_id, "end_goes_on", "is an end and has ways on; remove its edges"))
        if node_id not in ends and not ends & chart.behind(node_id):
            faults.append((node_id, "no_exit", "reaches no end; add an edge that leads to one"))
        if is_labelled and node.kind == "ask" and slots and slots != labels:
            uneven = f"has {slots} slots and {labels} labels; give each slot one label"
            faults.append((node_id, "uneven", uneven))
    return [
        located.problem(("nodes", node_id), rule, f'node "{node_id}" {text}', key=True)
        for node_id, rule, text in faults
    ]
