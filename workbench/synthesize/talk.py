"""One talk between a customer and whatever agent, message by message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.conversation import Label, Message, seeded
from workbench.domain import Domain
from workbench.facts import offers_named
from workbench.phrases import Voice
from workbench.synthesize.customer import Customer
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.teacher import PhraseBookAgent, follow

Ears = Callable[[str, Label], Label]
"""What the customer understands of an agent's message: a label with steps and asks."""


def true_ears(text: str, label: Label) -> Label:
    """Ears that are told what the agent meant: for writing training data and scripted walkers."""
    return label


@dataclass
class Talk:
    """A talk under way. The agent opens; it ends one reply after the customer's closing act."""

    domain: Domain
    scenario: Scenario
    customer: Customer
    max_replies: int
    ears: Ears = true_ears
    messages: list[Message] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    is_over: bool = False
    is_overrun: bool = False

    def __post_init__(self) -> None:
        self.record = self.domain.open_record()
        self.replies = 0
        self.is_closing = False
        self.messages.append(Message(role="system", content=self.domain.system_prompt()))
        self.labels.append(Label())

    @property
    def acts(self) -> list:
        """The acts of the customer's last message, none at the start."""
        return self.labels[-1].parsed_acts() if self.messages[-1].role == "user" else []

    def hear_agent(self, text: str, label: Label | None = None) -> None:
        """Take the agent's reply; the customer answers unless the talk is over."""
        heard = self.take_reply(text, label)
        if not self.is_over:
            at = self.find_place(heard)
            self.take_answer(*self.customer.speak(self.record, at, heard.asks), at)

    def take_reply(self, text: str, label: Label | None = None) -> Label:
        """Take the agent's reply; what the customer understands of it."""
        self.messages.append(Message(role="assistant", content=text))
        heard = self.ears(text, label or Label())
        self.labels.append(label or heard)
        self.replies += 1
        offered = offers_named(text, self.domain, self.record.given)
        if any("offers" in self.domain.cites(s.split("|")[0]) for s in heard.steps) and offered:
            self.record.offer(offered)
        self.is_overrun = not self.is_closing and self.replies >= self.max_replies
        self.is_over = self.is_closing or self.is_overrun
        return heard

    def find_place(self, heard: Label) -> str:
        """The user node at which the customer believes to be after a reply; "" if it is lost."""
        chart = self.domain.flowchart
        targets = [chart.step_target(step.split("|")[0]) for step in heard.steps]
        targets = [target for target in targets if target and chart.nodes[target].role == "user"]
        return targets[-1] if targets else self._same_place(heard)

    def take_answer(self, words: str, label: Label, at: str) -> None:
        """Take what the customer says at a user node, "" for none."""
        chart, acts = self.domain.flowchart, label.parsed_acts()
        self.place = at
        self.record.hear(acts)
        self.messages.append(Message(role="user", content=words))
        self.labels.append(label)
        if at:
            _, lead = follow(chart, chart.nodes[chart.nodes[at].routes[""].to], self.record, acts)
            self.is_closing = bool(lead) and chart.nodes[lead].role == "end"
        self.is_closing |= self.customer.has_left_in_anger

    def _same_place(self, heard: Label) -> str:
        """After a side trip alone the customer is where it was; else it did not understand."""
        is_aside = heard.steps and all(step.startswith("anywhere.") for step in heard.steps)
        return getattr(self, "place", "") if is_aside else ""


def open_talk(
    domain: Domain, scenario: Scenario, voice: Voice, max_replies: int, ears: Ears = true_ears
) -> Talk:
    """A talk at its start, its customer seeded by the scenario alone."""
    rng = seeded(0, "customer", f"{scenario.seed}/{voice.split}")
    return Talk(domain, scenario, Customer(domain, scenario, voice, rng), max_replies, ears)


def hold_talk(talk: Talk, agent: PhraseBookAgent) -> Talk:
    """Let the scripted agent and the customer talk to the end."""
    while not talk.is_over:
        talk.hear_agent(*agent.reply(talk.record, talk.acts))
    return talk
