"""The embedded teacher: an agent that follows the flowchart and speaks from the phrase book."""

import random

from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.flowchart import Flowchart, Node
from workbench.phrases import Voice, join_clauses
from workbench.record import Record

NAME = "phrase_book"

NOTES = {"slots_complete": "noted", "slots_missing": "lacking", "slots_vague": "unclear"}
"""What is said in front of a step that is taken in a state of the slots: parts of the book."""


def find_steps(
    flowchart: Flowchart, at: str, record: Record, acts: list[Act]
) -> tuple[list[str], str]:
    """The right steps after a customer message heard at user node `at`, and where they lead.

    `at` is "" before the first message. Side trips come first; they do not move the walk, so
    `steps` may be side trips alone, or empty, and then `at` is returned unchanged.
    """
    node = flowchart.nodes[flowchart.start if not at else flowchart.nodes[at].routes[""].to]
    kinds = {act.kind for act in acts}
    led = {kind for route in node.routes.values() for kind in route.acts}
    steps = [
        f"anywhere.{name}"
        for name, trip in flowchart.anywhere.items()
        if kinds & set(trip.acts) - led
    ]
    walk, lead = follow(flowchart, node, record, acts)
    return steps + walk, lead or at


def follow(
    flowchart: Flowchart, node: Node, record: Record, acts: list[Act]
) -> tuple[list[str], str]:
    """The agent's steps from `node` on, and the user or end node they lead to.

    "" instead of that node where a hub has no route for what was said.
    """
    steps = []
    while node.role == "agent":
        name = ""
        if node.is_hub:
            allowed = record.allowed_routes(node, acts)
            if not allowed:
                return steps, ""
            name = allowed[0]
        steps.append(f"{node.id}.{name}" if name else node.id)
        node = flowchart.nodes[node.routes[name].to]
    return steps, node.id


class PhraseBookAgent:
    """Speaks the steps that the true acts call for. Knows the flowchart; the compiled model won't.

    As teacher it writes the training conversations; as the scripted walker it checks the harness.
    """

    def __init__(self, domain: Domain, voice: Voice, rng: random.Random):
        self.domain, self.voice, self.rng = domain, voice, rng
        self.at = ""
        """The user node at which the walk stands, or the end that it has come to."""
        self.last: list[str] = []
        """The steps of its last message."""

    @property
    def has_ended(self) -> bool:
        """Whether the walk is at an end."""
        return bool(self.at) and self.domain.flowchart.nodes[self.at].role == "end"

    def reply(self, record: Record, acts: list[Act]) -> tuple[str, Label]:
        """The next message and its label. Who talks on after the end is told its last step again:
        a customer who has not understood that it is one does."""
        if self.has_ended:
            self.last = self.last[-1:]
        else:
            self.last, self.at = find_steps(self.domain.flowchart, self.at, record, acts)
        return self.say(self.last, record, acts)

    def say(self, steps: list[str], record: Record, acts: list[Act]) -> tuple[str, Label]:
        """A message that takes these steps, and its label.

        Raises:
            ValueError: no wording of a step fits what is on record.
        """
        label = label_steps(self.domain, steps, record, acts)
        sentences = [self._word(step, label, record, acts) for step in steps]
        if not steps or steps[-1].startswith("anywhere."):
            sentences.append(self._pending())
        return " ".join(sentences), label

    def _pending(self) -> str:
        key = f"pending/{self.at}"
        return self.domain.agent.pick(key, self.voice, self.rng) if key in self.domain.agent else ""

    def _word(self, step: str, label: Label, record: Record, acts: list[Act]) -> str:
        domain, key = self.domain, step
        values = domain.fact_values()
        values |= {slot: domain.slots[slot].on_record(v) for slot, v in record.given.items()}
        if spoken_of := domain.offers.get(domain.find_offer(record)):
            values |= domain.offer_values(spoken_of)
        if label.asks:
            values["asks"] = self._asks(label.asks)
            per_slot = f"{step}/{label.asks[0]}"
            key = per_slot if per_slot in domain.agent else step
        if asked := [act.target for act in acts if act.kind == "ask"]:
            answers = [self._answer(fact) for fact in asked]
            values |= {"answer": " ".join(answers), "pending": self._pending()}
        needed = []
        if reasons := domain.list_reasons(step, record.given):
            values["reason"] = " ".join(map(self._answer, reasons))
            needed = ["reason"]
        if "offers" in domain.cites(step):
            offers = domain.present(record)
            values["offers"] = self._offers(offers)
            key = f"{step}/single" if len(offers) == 1 and f"{step}/single" in domain.agent else key
        text = domain.agent.pick(key, self.voice, self.rng, values, needed=needed).strip()
        return f"{self._noted(step, label.asks, record)} {text}".strip()

    def _noted(self, step: str, asks: list[str], record: Record) -> str:
        """What is on record and what is open, said where the way on depends on it.

        The model sees it too: it need not find out what is open while it chooses its next words.
        """
        slots = self.domain.slots
        known = [slots[s].on_record(record.given[s]) for s in record.asked_for if s in record.given]
        state = self.domain.find_slot_state(step, record)
        key = f"part/{NOTES[state]}" if state else ""
        if not known or key not in self.domain.agent:
            return ""
        values = {"known": ", ".join(known)}
        if asks:
            values["open"] = join_clauses([slots[slot].name for slot in asks])
        return self.domain.agent.pick(key, self.voice, self.rng, values)

    def _asks(self, slots: list[str]) -> str:
        asks = [self.domain.slots[slot].ask for slot in slots]
        lists = [a.test if self.voice.split == "test" and a.test else a.train for a in asks]
        return join_clauses([self.voice.choose(fragments, self.rng) for fragments in lists])

    def _answer(self, fact: str) -> str:
        values = self.domain.fact_values() | {"value": self.domain.facts[fact].spoken()}
        return self.domain.agent.pick(f"answers/{fact}", self.voice, self.rng, values)

    def _offers(self, offers: list) -> str:
        # one form for all offers of a message: a list in mixed forms reads badly
        key = "part/offer"
        form = self.voice.choose(self.domain.agent.wordings(key, self.voice), self.rng).text
        lines = [form.format_map(self.domain.offer_values(offer)) for offer in offers]
        return join_clauses(lines, self.voice.choose(["and", "or"], self.rng), "; ")


def label_steps(domain: Domain, steps: list[str], record: Record, acts: list[Act]) -> Label:
    """The label of an agent message that takes `steps`: what it asks for, what is due."""
    asks, facts = [], []
    for step in steps:
        state = domain.find_slot_state(step, record)
        if state == "slots_missing":
            asks = record.missing
        if state == "slots_vague":
            asks = sorted(record.vague, key=record.slots.index)[:1]
        facts += domain.due_facts(step, record, acts)
    return Label(steps=steps, asks=asks, facts=facts)
