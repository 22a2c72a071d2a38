"""The orchestrated condition: langgraph walks the flowchart, and a model speaks at each node.

The graph has a node for every node of the flowchart. At an agent node the model sees the node's
instruction and writes; at a hub a further call, the router, first chooses the route. Nothing but
the history tells the model what was said before.
"""

import asyncio
import string
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypedDict

from workbench import models
from workbench.conversation import Message
from workbench.domain import Domain
from workbench.evaluate.conditions import Key, Reply
from workbench.evaluate.gathering import Gatherer
from workbench.evaluate.instructions import node_prompt, route_conditions, router_prompt
from workbench.flowchart import Node
from workbench.synthesize.talk import Talk


class Answering(Protocol):
    """What the nodes of a graph ask, one call at a time."""

    async def write(self, messages: list[Message]) -> Any:
        """The model's next message in a conversation, as something with a `text`."""

    async def choose(self, messages: list[Message], options: Sequence[str]) -> Any:
        """The same, where the text is one of the options."""


class State(TypedDict):
    """Where a talk stands. It goes through the graph from one customer message to the next."""

    history: list[Message]
    """Everything said so far, without a system message."""
    at: str
    """The node at which the walk is."""
    waited_at: str
    """The user node at which it waited last, where a side trip returns to; "" at the start."""
    speaker: str
    """The agent node that spoke last."""
    is_unheard: bool
    """Whether the customer's last message is still to be taken."""
    said: list[str]
    """What the agent nodes wrote since, in parts of one message."""
    calls: list[models.Reply]
    """What the model was asked since, router calls included."""
    routings: int
    """Router calls since the talk began."""
    wrong_ends: int
    """How often the customer talked on after an end."""


@dataclass
class OrchestratedAgent:
    """A model led by a langgraph orchestrator: `orchestrated/base` is the untuned base model.

    Each message is one run through the graph, from the user node at which the walk waited to the
    next one or to an end. Talks run side by side and share the model's batches. Each node may write
    `max_new_tokens`.
    """

    domain: Domain
    folder: Path
    name: str = "orchestrated/base"
    max_new_tokens: int = 160
    is_scripted: bool = False
    has_true_ears: bool = False
    states: dict[Key, State] = field(default_factory=dict)
    """Where each talk stands."""

    def begin(self, talks: dict[Key, Talk]) -> None:
        self.gatherer = Gatherer(models.LocalModel(self.folder).load(), self.max_new_tokens)
        self.graph = build_graph(self.domain, self.gatherer)
        self.states = {key: open_state(self.domain) for key in talks}
        # a thread of its own: a notebook's has an event loop already
        self.thread = ThreadPoolExecutor(max_workers=1)

    def reply(self, talks: dict[Key, Talk]) -> dict[Key, Reply]:
        self.thread.submit(asyncio.run, self._walk_all(talks)).result()
        return {key: _sum_up(self.states[key]) for key in talks}

    async def _walk_all(self, talks: dict[Key, Talk]) -> None:
        self.gatherer.enter(len(talks))
        await asyncio.gather(*(self._walk(key, talk) for key, talk in talks.items()))

    async def _walk(self, key: Key, talk: Talk) -> None:
        self.states[key] = await walk_on(self.graph, self.domain, self.states[key], talk.messages)
        self.gatherer.leave()


def open_state(domain: Domain) -> State:
    """Where a talk stands before anything was said."""
    return State(
        history=[],
        at=domain.flowchart.start,
        waited_at="",
        speaker="",
        is_unheard=False,
        said=[],
        calls=[],
        routings=0,
        wrong_ends=0,
    )


async def walk_on(graph: Any, domain: Domain, state: State, messages: Sequence[Message]) -> State:
    """Where a talk stands after the agent's next message, which is in the state."""
    history = [message for message in messages if message.role != "system"]
    news = State(history=history, is_unheard=bool(history), said=[], calls=[])
    # a flowchart has no loop of the agent alone: a run passes no node twice, but may end where
    # it began
    limits = {"recursion_limit": len(domain.flowchart.nodes) + 2}
    return await graph.ainvoke(state | news, limits)


