"""The procedure that is compiled: nodes, the routes between them, and what may follow what."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from workbench.reading import Located, Problem, ReadingError, read_yaml, suggest
from workbench.rules import (
    Element,
    Id,
    Route,
    SideTrip,
    Slot,
    Text,
    WrittenFlowchart,
    WrittenNode,
    apply_rules,
)

if TYPE_CHECKING:
    import networkx as nx

__all__ = [
    *("Flowchart", "FlowchartError", "Node", "Problem", "Route", "SideTrip", "Slot"),
    *("check_flowchart", "read_flowchart", "write_schema"),
]


class FlowchartError(ReadingError):
    """A flowchart cannot be used; `problems` has every reason, and the message one a line."""


class Node(Element):
    """One place of the procedure: the agent speaks, the customer (user) speaks, or it ends."""

    id: Id
    role: Literal["agent", "user", "end"]
    say: Text = ""
    """What is done here, in plain words; of an end, empty."""
    cites: tuple[Id, ...] = ()
    """Ids of the facts that the agent states here."""
    routes: dict[str, Route] = {}
    """Ways on by name. A single way on has the empty name, an end none."""
    outcome: str = ""
    """Of an end: how the conversation ended, e.g. "success"."""
    phase: str = Field("", exclude=True)
    """The part of the procedure that it is drawn with, e.g. "settling"; no hash depends on it."""
    share: float = 0
    """Of an end: how many of the training's conversations come there, as the file says; 0: nothing
    is said."""

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict:
        # an end of which no share is said keeps the hash that it had before there were shares
        return {name: part for name, part in write(self).items() if part or name != "share"}

    @property
    def is_hub(self) -> bool:
        """Whether the agent decides here between routes that have names."""
        return self.role == "agent" and any(self.routes)

    @property
    def steps(self) -> list[str]:
        """Labels of what the agent may say here: ["opening"], of a hub one a route, else none."""
        if self.role != "agent":
            return []
        return [f"{self.id}.{name}" if name else self.id for name in self.routes]


class Flowchart(Element):
    """A procedure, sound: every target exists, every node is reached and reaches an end."""

    name: Id
    title: str
    start: str
    """Id of the agent node that opens."""
    slots: dict[str, Slot] = {}
    nodes: dict[str, Node]
    """By id, in the order of the file."""
    anywhere: dict[str, SideTrip] = {}
    """Side trips by name; they do not move the walk."""

    @property
    def hubs(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.is_hub]

    @property
    def ends(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.role == "end"]

    @property
    def outcomes(self) -> list[str]:
        """The outcomes of all ends, each once."""
        return list(dict.fromkeys(end.outcome for end in self.ends))

    @property
    def phases(self) -> dict[str, list[Node]]:
        """The nodes of each phase, in the order of the file; {} if no node has a phase."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            if node.phase:
                found.setdefault(node.phase, []).append(node)
        return found

    @property
    def shares(self) -> dict[str, float]:
        """Each outcome's share of the training's conversations; {} if the file says nothing."""
        found: dict[str, float] = {}
        for end in self.ends:
            found[end.outcome] = found.get(end.outcome, 0) + end.share
        return found if all(found.values()) else {}

    @property
    def steps(self) -> list[str]:
        """Every label that an agent message can carry, in the order of the file.

        Example: ["opening", "assess.missing_info", ..., "anywhere.question"]
        """
        steps = [step for node in self.nodes.values() for step in node.steps]
        return steps + [f"anywhere.{name}" for name in self.anywhere]

    def successors(self, node_id: str) -> list[tuple[str, str]]:
        """Ways on as (route name, node id); an unnamed route has the name ""."""
        return [(name, route.to) for name, route in self.nodes[node_id].routes.items()]

    def graph(self) -> "nx.MultiDiGraph":
        """A fresh graph: nodes are ids (attribute `role`), the key of an edge is its route name."""
        import networkx as nx

        graph = nx.MultiDiGraph(name=self.name)
        for node in self.nodes.values():
            graph.add_node(node.id, role=node.role)
        for node in self.nodes.values():
            for name, to in self.successors(node.id):
                graph.add_edge(node.id, to, key=name)
        return graph

    def find_element(self, step: str) -> Node | Route | SideTrip:
        """What a step takes: a node, "assess.leave" a route of it, "anywhere.chat" a side trip.

        Raises:
            KeyError: the flowchart has no such step.
        """
        node_id, _, name = step.partition(".")
        if node_id == "anywhere" and name in self.anywhere:
            return self.anywhere[name]
        node = self.nodes[node_id]
        return node.routes[name] if name else node

    def step_target(self, step: str) -> str:
        """Id of the node that a step leads to: "assess.missing_info" -> "user_info".

        A side trip leads nowhere: "anywhere.question" -> "".

        Raises:
            ValueError: the flowchart has no such step.
        """
        node_id, _, name = step.partition(".")
        if node_id == "anywhere" and name in self.anywhere:
            return ""
        node = self.nodes.get(node_id)
        if node is None or step not in node.steps:
            raise ValueError(f'"{step}" is no step of "{self.name}".{suggest(step, self.steps)}')
        return node.routes[name].to

    def first_steps(self) -> set[str]:
        """The steps that may open a conversation."""
        return set(self.nodes[self.start].steps)

    def next_steps(self, step: str) -> set[str]:
        """The agent steps that may follow a step, whether or not the customer speaks in between.

        Side trips may always come in between and are not listed. Nothing follows a step into an
        end; a side trip does not move the walk, so nothing follows from it either.
        """
        target = self.nodes.get(self.step_target(step))
        if target is None:
            return set()
        if target.role != "user":
            return set(target.steps)
        return {after for _, to in self.successors(target.id) for after in self.nodes[to].steps}

    def outcome_of(self, step: str) -> str:
        """The outcome when the step leads to an end, else ""."""
        target = self.nodes.get(self.step_target(step))
        return target.outcome if target else ""

    def content_hash(self) -> str:
        """Sixteen hex digits that change with any word or route, not with order or layout."""
        return _hash(self.model_dump())

    def element_hashes(self) -> dict[str, str]:
        """A hash of each part, so that an edit is known to touch a conversation or not.

        Keys: nodes "assess" (without its named routes), routes "assess.missing_info", side trips
        "anywhere.question", slots "slot.dates".
        """
        hashes = {}
        for node in self.nodes.values():
            unnamed = {name: route for name, route in node.routes.items() if not name}
            hashes[node.id] = _hash(node.model_copy(update={"routes": unnamed}).model_dump())
            for name, route in node.routes.items():
                if name:
                    hashes[f"{node.id}.{name}"] = _hash(route.model_dump())
        for prefix, parts in (("anywhere", self.anywhere), ("slot", self.slots)):
            hashes |= {f"{prefix}.{name}": _hash(part.model_dump()) for name, part in parts.items()}
        return hashes


