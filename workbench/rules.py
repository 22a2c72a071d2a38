"""What a flowchart file may say: its fields, and the rules between them.

Errors (the file is refused): unknown_target, unknown_start, start_not_agent, no_end, unreachable,
no_exit, agent_loop, self_loop, dead_end, next_and_routes, one_route, twin_when, twin_acts,
route_without_when, agent_without_say, user_with_routes, user_after_user, user_before_end,
end_with_routes, end_without_outcome, end_speaks, outcome_outside_end, share_outside_end,
end_without_share, unknown_fact, unknown_slot, slot_order, reserved_id, too_many_nodes, and what
`reading` refuses. Warnings: shared_act, same_target, route_without_acts, unknown_act,
unasked_slots, no_slots, uncited_fact, odd_character.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
)

from workbench.reading import Located, Problem, check_characters, find_nearest, fit_model, suggest

if TYPE_CHECKING:
    import networkx as nx

MAX_NODES = 5_000
MAX_SUGGESTIONS = 50

SLOT_STATES = {"slots_missing", "slots_vague", "slots_complete"}
"""Not acts but states of what the agent knows; they may cause a route as acts do."""

OFFER_STATES = {"offers_left", "offers_spent"}
"""States of what the agent can still offer for what it knows."""

STATES = SLOT_STATES | OFFER_STATES
"""All that may cause a route and is no act."""

ANSWER = "answer"
"""What a customer does where whatever it says leads on, but for the first turn: "start"."""

ACTS = (
    STATES
    | {ANSWER}
    | {
        *(
            "give",
            "vague",
            "revise",
            "drop",
            "choose",
            "reject",
            "ask",
            "confirm",
            "deny",
            "reopen",
        ),
        *("agree", "decline", "report", "done", "failed", "unsure", "want_human"),
        *("leave", "leave_late", "chat", "flood", "stray", "take_over", "silence"),
        *("start", "why", "remind", "misspeak"),
    }
)
"""Acts known without a phrase book that says which."""

RESERVED = {"anywhere", "slot", "part", "pending", "answers"}
"""Names that mean something else where steps and wordings are named."""

ANY_FACT = {"offer", "offers"}
"""May be cited though no fact: the offer that was chosen, and those that fit."""

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Needs = dict[Id, Annotated[tuple[Filled, ...], Field(min_length=1)]]
"""Slot to the values of which one must be on record, e.g. {"size": ("small", "large")}."""


class Element(BaseModel):
    """A part of a flowchart: it cannot change, and has no field but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Route(Element):
    """One way on from a node."""

    to: str
    """Id of the node it leads to."""
    when: Text = ""
    """Condition in plain words, e.g. "all four details are known". Empty: always."""
    acts: tuple[Id, ...] = ()
    """Customer acts, states of the slots and of the offers that cause the route, e.g. [leave]; of
    each of the three that is named one must hold."""
    needs: Needs = Field({}, alias="for")
    """What must be on record, e.g. {size: [small, large]}. Empty: anything or nothing."""
    say: Text = ""
    """What the agent does on this route, e.g. "Accept it and close politely."."""
    cites: tuple[Id, ...] = ()
    """Ids of the facts that the agent states on this route."""

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict:
        # what needs nothing keeps the hash that it had before routes could need anything
        return {name: part for name, part in write(self).items() if part or name != "needs"}


class SideTrip(Element):
    """Something that may happen anywhere: answered briefly, and the walk does not move."""

    when: Filled
    """Condition in plain words, e.g. "the customer chats"."""
    acts: Annotated[tuple[Id, ...], Field(min_length=1)]
    """Customer acts that cause it, e.g. [chat]."""
    say: Filled
    """What the agent does, e.g. "Reply kindly in half a sentence."."""
    cites: tuple[Id, ...] = ()
    """Ids of the facts that the agent states."""


class Slot(Element):
    """A detail that the customer knows and the agent must learn."""

    ask: Filled
    """The question for it, e.g. "Where would you like to travel?"."""
    needs: Needs = Field({}, alias="for")
    """What must be on record for it to be asked for, e.g. {size: [large]}; slots before it only.
    Empty: it is always asked for."""

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict:
        # what needs nothing keeps the hash that it had before slots could need anything
        return {name: part for name, part in write(self).items() if part or name != "needs"}


