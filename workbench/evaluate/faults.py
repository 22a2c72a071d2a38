"""Planted faults: scripted agents that do one thing wrong, on purpose.

What they do wrong is known, so they show how much of it the measures see, and how often the
measures raise an alarm where nothing is wrong.
"""

import random
import re
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field

from workbench.conversation import Act, Conversation, Label, hash_text, seeded
from workbench.domain import Domain
from workbench.evaluate.conditions import Key, Reply, Walker
from workbench.evaluate.metrics import PERFECT, Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import Metric, average
from workbench.phrases import Voice
from workbench.record import Record
from workbench.synthesize.scenarios import Scenario
from workbench.synthesize.talk import Talk
from workbench.synthesize.teacher import PhraseBookAgent, follow
from workbench.synthesize.writing import write_talk


@dataclass(frozen=True)
class Fault:
    """One kind of fault, and what must see it."""

    meaning: str
    measure: str
    """Name of the measure that must catch it: any other may see it too."""


FAULTS = {
    "wrong_branch": Fault(
        "takes another route of a hub than the customer's acts allow", "branch_correct"
    ),
    "left_out": Fault("leaves out a step of a message that takes several", "fitness"),
    "jump": Fault("says a step that cannot follow", "invalid_moves"),
    "wrong_ending": Fault("ends the talk in another ending than it should", "ending_correct"),
    "early_ending": Fault("ends the talk before the customer is done", "premature_ending"),
    "never_ends": Fault("goes on asking after the customer's closing act", "ending_correct"),
    "wrong_number": Fault("states another number or name than it should", "facts_right"),
    "asks_again": Fault("asks for a detail that it was given", "reasked"),
    "old_detail": Fault("goes on with a detail that the customer has changed", "facts_right"),
}
"""Faults by name. An agent commits its fault once a talk, where there is occasion to; one that
never ends does so whenever it should end."""

HARMLESS = {
    "courtesy": "adds a courteous sentence",
    "typos": "swaps two letters in a long word of each message",
    "synonyms": "replaces words by others that mean the same",
}
"""Changes that no measure should mind, in every message."""

COURTESIES = {
    "train": (
        "Thank you for your patience.",
        "Please take all the time you need.",
        "We are always glad to help.",
        "I do appreciate your interest.",
        "It is good to have you here.",
        "There is no hurry at all.",
        "Just write whenever it suits you.",
        "Thanks for getting back to me.",
    ),
    "test": (
        "I hope that is all right with you.",
        "It is a pleasure to be of help.",
        "Many thanks for taking the time.",
    ),
}
"""By the voice that says them: recognizers practise on others than they are tested on."""

SYNONYMS = {
    "happy": "pleased",
    "lovely": "delightful",
    "pick": "select",
    "choose": "select",
    "speak": "talk",
    "goodbye": "farewell",
    "colleague": "co-worker",
    "help": "assist",
    "offers": "proposals",
    "offer": "proposal",
    "changed": "altered",
    "certainly": "surely",
    "details": "particulars",
}
"""Word to another that can stand in its place, whatever the domain; it may have more of its own, in
`phrases/synonyms.yaml`. Recognizers do not practise on them."""

PRACTISED = ("left_out", "asks_again", "courtesy")
"""What recognizers practise on, in training wordings: without it they hardly hear that a message
does more or less than it should."""


@dataclass(frozen=True)
class _Turn:
    """A message as it should be, and what it answers."""

    at: str
    text: str
    label: Label
    record: Record
    acts: list[Act]


