"""What an orchestrator tells the model: a node's instruction, a hub's conditions."""

import string
from collections.abc import Iterable, Sequence

from workbench.conversation import Message
from workbench.domain import Domain, fill_prompt
from workbench.flowchart import Node
from workbench.synthesize.fencing import MOST_FACT, shorten

MOST_SAID = 10_000
"""Characters of a message that a router is shown; hardly anybody says more at a time."""

SPEAKERS = {"assistant": "Agent", "user": "Customer"}


def route_conditions(domain: Domain, hub: Node, has_side_trips: bool) -> dict[str, str]:
    """Step to its condition in plain words: the hub's routes and, if wanted, side trips.

    A side trip is left out where a route of the hub takes up the same acts.
    Example: {"assess.missing_info": "one of the four is not known, …", …}
    """
    conditions = {
        f"{hub.id}.{name}": domain.describe_condition(r) for name, r in hub.routes.items()
    }
    led = {act for route in hub.routes.values() for act in route.acts}
    if has_side_trips:
        trips = domain.flowchart.anywhere.items()
        conditions |= {f"anywhere.{n}": trip.when for n, trip in trips if set(trip.acts) - led}
    return conditions


def router_prompt(conditions: Iterable[str], history: Sequence[Message]) -> Message:
    """Asks which condition is met; they are lettered from A.

    Each message stands on a line of its own, so that none can write lines of another speaker.

    Raises:
        ValueError: there are more conditions than letters.
    """
    conditions = list(conditions)
    if len(conditions) > len(string.ascii_uppercase):
        raise ValueError(f"a router knows 26 letters, but there are {len(conditions)} conditions")
    lettered = zip(string.ascii_uppercase, conditions, strict=False)
    return _system(
        "orchestrator_router",
        conversation="\n".join(
            f"{SPEAKERS[m.role]}: {shorten(m.content, MOST_SAID)}" for m in history
        ),
        conditions="\n".join(f"{letter}: {condition}" for letter, condition in lettered),
    )


def node_prompt(domain: Domain, step: str, history: Sequence[Message]) -> Message:
    """The instruction of one step, and the facts that it needs, and of no other."""
    is_aside = step.startswith("anywhere.")
    task = domain.flowchart.find_element(step).say
    if is_aside:
        task = fill_prompt("orchestrator_aside", task=task)
    facts = "\n".join(list_facts(domain, step, history))
    return _system(
        "orchestrator_node",
        agency=domain.agency,
        title=domain.flowchart.title.lower(),
        task=task,
        facts=fill_prompt("orchestrator_facts", facts=facts) if facts else "",
    )


def list_facts(domain: Domain, step: str, history: Sequence[Message]) -> list[str]:
    """What a step may state or ask, as sentences: cited facts, offers, answers, questions."""
    cites = domain.cites(step)
    named = [cite for cite in cites if cite in domain.facts]
    if "ask" in domain.causes(step):
        named = list(dict.fromkeys([*named, *domain.askable]))
    lines = [domain.facts[name].text for name in named]
    if {"offers", "offer"} & set(cites):
        lines += list_offers(domain, history)
    if domain.asks_for_slots(step):
        lines += [slot.ask for slot in domain.flowchart.slots.values()]
    return [shorten(line, MOST_FACT) for line in lines]


def list_offers(domain: Domain, history: Sequence[Message]) -> list[str]:
    """All offers for what the customer gave last, by its words. None if it said nothing of it.

    Example: ["Tram and Tiles Break: 420 euros, 3 nights, breakfast", …]
    """
    said = [domain.find_values(m.content) for m in history if m.role == "user"]
    given = {slot: found[-1] for values in said for slot, found in values.items()}
    spoken = [(offer, domain.offer_values(offer)) for offer in domain.offers_for(given)]
    return [f"{o.name}: {', '.join(values[f] for f in o.fields())}" for o, values in spoken]


def _system(name: str, **values: str) -> Message:
    return Message(role="system", content=fill_prompt(name, **values))
