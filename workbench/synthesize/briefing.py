"""Briefing: what a model is told for one message, as the agent's teacher or as the customer.

The teacher is told the node and the route that its message takes, and the facts they cite; of the
customer only who it is and what it has said so far, for what it will say later the agent cannot
know. The customer is told what it wants and what to do now, and nothing of the flowchart.
"""

import random
from collections.abc import Iterable, Sequence
from string import Template

from workbench.conversation import Act, Label, Message
from workbench.domain import Domain, fill_prompt
from workbench.flowchart import Node
from workbench.phrases import join_clauses
from workbench.record import Record
from workbench.synthesize.fencing import MOST_FACT, fence, shorten
from workbench.synthesize.plain_words import name_slot, read_words, word_act
from workbench.synthesize.scenarios import Scenario

Messages = list[dict[str, str]]

MOST_PERSONA = 400
"""Characters of a persona's description."""

MOST_SAID = 800
"""Characters of one message of the history."""

MOST_TURNS = 40
"""Messages of the history; of a longer one these are the last."""

MOST_HISTORY = MOST_TURNS * (MOST_SAID + 20)

SPEAKERS = {"assistant": "Agent", "user": "Customer"}

SPOKEN = ("impatient", "curt", "typos")
"""Behaviours that a customer is told of as such; the others are acts."""


def brief_teacher(
    domain: Domain,
    scenario: Scenario,
    said: Sequence[Message],
    record: Record,
    label: Label,
    acts: Sequence[Act],
    is_last: bool,
) -> Messages:
    """What the teacher is sent for a message that takes the steps of `label`."""
    tasks = [*list_tasks(domain, label, record, acts)]
    tasks += [read_words()["tasks"]["closing"]] * is_last
    turn = fill_prompt(
        "teacher_turn",
        persona=fence(describe_persona(domain, scenario), MOST_PERSONA),
        history=fence(write_history(said), MOST_HISTORY),
        record=fence(write_record(domain, record)),
        facts=fence(write_facts(domain, label.facts), MOST_FACT * max(1, len(label.facts))),
        tasks="\n".join(f"{number}. {task}" for number, task in enumerate(tasks, start=1)),
    )
    return [{"role": "system", "content": _fill_system("teacher", domain)}, _ask(turn)]


def brief_customer(
    domain: Domain,
    scenario: Scenario,
    said: Sequence[Message],
    acts: Sequence[Act],
    is_again: bool,
    rng: random.Random,
) -> Messages:
    """What the customer is sent for a message that does these acts."""
    words = read_words()
    tasks = [word_act(act, domain, choose_form(act, domain, rng)) for act in acts]
    tasks = [words["again"]] * is_again + tasks
    tasks += [words["behaviours"][name] for name in SPOKEN if name in scenario.behaviours]
    if not any(message.role == "user" for message in said):
        tasks = [words["first"], *tasks]
    manner = "curt" if "curt" in scenario.behaviours else _find_persona(domain, scenario).manner
    turn = fill_prompt(
        "customer_turn",
        persona=fence(describe_persona(domain, scenario), MOST_PERSONA),
        manner=words["manners"].get(manner, ""),
        scenario=fence(write_wishes(domain, scenario)),
        history=fence(write_history(said), MOST_HISTORY),
        tasks="\n".join(f"- {task}" for task in tasks),
    )
    return [{"role": "system", "content": _fill_system("customer", domain)}, _ask(turn)]


def ask_anew(messages: Messages, text: str, advice: Iterable[str]) -> Messages:
    """The messages, what was written, and why it must be written anew."""
    reasons = "\n".join(f"- {shorten(one, MOST_FACT)}" for one in dict.fromkeys(advice))
    asked = fill_prompt("rewrite_message", reasons=fence(reasons))
    return [*messages, {"role": "assistant", "content": text}, _ask(asked)]


def list_tasks(domain: Domain, label: Label, record: Record, acts: Sequence[Act]) -> Iterable[str]:
    """What a message of the agent must do, one task a step; the flowchart's words, no ids."""
    forms = {name: Template(text) for name, text in read_words()["tasks"].items()}
    for step in label.steps:
        yield from _describe_step(domain, step, forms)
        if "offers" in domain.cites(step):
            names = [shorten(offer.name, MOST_FACT) for offer in domain.present(record)]
            yield forms["offers"].substitute(offers="; ".join(names))
        elif "offer" in domain.cites(step) and (spoken_of := domain.find_offer(record)):
            yield forms["offer"].substitute(offer=shorten(domain.offers[spoken_of].name, MOST_FACT))
        if step.startswith("anywhere.") and any(act.kind == "ask" for act in acts):
            yield forms["answer"].template
    if label.asks:
        asked = [f"{name_slot(s, domain)} ({domain.flowchart.slots[s].ask})" for s in label.asks]
        yield forms["asks"].substitute(slots="; ".join(asked))
    if not label.steps or label.steps[-1].startswith("anywhere."):
        yield forms["pending"].template