class FaultyAgent(PhraseBookAgent):
    """Follows the flowchart, but for the one fault of its kind."""

    def __init__(self, domain: Domain, voice: Voice, rng: random.Random, kind: str):
        super().__init__(domain, voice, rng)
        self.plant = getattr(self, f"_{kind}")
        self.chance = (
            1.0 if kind in {*HARMLESS, "wrong_ending", "never_ends", "old_detail"} else 0.5
        )
        self.is_once = kind in FAULTS and kind != "never_ends"
        self.planted = 0
        self.said = ""
        self.before: dict[str, str] = {}

    def reply(self, record: Record, acts: list[Act]) -> tuple[str, Label]:
        """The next message and its label; the label tells of the fault too."""
        if self.has_ended:
            return super().reply(record, acts)
        at = self.at
        try:
            turn = _Turn(at, *super().reply(record, acts), record, acts)
        except ValueError:
            # its fault has led to where something is lacking to go on with
            self.at = at
            return self.say([], record, acts)
        text, label = turn.text, turn.label
        if not (self.is_once and self.planted) and self.rng.random() < self.chance:
            lead = self.at
            try:
                planted = self.plant(turn)
            except ValueError:
                # the phrase book cannot word it here
                planted, self.at = None, lead
            if planted:
                self.planted += 1
                text, label = planted
                self.last = label.steps
        self.before = dict(record.given)
        self.said = next((s for s in reversed(label.steps) if "anywhere." not in s), self.said)
        return text, label

    def _wrong_branch(self, turn: _Turn) -> tuple[str, Label] | None:
        chart = self.domain.flowchart
        for i, step in enumerate(turn.label.steps):
            hub, _, name = step.partition(".")
            if hub == "anywhere" or not name:
                continue
            allowed = turn.record.allowed_routes(chart.nodes[hub], turn.acts)
            others = [
                name
                for name, route in chart.nodes[hub].routes.items()
                if name not in allowed
                and chart.nodes[route.to].role != "end"
                and not self.domain.slot_states(f"{hub}.{name}")
            ]
            if others:
                name, record = self.rng.choice(others), copy(turn.record)
                record.chosen = record.chosen or next(iter(record.offered), "")
                node = chart.nodes[chart.nodes[hub].routes[name].to]
                steps, lead = follow(chart, node, record, [])
                if lead and chart.nodes[lead].role == "end":
                    # what is on record leaves nothing else to do
                    return None
                self.at = lead
                return self.say([*turn.label.steps[:i], f"{hub}.{name}", *steps], record, [])
        return None

    def _left_out(self, turn: _Turn) -> tuple[str, Label] | None:
        walk = [step for step in turn.label.steps if not step.startswith("anywhere.")]
        if len(walk) < 2:
            return None
        lost = self.rng.choice(walk)
        rest = [step for step in turn.label.steps if step != lost]
        return self.say(rest, turn.record, turn.acts)

    def _jump(self, turn: _Turn) -> tuple[str, Label] | None:
        chart = self.domain.flowchart
        if not self.said:
            return None
        near = chart.next_steps(self.said) | {*turn.label.steps}
        far = [
            step
            for step in chart.steps
            if step not in near
            and not step.startswith("anywhere.")
            and not chart.outcome_of(step)
            and not self.domain.slot_states(step)
        ]
        if not far:
            return None
        step = self.rng.choice(far)
        lead = chart.nodes[chart.step_target(step)]
        if lead.role == "user":
            self.at = lead.id
        return self.say([step], turn.record, [])

    def _wrong_ending(self, turn: _Turn) -> tuple[str, Label] | None:
        chart = self.domain.flowchart
        right = {chart.outcome_of(step) for step in turn.label.steps[-1:]} - {""}
        wrong = [s for s in chart.steps if chart.outcome_of(s) and chart.outcome_of(s) not in right]
        return self.say([self.rng.choice(wrong)], turn.record, []) if right and wrong else None

    def _early_ending(self, turn: _Turn) -> tuple[str, Label] | None:
        chart = self.domain.flowchart
        endings = [step for step in chart.steps if chart.outcome_of(step)]
        if not turn.at or {*turn.label.steps} & {*endings}:
            return None
        self.at = turn.at
        return self.say([self.rng.choice(endings)], turn.record, [])

    def _never_ends(self, turn: _Turn) -> tuple[str, Label] | None:
        chart = self.domain.flowchart
        if not turn.at or not any(chart.outcome_of(step) for step in turn.label.steps):
            return None
        # on it goes as if the customer had said nothing, or with the question that is pending
        node = chart.nodes[chart.nodes[turn.at].routes[""].to]
        steps, lead = follow(chart, node, turn.record, [])
        lead = "" if lead and chart.nodes[lead].role == "end" else lead
        self.at = lead or turn.at
        text, label = self.say(steps if lead else [], turn.record, [])
        return (text, label) if text.strip() else None

    def _wrong_number(self, turn: _Turn) -> tuple[str, Label] | None:
        names = dict(self.domain.find_names(turn.text))
        numbers = self._find_outside_names(r"\d+", turn.text)
        if not numbers and not names:
            return None
        place = self.rng.choice([*numbers, *names])
        others = [name for name in self.domain.names if name != names.get(place)]
        wrong = self.rng.choice(others) if place in names else str(2 * int(place[0]) + 3)
        return turn.text[: place.start()] + wrong + turn.text[place.end() :], turn.label

    def _find_outside_names(self, pattern: str, text: str) -> list[re.Match[str]]:
        names = [match.span() for match, _ in self.domain.find_names(text)]
        found = re.finditer(pattern, text)
        return [m for m in found if not any(start <= m.start() < end for start, end in names)]

    def _asks_again(self, turn: _Turn) -> tuple[str, Label] | None:
        chart, record = self.domain.flowchart, copy(turn.record)
        asking = [s for s in chart.steps if "slots_missing" in self.domain.causes(s)]
        is_ending = any(chart.outcome_of(step) for step in turn.label.steps)
        if not asking or is_ending or record.state != "slots_complete" or not record.given:
            return None
        slot = self.rng.choice(list(record.given))
        record.given = {name: value for name, value in record.given.items() if name != slot}
        text, label = self.say(asking[:1], record, [])
        steps = [*turn.label.steps, *label.steps]
        return f"{turn.text} {text}", turn.label.model_copy(
            update={"steps": steps, "asks": label.asks}
        )

    def _old_detail(self, turn: _Turn) -> tuple[str, Label] | None:
        old = {
            act.target: self.before[act.target]
            for act in turn.acts
            if act.kind == "revise" and self.before.get(act.target, act.value) != act.value
        }
        if not old:
            return None
        record = copy(turn.record)
        record.given = record.given | old
        text, label = self.say(turn.label.steps, record, turn.acts)
        names = [self.domain.slots[slot].on_record(value) for slot, value in old.items()]
        return (text, label) if any(name in text for name in names) else None

    def _courtesy(self, turn: _Turn) -> tuple[str, Label]:
        sentence = self.rng.choice(COURTESIES[self.voice.split])
        return f"{turn.text} {sentence}", turn.label

    def _typos(self, turn: _Turn) -> tuple[str, Label] | None:
        words = self._find_outside_names(r"\b[a-z]{6,}\b", turn.text)
        if not words:
            return None
        place = self.rng.choice(words).start() + 2
        swapped = turn.text[place + 1] + turn.text[place]
        return turn.text[:place] + swapped + turn.text[place + 2 :], turn.label

    def _synonyms(self, turn: _Turn) -> tuple[str, Label] | None:
        text, others = turn.text, SYNONYMS | self.domain.synonyms
        for word in reversed(self._find_outside_names(r"\b[a-z]+\b", text)):
            text = text[: word.start()] + others.get(word[0], word[0]) + text[word.end() :]
        return (text, turn.label) if text != turn.text else None


