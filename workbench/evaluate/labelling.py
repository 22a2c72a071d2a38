"""Labels for conversations that have none: read off the words by readers fitted on the phrase book.

A reading errs; `Readers.accuracy` says how often it does in wordings that it has not learnt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.conversation import UNCLEAR, Act, Label, Message, hash_text, seeded
from workbench.design.covering import cover_route_pairs, sample_long_walks
from workbench.design.paths import sample_paths
from workbench.domain import Domain
from workbench.evaluate.faults import write_faulty_practice
from workbench.evaluate.statistics import Metric, average
from workbench.evaluate.transcripts import GivenLabel, Transcript
from workbench.facts import GIVING, offers_named
from workbench.phrases import Voice
from workbench.recognizer import AgentRecognizer, CustomerRecognizer, Reading
from workbench.record import Record
from workbench.synthesize.scenarios import Scenario, list_plannable, plan_scenario
from workbench.synthesize.talk import Talk, hold_talk, open_talk
from workbench.synthesize.teacher import PhraseBookAgent
from workbench.synthesize.writing import write_practice

PRACTICE = 300
"""Conversations that readers learn from; more make it slower and hardly better."""

TRIALS = 40
"""Conversations that they are tried on."""

CLEAR = 0.8
"""A customer's message read with less confidence is unclear. Measured on travel, in wordings never
learnt: of all readings 82 % are right, of those at least this sure (three quarters) 98 %."""

ORDINALS = ("first", "second", "third", "fourth")


@dataclass
class Readers:
    """Readers of both sides, fitted on a domain's training wordings."""

    domain: Domain
    agent: AgentRecognizer
    customer: CustomerRecognizer
    accuracy: dict[str, Metric]
    """Share of messages read right, in wordings never learnt: "assistant" and "user". Unclear ones
    are unscored."""


def fit_readers(domain: Domain, seed: int = 7) -> Readers:
    """Readers that have learnt from the phrase book, and how well they read what is left of it."""
    walks = [*cover_route_pairs(domain.flowchart), *sample_paths(domain.flowchart, 100, seed)]
    walks += sample_long_walks(domain.flowchart, 60, seed)
    walks = list_plannable(walks, domain, seed)
    own = [walks[n % len(walks)] for n in range(PRACTICE)]
    scenarios = [plan_scenario(walk, "train", domain, seed, n) for n, walk in enumerate(own)]
    practice = write_practice(domain, scenarios, seed=1)
    practice += write_faulty_practice(domain, scenarios, seed=2)
    agent = AgentRecognizer(domain).learn(practice)
    customer = CustomerRecognizer(domain).learn(practice)
    trials = [plan_scenario(walk, "test", domain, seed, PRACTICE + n) for n, walk in enumerate(own)]
    talks = [_hold_trial(scenario, domain) for scenario in trials[:TRIALS]]
    readers = Readers(domain, agent, customer, {})
    readers.accuracy = {role: _measure(readers, talks, role) for role in ("assistant", "user")}
    return readers


def label_transcript(transcript: Transcript, readers: Readers | None) -> list[Label]:
    """The labels of all messages: those given, the others read. None are read without readers."""
    return _Labelling(transcript, readers).labels


class _Labelling:
    """Goes through a transcript once; what a customer chooses depends on what was offered."""

    def __init__(self, transcript: Transcript, readers: Readers | None):
        self.readers, self.record = readers, None
        texts = [message.content for message in transcript.messages]
        if readers:
            self.record = readers.domain.open_record()
            # all at once: encoding their sentences together is what takes the time
            readers.agent.label([m.content for m in transcript.messages if m.role == "assistant"])
            self.readings = [found["acts"] for found in readers.customer.read(texts)]
        self.labels = [
            self._label(i, message, given)
            for i, (message, given) in enumerate(
                zip(transcript.messages, transcript.labels, strict=True)
            )
        ]

    def _label(self, i: int, message: Message, given: GivenLabel) -> Label:
        label = Label(steps=given.steps or [], asks=given.asks or [], acts=given.acts or [])
        if self.readers is None or message.role == "system":
            return label
        domain = self.readers.domain
        if message.role == "assistant":
            if given.steps is None:
                label = self.readers.agent.label([message.content])[0]
            if any("offers" in domain.cites(step.split("|")[0]) for step in label.steps):
                self.record.offer(offers_named(message.content, domain, self.record.given))
        else:
            if given.acts is None:
                acts = read_acts(message.content, self.readings[i], self.record, domain)
                label = Label(acts=[str(act) for act in acts])
            self.record.hear(label.parsed_acts())
        return label