def build_graph(domain: Domain, model: Answering) -> Any:
    """The compiled langgraph of a domain's flowchart, a node for a node, without checkpoints."""
    from langgraph.graph import END, START, StateGraph

    chart = domain.flowchart
    graph = StateGraph(State)
    graph.add_conditional_edges(START, lambda state: state["at"], list(chart.nodes))
    for node in chart.nodes.values():
        graph.add_node(node.id, _NODES[node.role](domain, node, model))
        # a node that leaves the walk where it is waits for the customer
        graph.add_conditional_edges(
            node.id,
            lambda state, own=node.id: END if state["at"] == own else state["at"],
            [*_targets(domain, node), END],
        )
    return graph.compile()


def _targets(domain: Domain, node: Node) -> list[str]:
    """Where the walk may go from a node: its routes, and what side trips and wrong ends need."""
    nodes = domain.flowchart.nodes.values()
    back: list[Node] = []
    if node.is_hub:
        back = [other for other in nodes if other.role == "user"]
    if node.role == "end":
        back = [other for other in nodes if other.role == "agent"]
    routes = [route.to for route in node.routes.values()]
    return list(dict.fromkeys([*routes, *(other.id for other in back)]))


Step = Callable[[State], dict[str, Any] | Awaitable[dict[str, Any]]]
"""A graph node: what changes in the state."""


def _make_user(domain: Domain, node: Node, model: Answering) -> Step:
    """Takes the customer's message if there is one, or waits for it."""

    def listen(state: State) -> dict[str, Any]:
        if state["is_unheard"]:
            return {"at": node.routes[""].to, "is_unheard": False}
        return {"at": node.id, "waited_at": node.id}

    return listen


def _make_end(domain: Domain, node: Node, model: Answering) -> Step:
    """Silent. A customer who talks on is answered by whoever spoke last."""

    def stop(state: State) -> dict[str, Any]:
        if state["is_unheard"]:
            ends = state["wrong_ends"] + 1
            return {"at": state["speaker"], "is_unheard": False, "wrong_ends": ends}
        return {"at": node.id}

    return stop


def _make_agent(domain: Domain, node: Node, model: Answering) -> Step:
    """Lets the model speak; at a hub the router first chooses what it speaks about."""

    async def speak(state: State) -> dict[str, Any]:
        history = state["history"]
        step, calls = node.id, []
        if node.is_hub:
            # what the customer said is taken up once: behind another hub there are routes only
            is_first = bool(state["waited_at"]) and not state["said"]
            conditions = route_conditions(domain, node, has_side_trips=is_first)
            letters = string.ascii_uppercase[: len(conditions)]
            prompt = router_prompt(conditions.values(), history)
            calls.append(await model.choose([prompt], letters))
            step = list(conditions)[letters.index(calls[0].text)]
        # what the node before it has just said in the same message is not to be said again
        said = " ".join(part for part in state["said"] if part)
        spoken = [Message(role="assistant", content=said)] if state["said"] else []
        prompt = node_prompt(domain, step, history)
        calls.append(await model.write([prompt, *history, *spoken]))
        return {
            "at": domain.flowchart.step_target(step) or state["waited_at"],
            "speaker": node.id,
            "said": [*state["said"], calls[-1].text],
            "calls": [*state["calls"], *calls],
            "routings": state["routings"] + node.is_hub,
        }

    return speak


_NODES = {"user": _make_user, "end": _make_end, "agent": _make_agent}


def _sum_up(state: State) -> Reply:
    """The message that the nodes wrote together, and what all its calls cost."""
    calls = state["calls"]
    return Reply(
        " ".join(part for part in state["said"] if part) or "…",
        prompt_tokens=sum(call.prompt_tokens for call in calls),
        reply_tokens=sum(call.reply_tokens for call in calls),
        seconds=sum(call.seconds for call in calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
        reading_s=sum(call.reading_s for call in calls),
        calls=len(calls),
    )