def _describe_step(domain: Domain, step: str, forms: dict[str, Template]) -> Iterable[str]:
    """What is to be done at a step. Example: "This is so: the customer pays. Hand it over." """
    element = domain.flowchart.find_element(step)
    if isinstance(element, Node):
        yield element.say
        return
    # a route may say nothing of its own; its node then says what it is about
    say = element.say or domain.flowchart.nodes[step.partition(".")[0]].say
    when = element.when.rstrip(" .")
    yield forms["route"].substitute(when=when, say=say) if when else say


def write_facts(domain: Domain, due: Sequence[str]) -> str:
    """The facts that are due, one a line, and what must stand there in brackets.

    Example: "- A deposit of 20 % is due on booking. [20 %]"
    """
    lines: dict[str, list[str]] = {}
    for fact in dict.fromkeys(due):
        offer, _, field = fact.partition(".")
        if field:
            spoken = f"{field.replace('_', ' ')}: [{domain.spoken_fact(fact)}]"
            lines.setdefault(domain.offers[offer].name, []).append(spoken)
        else:
            text = domain.facts[fact].text
            lines.setdefault(f"{text} [{domain.spoken_fact(fact)}]", [])
    written = [shorten(" ".join([head, *parts]), MOST_FACT) for head, parts in lines.items()]
    return "\n".join(f"- {line}" for line in written) or read_words()["no_facts"]


def write_history(said: Sequence[Message]) -> str:
    """What was said, one message a line, whoever said it and whatever is in it."""
    lines = [
        f"{SPEAKERS[message.role]}: {shorten(message.content, MOST_SAID)}"
        for message in said
        if message.role in SPEAKERS
    ]
    return "\n".join(lines[-MOST_TURNS:]) or read_words()["nothing_said"]


def write_record(domain: Domain, record: Record) -> str:
    """What the customer has told, one detail a line."""
    lines = [
        f"- {name_slot(slot, domain)}: {shorten(put_on_record(slot, value, domain), MOST_FACT)}"
        for slot, value in record.given.items()
    ]
    return "\n".join(lines) or read_words()["nothing_told"]


def write_wishes(domain: Domain, scenario: Scenario) -> str:
    """The details that the customer will give, as they are on record, one a line."""
    acts = [Act.parse(act) for visits in scenario.plan.values() for turn in visits for act in turn]
    wishes: dict[str, list[str]] = {}
    for act in acts:
        if act.kind in {"give", "revise"}:
            wishes.setdefault(act.target, []).append(put_on_record(act.target, act.value, domain))
    lines = [f"- {name_slot(s, domain)}: {join_clauses(v, 'or')}" for s, v in wishes.items()]
    return "\n".join(lines) or read_words()["no_wishes"]


def put_on_record(slot: str, value: str, domain: Domain) -> str:
    """A value as the agent says it."""
    talk = domain.slots.get(slot)
    return talk.on_record(value) if talk else value


def choose_form(act: Act, domain: Domain, rng: random.Random) -> str:
    """One of the ways in which a customer says an act's value; "" where it has none."""
    talk = domain.slots.get(act.target)
    if talk and act.kind == "vague" and talk.vague.train:
        return rng.choice(talk.vague.train)
    return rng.choice(talk.forms(act.value, "train")) if talk and act.value else act.value


def describe_persona(domain: Domain, scenario: Scenario) -> str:
    """Who the customer is."""
    persona = _find_persona(domain, scenario)
    return persona.description or persona.id.replace("_", " ")


def _find_persona(domain: Domain, scenario: Scenario):
    return next(persona for persona in domain.personas if persona.id == scenario.persona)


def _fill_system(role: str, domain: Domain) -> str:
    known = {"agency": domain.agency, "title": domain.flowchart.title}
    agent = {"agent": domain.system_prompt()} if role == "teacher" else {}
    return fill_prompt(f"{role}_system", **known, **agent)


def _ask(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}