class WrittenNode(Element):
    """A node as a person writes it: `next` for one way on, `routes` for several."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "if": {"properties": {"role": {"const": role}}},
                    "then": {"required": needed, "properties": dict.fromkeys(absent, False)},
                }
                for role, needed, absent in [
                    ("agent", ["say"], ["outcome", "share"]),
                    ("user", ["next"], ["routes", "outcome", "share"]),
                    ("end", ["outcome"], ["say", "cites", "next", "routes"]),
                ]
            ]
        }
    )

    role: Literal["agent", "user", "end"]
    """Who speaks: the agent, or the user (the customer). An end is silent."""
    say: Text = ""
    """What is done here, e.g. "Greet the customer and ask about the trip."."""
    cites: tuple[Id, ...] = ()
    """Ids of the facts that the agent states here."""
    next: str = ""
    """Id of the node that follows, where there is only one way on."""
    routes: dict[Id, Route] = {}
    """The ways on from a hub, by name."""
    outcome: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?$")] = ""
    """Of an end: how the conversation ended, e.g. success."""
    phase: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?$", max_length=64)] = ""
    """The part of the procedure that it belongs to, e.g. settling. Pictures draw it so; nothing
    that is said depends on it."""
    share: NonNegativeFloat = 0
    """Of an end: how many of the training's conversations come there, e.g. 60 of 100. All have one,
    or none: then they are as many each."""

    @property
    def ways(self) -> dict[str, Route]:
        """Every way on by name; that of `next` has the empty name."""
        return ({"": Route(to=self.next)} if self.next else {}) | self.routes


class WrittenFlowchart(Element):
    """A procedure: who speaks, what is done, and what follows."""

    name: Id
    """Id of the procedure, e.g. travel_booking."""
    title: Filled
    """Name for people, e.g. Travel booking."""
    start: str
    """Id of the node that opens the conversation; the agent speaks there."""
    slots: dict[Id, Slot] = {}
    """What the customer knows and the agent must learn."""
    nodes: dict[Id, WrittenNode]
    """The nodes by id."""
    anywhere: dict[Id, SideTrip] = {}
    """Side trips: answered briefly, then the pending question is put again."""


@dataclass(frozen=True)
class _Draft:
    """What could be read of a flowchart, sound or not."""

    located: Located
    nodes: dict[str, WrittenNode]
    anywhere: dict[str, SideTrip]
    ids: dict[str, None]
    """Ids of all nodes in order, also of those that could not be read."""

    @property
    def start(self) -> str:
        start = self.located.data.get("start", "")
        return start if isinstance(start, str) else ""

    @property
    def is_whole(self) -> bool:
        return len(self.nodes) == len(self.ids) and not self.located.problems

    @cached_property
    def repairs(self) -> dict[str, str]:
        """The node that each target means: itself, or the nearest to a misspelt one, or ""."""
        named = dict.fromkeys([self.start, *(route.to for _, _, route in self.list_ways())])
        unknown = [name for name in named if name not in self.ids]
        # looking for the nearest takes long among thousands, so only the first slips get one
        near = {name: find_nearest(name, self.ids) for name in unknown[:MAX_SUGGESTIONS]}
        return dict.fromkeys(named, "") | near | {id_: id_ for id_ in self.ids}

    def suggest(self, name: str) -> str:
        return f' Did you mean "{self.repairs[name]}"?' if self.repairs[name] else ""

    def list_ways(self) -> Iterator[tuple[str, tuple, Route]]:
        """Every way on as (node id, path of its target in the file, route)."""
        for node_id, node in self.nodes.items():
            for name, route in node.ways.items():
                spot = ("routes", name, "to") if name else ("next",)
                yield node_id, ("nodes", node_id, *spot), route

    def list_speakers(self) -> Iterator[tuple[tuple, WrittenNode | Route | SideTrip]]:
        """Everything that may cite facts or has acts, with its path in the file."""
        for node_id, node in self.nodes.items():
            yield ("nodes", node_id), node
            for name, route in node.routes.items():
                yield ("nodes", node_id, "routes", name), route
        for name, trip in self.anywhere.items():
            yield ("anywhere", name), trip


def apply_rules(
    located: Located, facts: set[str] | None = None, acts: set[str] | None = None
) -> tuple[WrittenFlowchart | None, list[Problem]]:
    """The flowchart that a file holds, and all its problems in the order of its lines.

    The flowchart is None when it lacks a field or has a wrong one; other errors leave it standing.
    """
    if located.data == "" and located.problems:
        return None, located.problems
    written, misfits = fit_model(located, WrittenFlowchart)
    problems = [*located.problems, *misfits, *check_characters(located)]
    draft = _draft(located)
    if len(draft.ids) > MAX_NODES:
        text = f"{len(draft.ids):,} nodes; at most {MAX_NODES:,} are read"
        return None, [located.problem(("nodes",), "too_many_nodes", text, key=True)]
    for rule in (
        *(_check_nodes, _check_twins, _check_targets, _check_start, _check_walks),
        _check_shares,
    ):
        problems += rule(draft)
    problems += _check_acts(draft, acts if acts is not None else ACTS)
    problems += _check_slots(draft)
    problems += _check_cites(draft, facts) if facts is not None else []
    problems = list(dict.fromkeys(problems))
    return written, sorted(problems, key=lambda problem: (problem.line, problem.column))


def _draft(located: Located) -> _Draft:
    parts: dict[str, dict] = {"nodes": {}, "anywhere": {}}
    data = located.data if isinstance(located.data, dict) else {}
    for part, model in (("nodes", WrittenNode), ("anywhere", SideTrip)):
        for name in data[part] if isinstance(data.get(part), dict) else ():
            # what does not fit was named when the file was read as a whole
            with suppress(ValidationError):
                parts[part][name] = model.model_validate(_mend(data[part][name], model))
    ids = dict.fromkeys(data["nodes"]) if isinstance(data.get("nodes"), dict) else {}
    if not data:
        located = Located(located.file, {}, problems=located.problems)
    return _Draft(located, parts["nodes"], parts["anywhere"], ids)


def _mend(written: object, model: type[Element]) -> object:
    """What was meant: misspelt fields renamed, others left out, so that one slip hides no other."""
    if not isinstance(written, dict):
        return written
    mended = {}
    for key, value in written.items():
        fields = {field.alias or name for name, field in model.model_fields.items()}
        known = key if key in fields else find_nearest(key, fields)
        if known and (known == key or known not in written):
            mended[known] = value
    if model is WrittenNode and isinstance(routes := mended.get("routes"), dict):
        mended["routes"] = {name: _mend(route, Route) for name, route in routes.items()}
    return mended


def _check_nodes(draft: _Draft) -> Iterator[Problem]:
    for node_id, node in draft.nodes.items():
        for spot, rule, text in _list_faults(node):
            path = ("nodes", node_id, *([spot] if spot else []))
            text = f'{node.role} node "{node_id}" {text}'
            yield draft.located.problem(path, rule, text, key=True)
        if node_id in RESERVED:
            text = f'a node cannot be called "{node_id}", which has a meaning of its own; rename it'
            yield draft.located.problem(("nodes", node_id), "reserved_id", text, key=True)


def _list_faults(node: WrittenNode) -> Iterator[tuple[str, str, str]]:
    """What a node lacks or has too much for its role: (field or "", rule, text)."""
    is_agent, is_user, is_end = (node.role == role for role in ("agent", "user", "end"))
    if is_agent and not node.say:
        yield "", "agent_without_say", 'has no "say"; write what the agent does here'
    if is_agent and node.next and node.routes:
        yield "next", "next_and_routes", 'has both "next" and "routes"; keep one'
    if is_agent and len(node.routes) == 1 and not node.next:
        yield "routes", "one_route", 'has a single route; write it as "next", or add the others'
    if is_user and node.routes:
        text = 'has "routes"; give it one "next" and put the choice in the agent node after it'
        yield "routes", "user_with_routes", text
    if not is_end and not node.next and not node.routes:
        yield "", "dead_end", "leads nowhere; say what comes next, or give it the role end"
    if not is_end and node.outcome:
        yield "outcome", "outcome_outside_end", 'has an "outcome", which only ends have; remove it'
    if not is_end and node.share:
        yield "share", "share_outside_end", 'has a "share", which only ends have; remove it'
    if is_end and node.ways:
        spot = "next" if node.next else "routes"
        yield spot, "end_with_routes", "leads on; remove that, or give it another role"
    if is_end and not node.outcome:
        yield "", "end_without_outcome", 'has no "outcome"; name how the conversation ended'
    if is_end and (node.say or node.cites):
        spot = "say" if node.say else "cites"
        yield spot, "end_speaks", "is silent; move the closing words to the node or route before it"


def _check_twins(draft: _Draft) -> Iterator[Problem]:
    """Routes of one hub (or side trips) that nothing tells apart."""
    for node_id, node in draft.nodes.items():
        path = ("nodes", node_id, "routes")
        yield from _compare(draft.located, path, f'of "{node_id}"', node.routes)
        for name, route in node.routes.items():
            if not route.when:
                text = f'route "{name}" of "{node_id}" has no "when"; write its condition'
                yield draft.located.problem((*path, name), "route_without_when", text, key=True)
            if not route.acts:
                text = f'route "{name}" of "{node_id}" has no "acts", so nothing causes it'
                where = (*path, name)
                yield draft.located.problem(where, "route_without_acts", text, "warning", True)
    yield from _compare(draft.located, ("anywhere",), "anywhere", draft.anywhere)


def _compare(located: Located, path: tuple, where: str, routes: dict) -> Iterator[Problem]:
    by_when, by_acts, by_act, by_target = {}, {}, {}, {}
    for name, route in routes.items():
        same_when = by_when.setdefault(" ".join(route.when.casefold().split()), name)
        if route.when and same_when != name:
            text = f'"{name}" and "{same_when}" {where} have the same "when"; tell them apart'
            yield located.problem((*path, name, "when"), "twin_when", text)
        needs = getattr(route, "needs", {})
        causes = frozenset([*route.acts, *((slot, *values) for slot, values in needs.items())])
        same_acts = by_acts.setdefault(causes, name)
        if route.acts and same_acts != name:
            text = f'"{name}" and "{same_acts}" {where} have the same "acts"; tell them apart'
            yield located.problem((*path, name, "acts"), "twin_acts", text)
        for act in route.acts:
            taken = by_act.setdefault(act, name)
            if taken != name and same_acts == name and not _are_apart(route, routes[taken]):
                text = f'act "{act}" causes both "{name}" and "{taken}" {where}'
                yield located.problem((*path, name, "acts"), "shared_act", text, "warning")
        same_target = by_target.setdefault(getattr(route, "to", name), name)
        if same_target != name:
            text = f'"{name}" {where} leads to "{route.to}", as "{same_target}" does'
            yield located.problem((*path, name, "to"), "same_target", text, "warning")


def _are_apart(one: Route | SideTrip, other: Route | SideTrip) -> bool:
    """Whether a state, or what must be on record, keeps two routes from being taken at once.

    A route that needs an act besides a state comes before one that needs none.
    """
    if len({bool({*way.acts} - STATES) for way in (one, other)}) == 2:
        return True
    for states in (SLOT_STATES, OFFER_STATES):
        mine, theirs = states & set(one.acts), states & set(other.acts)
        if mine and theirs and not mine & theirs:
            return True
    mine, theirs = (getattr(route, "needs", {}) for route in (one, other))
    return any(set(mine[slot]).isdisjoint(theirs[slot]) for slot in mine.keys() & theirs.keys())


def _check_targets(draft: _Draft) -> Iterator[Problem]:
    for node_id, path, route in draft.list_ways():
        roles = tuple(getattr(draft.nodes.get(id_), "role", "") for id_ in (node_id, route.to))
        leads = f'node "{node_id}" leads to'
        if route.to not in draft.ids:
            text = f'{leads} "{route.to}", which does not exist.{draft.suggest(route.to)}'
            yield draft.located.problem(path, "unknown_target", text)
        elif route.to == node_id:
            text = f"{leads} itself; put a user node between"
            yield draft.located.problem(path, "self_loop", text)
        elif roles == ("user", "user"):
            text = f'{leads} "{route.to}", another user node; the agent must speak between them'
            yield draft.located.problem(path, "user_after_user", text)
        elif roles == ("user", "end"):
            text = f'{leads} end "{route.to}"; let an agent node answer and close in between'
            yield draft.located.problem(path, "user_before_end", text)


def _check_start(draft: _Draft) -> Iterator[Problem]:
    if "start" not in draft.located.data:
        return
    start, node = draft.start, draft.nodes.get(draft.start)
    if start not in draft.ids:
        text = f'start "{start}" is not a node.{draft.suggest(start)}'
        yield draft.located.problem(("start",), "unknown_start", text)
    elif node and node.role != "agent":
        text = f'start "{start}" has the role {node.role}; the agent must open'
        yield draft.located.problem(("start",), "start_not_agent", text)


def _check_walks(draft: _Draft) -> Iterator[Problem]:
    """What only the whole shows: loops of the agent alone, nodes without a way in or out."""
    import networkx as nx

    graph, is_complete = _connect(draft)
    agents = [id_ for id_, node in draft.nodes.items() if node.role == "agent"]
    for loop in nx.strongly_connected_components(graph.subgraph(agents)):
        if len(loop) > 1:
            text = f"the customer never speaks in the loop of {_list(loop, draft)}; add a user node"
            yield _at_node(draft, loop, "agent_loop", text)
    if not is_complete or not draft.nodes:
        return
    ends = [id_ for id_, node in draft.nodes.items() if node.role == "end"]
    if not ends:
        text = "no node has the role end; add one with an outcome"
        yield draft.located.problem(("nodes",), "no_end", text, key=True)
    start = draft.repairs[draft.start]
    reached = {start, *nx.descendants(graph, start)} if start else draft.ids
    for lost in [id_ for id_ in draft.ids if id_ not in reached]:
        yield _at_node(draft, [lost], "unreachable", f'no walk from the start reaches "{lost}"')
    # one extra node behind all ends makes "an end can be reached" a single search
    graph.add_edges_from((end, "*") for end in ends)
    stuck = set(draft.ids) - nx.ancestors(graph, "*") if ends else set()
    leads_on = [id_ for id_ in draft.ids if id_ in stuck and draft.nodes[id_].ways]
    if leads_on:
        text = f"no end can be reached from {_list(leads_on, draft)}; add a way out"
        yield _at_node(draft, leads_on, "no_exit", text)


def _check_shares(draft: _Draft) -> Iterator[Problem]:
    ends = {id_: node.share for id_, node in draft.nodes.items() if node.role == "end"}
    without = [id_ for id_, share in ends.items() if not share]
    if any(ends.values()) and without:
        text = f"{_list(without, draft)} has no share though other ends do; give it one"
        yield _at_node(draft, without, "end_without_share", text)


def _connect(draft: _Draft) -> "tuple[nx.DiGraph, bool]":
    """The graph, and whether it is complete. A misspelt target counts as the one it is nearest to,
    so that one slip is reported once and not again for every node behind it."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(draft.ids)
    ways = [(node_id, draft.repairs[way.to]) for node_id, _, way in draft.list_ways()]
    graph.add_edges_from((node_id, to) for node_id, to in ways if to)
    return graph, draft.is_whole and all(to for _, to in ways)