def _hash(content: dict) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_flowchart(file: Path) -> Flowchart:
    """Read a flowchart; warnings are passed over (`check_flowchart` has them).

    Raises:
        FlowchartError: with all errors of the file at once, each with line, column and way out.
    """
    flowchart, problems = draft_flowchart(read_yaml(file))
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise FlowchartError(errors)
    return flowchart


def draft_flowchart(
    located: Located, facts: set[str] | None = None, acts: set[str] | None = None
) -> tuple[Flowchart | None, list[Problem]]:
    """The flowchart of a file, sound or not, and its problems; None when its fields do not fit."""
    written, problems = apply_rules(located, facts, acts)
    if written is None:
        return None, problems
    nodes = {node_id: _finish(node_id, node) for node_id, node in written.nodes.items()}
    parts = {field: getattr(written, field) for field in WrittenFlowchart.model_fields}
    return Flowchart(**parts | {"nodes": nodes}), problems


def _finish(node_id: str, node: WrittenNode) -> Node:
    kept = node.model_dump(exclude={"next", "routes"})
    return Node(id=node_id, routes=node.ways, **kept)


def check_flowchart(
    file: Path, facts: set[str] | None = None, acts: set[str] | None = None
) -> list[Problem]:
    """Every error and warning of a flowchart, in the order of its lines; bad content never raises.

    With `facts` (ids) citations are checked too; `acts` replaces the acts known by default.
    """
    return apply_rules(read_yaml(file), facts, acts)[1]


def write_schema(file: Path) -> None:
    """Write the JSON Schema that lets editors complete and check flowcharts as they are typed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= WrittenFlowchart.model_json_schema()
    Path(file).write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")