def read_acts(text: str, reading: Reading, record: Record, domain: Domain) -> list[Act]:
    """Acts of a customer's message, as they were read, and the details in its words.

    Of two values for one slot the last counts; a change that names no value takes the old one back.
    Of a message that is unclear only the details count.
    """
    if not any(sign.isalnum() for sign in text):
        # nothing can be read in what has no word
        return [Act("silence")] if "silence" in _list_asides(domain) else []
    values = domain.find_values(text)
    told = {slot: found[-1] for slot, found in values.items()}
    acts = [] if reading.chance >= CLEAR else [Act(UNCLEAR)]
    for kind in map(Act.parse, reading.labels if not acts else ()):
        if kind.kind == "revise":
            value = told.pop(kind.target, "")
            acts.append(Act("revise" if value else "drop", kind.target, value))
        elif kind.kind == "misspeak":
            wrong = values.get(kind.target, [""])[0]
            acts += [Act("misspeak", kind.target, wrong)] if wrong else []
        elif kind.kind == "choose":
            acts.append(Act("choose", find_choice(text, record.offered, domain)))
        elif kind.kind not in GIVING:
            acts.append(kind)
            told.pop(kind.target, "") if kind.kind in ("vague", "drop") else None
    return [*(Act("give", slot, value) for slot, value in told.items()), *acts]


def _list_asides(domain: Domain) -> set[str]:
    """Kinds of acts that cause side trips."""
    return {kind for trip in domain.flowchart.anywhere.values() for kind in trip.acts}


def find_choice(text: str, offered: Sequence[str], domain: Domain) -> str:
    """Id of the offer that a text chooses among those made, by name or place; "" if none."""
    named = [offer for offer in offers_named(text, domain) if offer in offered]
    words = re.findall(r"\w+", text.lower())
    places = [n for n, ordinal in enumerate(ORDINALS) if ordinal in words and n < len(offered)]
    if named or places:
        return named[0] if named else offered[places[0]]
    return offered[0] if len(offered) == 1 else ""


def _hold_trial(scenario: Scenario, domain: Domain) -> Talk:
    """A talk in which both sides speak wordings that are kept from all learning."""
    manner = next(p.manner for p in domain.personas if p.id == scenario.persona)
    talk = open_talk(domain, scenario, Voice("test", None, manner), max_replies=100)
    rng = seeded(0, "trial", hash_text(scenario.scenario_id))
    return hold_talk(talk, PhraseBookAgent(domain, Voice("test"), rng))


def _is_told_alike(truth: Label, read: Label, record: Record) -> bool:
    """Whether all details of a customer's message are read, and none that is not on record then."""
    told, heard = map(_list_details, (truth, read))
    is_so = all(record.given.get(slot, "") == value for slot, value in heard.items())
    return is_so and told.items() <= heard.items()


def _list_details(label: Label) -> dict[str, str]:
    """Slot to the value that a customer's message leaves on record; "" is one taken back."""
    kinds = {*GIVING, "drop", "vague"}
    return {act.target: act.value for act in label.parsed_acts() if act.kind in kinds}


def _measure(readers: Readers, talks: Sequence[Talk], role: str) -> Metric:
    """Share of messages of a role that are read right, clustered by path.

    Of a customer's message the details must be right as well: that they are on record is what
    most measures rest on. All the book's ways to say a value are known, those kept for tests too,
    so of details this says nothing about others.
    """
    rights, paths = [], []
    for talk in talks:
        bare = Transcript(
            **dict.fromkeys(("conversation_id", "scenario_id", "path_id", "condition"), ""),
            messages=talk.messages,
            labels=[GivenLabel() for _ in talk.messages],
            endings=None,
            is_overrun=None,
        )
        record = readers.domain.open_record()
        recognizer = readers.agent if role == "assistant" else readers.customer
        pairs = zip(talk.messages, talk.labels, label_transcript(bare, readers), strict=True)
        for _, truth, read in (pair for pair in pairs if pair[0].role == role):
            is_right = recognizer.expected(truth) == recognizer.expected(read)
            is_right = is_right and sorted(truth.asks) == sorted(read.asks)
            record.hear(truth.parsed_acts())
            is_right = is_right and _is_told_alike(truth, read, record)
            rights.append(None if UNCLEAR in read.acts else float(is_right))
            paths.append(talk.scenario.path_id)
    return average(rights, paths)