def _at_node(draft: _Draft, ids, rule: str, text: str) -> Problem:
    first = next(id_ for id_ in draft.ids if id_ in ids)
    return draft.located.problem(("nodes", first), rule, text, key=True)


def _list(ids, draft: _Draft) -> str:
    shown = [f'"{id_}"' for id_ in draft.ids if id_ in ids]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _check_acts(draft: _Draft, acts: set[str]) -> Iterator[Problem]:
    known = acts | STATES
    for path, speaker in draft.list_speakers():
        for place, act in enumerate(getattr(speaker, "acts", ())):
            if act not in known:
                text = f'"{act}" is not an act that customers have.{suggest(act, known)}'
                where = (*path, "acts", place)
                yield draft.located.problem(where, "unknown_act", text, "warning")


def _check_slots(draft: _Draft) -> Iterator[Problem]:
    slots = draft.located.data.get("slots") or {}
    states = {act for _, speaker in draft.list_speakers() for act in getattr(speaker, "acts", ())}
    for path, speaker in draft.list_speakers():
        for slot in getattr(speaker, "needs", {}):
            if slot not in slots:
                text = f'"{slot}" is no slot.{suggest(slot, slots)}'
                yield draft.located.problem((*path, "for", slot), "unknown_slot", text, key=True)
    names = list(slots) if isinstance(slots, dict) else []
    for place, slot in enumerate(names):
        needed = slots[slot].get("for") if isinstance(slots[slot], dict) else None
        for other in needed if isinstance(needed, dict) else ():
            if other not in names[:place]:
                text = f'"{slot}" is for "{other}", which is no slot before it; put that one first'
                where = ("slots", slot, "for", other)
                yield draft.located.problem(where, "slot_order", text, key=True)
    if slots and "slots_missing" not in states:
        text = 'nobody asks for the slots; give a route of a hub "acts: [slots_missing]"'
        yield draft.located.problem(("slots",), "unasked_slots", text, "warning", True)
    if not slots and states & SLOT_STATES:
        text = f'"{min(states & SLOT_STATES)}" causes a route, but there are no slots; add "slots"'
        yield draft.located.problem(("nodes",), "no_slots", text, "warning", True)


def _check_cites(draft: _Draft, facts: set[str]) -> Iterator[Problem]:
    cited = set()
    for path, speaker in draft.list_speakers():
        cited.update(speaker.cites)
        for place, fact in enumerate(speaker.cites):
            if fact not in facts | ANY_FACT:
                text = f'"{fact}" is cited but is not a fact.{suggest(fact, facts)}'
                yield draft.located.problem((*path, "cites", place), "unknown_fact", text)
    # a question may be about any fact, so where one is answered every fact has its use
    if any("ask" in getattr(speaker, "acts", ()) for _, speaker in draft.list_speakers()):
        return
    for fact in sorted(facts - ANY_FACT - cited):
        text = f'no node cites the fact "{fact}"'
        yield draft.located.problem(("nodes",), "uncited_fact", text, "warning", True)
