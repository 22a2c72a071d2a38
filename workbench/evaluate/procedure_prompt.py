"""A domain as a text: the whole procedure and all facts, for a model that never learned them."""

from collections.abc import Iterable

from workbench.domain import Domain, fill_prompt
from workbench.flowchart import Node
from workbench.parts import Offer, Offering
from workbench.quantities import WORDS
from workbench.rules import Route, SideTrip
from workbench.synthesize.fencing import MOST_FACT, shorten

SPEAKERS = {"agent": "You", "user": "Customer"}


def write_procedure_prompt(domain: Domain) -> str:
    """The system prompt of the in-context condition; its first line is the one that all others see.

    Example of its steps: "7. You: Offer the trips there are. [offers] Then step 8."
    """
    return fill_prompt(
        "in_context_system", agent=domain.system_prompt(), **describe_procedure(domain)
    )


def describe_procedure(
    domain: Domain, agent: str = SPEAKERS["agent"], has_ids: bool = False
) -> dict[str, str]:
    """What prompts say of a domain, by the name it has there: start, steps, facts and so on.

    `agent` is what the agent is called in the steps. With `has_ids` each step, route and side trip
    is named as in labels, for a reader who is shown some.
    """
    chart = domain.flowchart
    numbers = {node_id: number for number, node_id in enumerate(chart.nodes, start=1)}
    return {
        "start": str(numbers[chart.start]),
        "steps": _lines(
            _write_node(domain, node, numbers, agent, has_ids) for node in chart.nodes.values()
        ),
        "side_trips": _lines(
            _write_way(trip.when, trip, name=f"anywhere.{name}" if has_ids else "")
            for name, trip in chart.anywhere.items()
        ),
        "details": _lines(_write_slot(domain, name) for name in chart.slots),
        "facts": _lines(
            f"- {name}: {shorten(fact.text, MOST_FACT)}" for name, fact in domain.facts.items()
        ),
        "offers": _lines(_write_offers(domain)),
        "at_once": _write_number(domain.offering),
    }


def _write_slot(domain: Domain, name: str) -> str:
    """Example: "- ink: Which ink? (only for Inkwell)" """
    slot = domain.flowchart.slots[name]
    needs = domain.describe_needs(slot.needs)
    return f"- {name}: {slot.ask}" + (f" (only for {needs})" if needs else "")


def _write_node(
    domain: Domain, node: Node, numbers: dict[str, int], agent: str, has_ids: bool
) -> str:
    """A step in a line, and each of a hub's routes in another."""
    number = f"{numbers[node.id]} ({node.id})" if has_ids else str(numbers[node.id])
    if node.role == "end":
        return f"{number}. The conversation is over: {node.outcome}."
    ways = {name: f"Then step {numbers[route.to]}." for name, route in node.routes.items()}
    speaker = agent if node.role == "agent" else SPEAKERS[node.role]
    lines = [f"{number}. {speaker}: {_do(node, ways.pop('', ''))}"]
    for name, then in ways.items():
        route = node.routes[name]
        own = f"{node.id}.{name}" if has_ids else ""
        lines.append(f"   {_write_way(domain.describe_condition(route), route, then, own)}")
    return "\n".join(lines)


def _write_way(condition: str, way: Route | SideTrip, then: str = "", name: str = "") -> str:
    return f"- {name and f'({name}) '}If {condition}: {_do(way, then)}"


def _do(part: Node | Route | SideTrip, then: str = "") -> str:
    """What is done, what is to be stated with it, and what comes then.

    Example: "Say the price and ask for it. [cup_price] Then step 6."
    """
    cited = f"[{', '.join(part.cites)}]" if part.cites else ""
    return " ".join(filter(None, [part.say, cited, then]))


def _write_offers(domain: Domain) -> Iterable[str]:
    """The offers in a line for each value, or for all the values, that they are for.

    Example: "- small or large cup, mocha: Chocolate Chip Cookie (price 2 euros); ..."
    """
    by_value: dict[str, list[str]] = {}
    for offer in domain.offers.values():
        said = domain.offer_values(offer)
        fields = [
            # "pieces 3 pieces" says it twice
            said[name] if domain.offer_units.get(name) == name else f"{name} {said[name]}"
            for name in offer.fields()
        ]
        own = f"{offer.name} ({', '.join(fields)})" if fields else offer.name
        own = shorten(own, MOST_FACT)
        by_value.setdefault(_write_needs(domain, offer), []).append(own)
    return (f"- {value}: {'; '.join(offers)}" for value, offers in by_value.items())


def _write_number(offering: Offering) -> str:
    """How many offers are made in a message, e.g. "one thing", "two or three things"."""
    numbers = range(offering.at_once, offering.at_once + offering.again + 1)
    words = [WORDS[n - 1] if n <= len(WORDS) else str(n) for n in numbers]
    return f"{' or '.join(words)} {'thing' if words == ['one'] else 'things'}"


def _write_needs(domain: Domain, offer: Offer) -> str:
    if isinstance(offer.value, str):
        return offer.value
    return domain.describe_needs(offer.value) or "always"


def _lines(parts: Iterable[str]) -> str:
    return "\n".join(parts) or "none"
