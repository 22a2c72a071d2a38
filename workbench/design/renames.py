"""Renames: which part of a domain is which of an older one under another name.

Parts whose names stand on both sides are the same. Of the others a fact, an offer, a side trip or a
persona is recognized by its content, which must be equal. Nodes and routes are recognized by
content and place: a node that is renamed may be reworded too.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TypeVar

from workbench.conversation import Act
from workbench.domain import Domain
from workbench.flowchart import Flowchart, Node

T = TypeVar("T")

ALIKE = 0.6
"""How alike two nodes must be to be one under two names: 0 to 1, by words and by neighbours."""


@dataclass(frozen=True)
class Renames:
    """Old names to new ones, of those that differ."""

    nodes: dict[str, str] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    """Steps, e.g. "assess.leave" to "assess.quit"; of renamed nodes all routes stand here."""
    trips: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    personas: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def node(self, node: str) -> str:
        """Today's name of a node."""
        return self.nodes.get(node, node)

    def fact(self, fact: str) -> str:
        """Today's name of a fact, or of an offer's field: "lisbon.price" -> "lisbon_city.price"."""
        offer, dot, name = fact.partition(".")
        return f"{self.offers.get(offer, offer)}.{name}" if dot else self.facts.get(fact, fact)

    def step(self, step: str) -> str:
        """Today's name of a step: "opening", "assess.leave" or "anywhere.chat"."""
        node, dot, name = step.partition(".")
        if node == "anywhere":
            return f"anywhere.{self.trips.get(name, name)}"
        return self.routes.get(step, self.node(node) + dot + name)

    def act(self, act: str) -> str:
        """Today's name of an act: "ask(deposit)" -> "ask(advance)"."""
        kind = Act.parse(act).kind if "(" in act else ""
        names = {"ask": self.facts, "choose": self.offers}.get(kind, {})
        target = Act.parse(act).target if names else ""
        return f"{kind}({names[target]})" if target in names else act

    def part(self, key: str) -> str:
        """Today's key of a part, as `Domain.hashes` has them: "fact.deposit", "assess.leave"."""
        kind, _, name = key.partition(".")
        known = {"fact": self.facts, "offer": self.offers, "persona": self.personas}.get(kind)
        # a hub may be called "offer"; where it is renamed, its routes are known
        if known is not None and name and key not in self.routes:
            return f"{kind}.{known.get(name, name)}"
        return key if kind in {"slot", "prompt", "file"} else self.step(key)


def find_renames(old: Domain, new: Domain) -> Renames:
    """What of the new domain is the old one's under another name."""
    facts = match_equal(old.facts, new.facts, str)
    offers = match_equal(old.offers, new.offers, lambda offer: str(offer.model_copy(update=ID)))
    personas = match_equal(
        {persona.id: persona for persona in old.personas},
        {persona.id: persona for persona in new.personas},
        lambda persona: str(persona.model_copy(update=ID)),
    )
    trips = match_equal(old.flowchart.anywhere, new.flowchart.anywhere, str)
    nodes = match_nodes(old.flowchart, new.flowchart, facts)
    routes = {}
    for node in old.flowchart.nodes.values():
        twin = new.flowchart.nodes.get(nodes.get(node.id, node.id))
        if twin is not None:
            routes |= _match_routes(node, twin, nodes)
    return Renames(nodes, routes, trips, facts, offers, personas)


ID = {"id": ""}


def match_equal(
    old: Mapping[str, T], new: Mapping[str, T], content: Callable[[T], Hashable]
) -> dict[str, str]:
    """Names that stand on one side alone and have a content that nothing else there has."""
    left = _by_content({k: v for k, v in old.items() if k not in new}, content)
    right = _by_content({k: v for k, v in new.items() if k not in old}, content)
    return {
        left[key][0]: right[key][0]
        for key in left
        if len(left[key]) == 1 and len(right.get(key, ())) == 1
    }


def _by_content(parts: Mapping[str, T], content: Callable[[T], Hashable]) -> dict:
    found: dict[Hashable, list[str]] = {}
    for name, part in parts.items():
        found.setdefault(content(part), []).append(name)
    return found


