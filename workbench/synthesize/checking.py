"""Every conversation is read before it is kept: do its words do what its path asks for?

The reading starts from the words, not from the labels they were made from: recognizers fitted on
other wordings name steps and acts, slot values and facts are found in the text. So most bad phrases
in a phrase book are caught before they reach a row; one that denies what it should say, in nearly
the same words, may pass: tests/test_checking.py names those that are known to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.conversation import Conversation, Label, Message
from workbench.domain import Domain
from workbench.facts import check_facts
from workbench.recognizer import AgentRecognizer, CustomerRecognizer, Reading, split_pairs
from workbench.synthesize.scenarios import Scenario

DETAILS = {"give", "misspeak", "revise"}
"""Acts that state a value."""


@dataclass(frozen=True)
class Doubt:
    """Why the words of a message do not do what its label says."""

    reason: str
    taken_for: tuple[str, ...] = ()
    """Steps or acts that the words were taken for."""
    not_asked: tuple[str, ...] = ()
    """Slots that it should ask for and does not seem to."""
    details: dict[str, list[str]] | None = None
    """Slot values that were found in it, where others are meant; None: those are right."""


class Checker:
    """Reads conversations by recognizers that have learnt from other wordings."""

    def __init__(self, domain: Domain, agent: AgentRecognizer, customer: CustomerRecognizer):
        self.domain, self.agent, self.customer = domain, agent, customer

    def prepare(self, talks: list[Conversation]) -> None:
        """Encode the sentences of many conversations at once; `problems` is then quick."""
        for recognizer, role in ((self.agent, "assistant"), (self.customer, "user")):
            recognizer.prepare(split_pairs(role, talks)[0])
        self.agent.ear.prepare(split_pairs("assistant", talks)[0])

    def problems(self, talk: Conversation, scenario: Scenario) -> list[tuple[str, str]]:
        """Reasons to reject a conversation, as (step it happened at, reason); [] to keep it."""
        return [
            *check_form(talk),
            *check_walk(talk, scenario),
            *self._agent(talk),
            *self._customer(talk),
            *(
                (self._step_at(talk, i), f"fact: {text}")
                for i, text in check_facts(talk, self.domain)
            ),
        ]

    def doubt_agent(self, texts: Sequence[str], labels: Sequence[Label]) -> list[list[Doubt]]:
        """For each message of the agent what speaks against its label; [] if nothing does."""
        against = self.agent.contradicts(texts, [self.agent.expected(label) for label in labels])
        found = []
        for text, label, readings in zip(texts, labels, against, strict=True):
            doubts = [Doubt(f"agent reads as {_list(r)}", r.labels) for r in readings.values()]
            if label.asks and set(label.asks).isdisjoint(heard := self.agent.ear.hear(text)):
                asks = f"agent seems to ask for {', '.join(heard) or 'nothing'}"
                doubts.append(Doubt(asks, not_asked=tuple(label.asks)))
            found.append(doubts)
        return found

    def doubt_customer(self, text: str, label: Label, step: str) -> list[Doubt]:
        """What speaks against the label of a customer's message that leads to `step`."""
        message = Message(role="user", content=text)
        alone = Conversation.model_construct(messages=[message], labels=[label])
        return [
            Doubt(reason, reading.labels)
            if reading
            else Doubt(reason, details=self.domain.find_values(text))
            for _, reason, reading in misread_customer(alone, self.customer, self.domain)
            if not reading or not self._leads_the_same_way(step, reading)
        ]

    def _agent(self, talk: Conversation) -> list[tuple[str, str]]:
        texts, labels = split_pairs("assistant", [talk])
        return [
            (label.steps[-1] if label.steps else "", doubt.reason)
            for label, doubts in zip(labels, self.doubt_agent(texts, labels), strict=True)
            for doubt in doubts
        ]

    def _customer(self, talk: Conversation) -> list[tuple[str, str]]:
        return [
            (self._step_at(talk, i + 1), reason)
            for i, reason, reading in misread_customer(talk, self.customer, self.domain)
            if not reading or not self._leads_the_same_way(self._step_at(talk, i + 1), reading)
        ]

    def _leads_the_same_way(self, step: str, reading: Reading) -> bool:
        """Whether the step taken is right for what was heard too: two acts may cause one route."""
        return (
            bool(reading.labels) and bool(step) and set(reading.labels) <= self.domain.causes(step)
        )

    def _step_at(self, talk: Conversation, i: int) -> str:
        steps = talk.labels[i].steps if i < len(talk.labels) else []
        return steps[0] if steps else ""


def check_form(talk: Conversation) -> list[tuple[str, str]]:
    """Problems of the order in which the two speak, as (step, reason)."""
    roles = [message.role for message in talk.messages]
    expected = ["system", *["assistant", "user"] * len(roles)][: len(roles)]
    problems = []
    if roles != expected or roles[-1] != "assistant":
        problems.append(("", "speakers do not alternate from agent to agent"))
    if roles.count("user") == 0:
        problems.append(("", "the customer never speaks"))
    empty = [
        message
        for message, label in zip(talk.messages, talk.labels, strict=True)
        if not message.content.strip() and label.acts != ["silence"]
    ]
    return problems + [("", "a message is empty") for _ in empty]


def check_walk(talk: Conversation, scenario: Scenario) -> list[tuple[str, str]]:
    """The problem that a conversation took another way than it was to, if it did."""
    if talk.walk() != scenario.steps:
        return [("", "the conversation took another path than its scenario's")]
    return []


def misread_customer(
    talk: Conversation, recognizer: CustomerRecognizer, domain: Domain
) -> Iterator[tuple[int, str, Reading | None]]:
    """Messages of the customer whose words do not carry their acts: index, reason and reading.

    The reading is what the words were taken for; None where a detail differs.
    """
    said = [i for i, message in enumerate(talk.messages) if message.role == "user"]
    texts, labels = split_pairs("user", [talk])
    against = recognizer.contradicts(texts, [recognizer.expected(label) for label in labels])
    for i, text, label, readings in zip(said, texts, labels, against, strict=True):
        for reading in readings.values():
            yield i, f"customer reads as {_list(reading)}", reading
        if (found := find_misstated(text, label, domain)) is not None:
            yield i, f"details read as {found}", None


def find_misstated(text: str, label: Label, domain: Domain) -> dict[str, list[str]] | None:
    """The slot values in a customer's text, if they are not those that its label gives."""
    meant: dict[str, list[str]] = {}
    for act in label.parsed_acts():
        if act.kind in DETAILS:
            meant.setdefault(act.target, []).append(act.value)
    found = domain.find_values(text)
    return None if found == meant else found


def _list(reading: Reading) -> str:
    return f"{', '.join(reading.labels) or 'nothing of the kind'} ({reading.chance:.2f})"