@dataclass
class FaultyWalker(Walker):
    """The scripted agent with a planted fault, heard and scored by its words alone."""

    kind: str = ""
    planted: dict[Key, int] = field(default_factory=dict)

    def begin(self, talks: dict[Key, Talk]) -> None:
        self.agents = {
            key: FaultyAgent(
                self.domain, Voice("test"), seeded(0, self.name, "/".join(key)), self.kind
            )
            for key in talks
        }

    def _say(self, key: Key, talk: Talk) -> Reply:
        agent = self.agents[key]
        before = agent.planted
        reply = super()._say(key, talk)
        is_faulty = agent.planted > before and self.kind in FAULTS
        return Reply(reply.text, label=reply.label, fault=self.kind if is_faulty else "")


def write_faulty_practice(
    domain: Domain, scenarios: Iterable[Scenario], seed: int
) -> list[Conversation]:
    """Conversations in training wordings in which the agent does what is in `PRACTISED`."""
    talks = []
    for number, scenario in enumerate(scenarios):
        kind = PRACTISED[number % len(PRACTISED)]
        own = hash_text(seed, kind, scenario.scenario_id)
        agent = FaultyAgent(domain, Voice("train"), seeded(0, "agent", own), kind)
        talks.append(write_talk(scenario, domain, None, own, agent))
    return talks


def make_instruments(domain: Domain) -> list[FaultyWalker]:
    """The agents with a fault each, and those with a harmless change each."""
    kinds = [(f"faulty/{kind}", kind) for kind in FAULTS]
    kinds += [(f"walker/{kind}", kind) for kind in HARMLESS]
    return [FaultyWalker(domain, name, kind=kind) for name, kind in kinds]


def is_instrument(condition: str) -> bool:
    """Whether a condition is there to test the measures, not to be measured."""
    group, _, kind = condition.partition("/")
    return group == "faulty" or kind in HARMLESS


def is_measured(condition: str) -> bool:
    """Whether it is there to be measured."""
    return not is_instrument(condition)


def measure_detection(
    talks: Iterable[Simulated], scores: Iterable[Score]
) -> dict[str, dict[str, Metric]]:
    """By condition, how often the measures flag a planted fault, and how often talks without any.

    A talk is flagged if any measure finds anything in it. "detected" is over talks of faulty agents
    in which there was occasion for the fault, "false_alarms" over those of the walker and of its
    harmless changes; all are heard and scored by their words alone. "detected_by_its_measure" are
    the faulty talks again, flagged only if the measure that is for the fault finds something.
    """
    planted = {talk.conversation_id: talk.fault for talk in talks}
    groups: dict[str, dict[str, list[Score]]] = {"detected": {}, "false_alarms": {}}
    for score in scores:
        is_clean_agent = score.condition == "walker" or (
            is_instrument(score.condition) and not score.condition.startswith("faulty/")
        )
        if planted.get(score.conversation_id):
            groups["detected"].setdefault(score.condition, []).append(score)
        elif is_clean_agent:
            groups["false_alarms"].setdefault(score.condition, []).append(score)
    found = {
        name: {
            condition: average([float(not s.is_clean) for s in own], [s.path_id for s in own])
            for condition, own in by_condition.items()
        }
        for name, by_condition in groups.items()
    }
    found["detected_by_its_measure"] = {
        condition: average([_is_seen(score) for score in own], [s.path_id for s in own])
        for condition, own in groups["detected"].items()
    }
    return found


def _is_seen(score: Score) -> float:
    measure = FAULTS[score.condition.partition("/")[2]].measure
    return float(score.measures[measure] not in (None, PERFECT[measure]))