def match_nodes(old: Flowchart, new: Flowchart, facts: Mapping[str, str]) -> dict[str, str]:
    """Nodes of the old chart to those of the new one that they are under another name.

    Who says what nobody else does is known by that. Of the others likeness is of what they say and
    of what stands around them; the whole matching is the best one.
    """
    import networkx as nx

    gone = [node for node in old.nodes.values() if node.id not in new.nodes]
    come = [node for node in new.nodes.values() if node.id not in old.nodes]
    sure = _match_said(gone, come, facts)
    found = {*sure.values()}
    left = [node for node in gone if node.id not in sure]
    others = [node for node in come if node.id not in found]
    known: dict[str, str] = {}
    around = {"old": _find_neighbours(old), "new": _find_neighbours(new)}
    # a second round knows the neighbours that were themselves renamed
    for _ in range(2):
        graph = nx.Graph()
        names = {node: node for node in old.nodes if node in new.nodes} | sure | known
        for before in left:
            for after in others:
                likeness = _compare(before, after, around, names, facts)
                if likeness >= ALIKE:
                    graph.add_edge(("old", before.id), ("new", after.id), weight=likeness)
        pairs = (sorted(pair) for pair in nx.max_weight_matching(graph))
        known = {before: after for (_, after), (_, before) in pairs}
    known |= sure
    return {node.id: known[node.id] for node in gone if node.id in known}


def _match_said(
    gone: Iterable[Node], come: Iterable[Node], facts: Mapping[str, str]
) -> dict[str, str]:
    """Nodes that say what no other says: where all are renamed, each with each takes hours."""
    old = _by_content(
        {node.id: node for node in gone}, lambda n: (n.role, n.is_hub, *_say(n, facts))
    )
    new = _by_content({node.id: node for node in come}, lambda n: (n.role, n.is_hub, *_say(n, {})))
    return {
        own[0]: new[key][0]
        for key, own in old.items()
        if any(key[2:]) and len(own) == len(new.get(key, ())) == 1
    }


def _find_neighbours(chart: Flowchart) -> dict[str, set[tuple[str, str]]]:
    """Node to its neighbours, each with whether it comes before or after."""
    found: dict[str, set[tuple[str, str]]] = {node: set() for node in chart.nodes}
    for node in chart.nodes:
        for _, to in chart.successors(node):
            found[node].add(("after", to))
            found[to].add(("before", node))
    return found


def _compare(before: Node, after: Node, around: dict, names: dict[str, str], facts) -> float:
    """How alike two nodes are, 0 to 1; 0 where one is another kind of node."""
    if (before.role, before.is_hub) != (after.role, after.is_hub):
        return 0.0
    old = {(where, names.get(node, f"?{node}")) for where, node in around["old"][before.id]}
    new = around["new"][after.id]
    near = len(old & new) / max(1, len(old | new))
    said, says = _say(before, facts), _say(after, {})
    if said == says and any(said):
        return 0.8 + 0.2 * near
    if before.role == "end":
        return 0.0
    words = SequenceMatcher(None, " ".join(said), " ".join(says), autojunk=False).ratio()
    return 0.5 * words + 0.5 * near


def _say(node: Node, facts: Mapping[str, str]) -> list[str]:
    """What a node and its routes say, whatever they are called and wherever they lead."""
    own = [node.say, node.outcome, *(facts.get(fact, fact) for fact in node.cites)]
    routes = (" ".join([route.when, *route.acts, route.say]) for route in node.routes.values())
    return own + sorted(route for route in routes if route.strip())


def _match_routes(before: Node, after: Node, nodes: dict[str, str]) -> dict[str, str]:
    """Steps of the old node to those of the new one, as far as their names differ."""
    found = {}
    gone = [name for name in before.routes if name not in after.routes and name]
    come = [name for name in after.routes if name not in before.routes and name]
    for name, route in before.routes.items():
        if name in after.routes and before.id != after.id and name:
            found[f"{before.id}.{name}"] = f"{after.id}.{name}"
        to = nodes.get(route.to, route.to)
        twins = [
            other
            for other in come
            if name in gone
            and (after.routes[other].acts, after.routes[other].needs) == (route.acts, route.needs)
            and after.routes[other].to == to
        ]
        if len(twins) == 1:
            come.remove(twins[0])
            found[f"{before.id}.{name}"] = f"{after.id}.{twins[0]}"
    return found
