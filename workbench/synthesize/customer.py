"""The simulated customer: a seeded machine that decides acts, and a phrase book that words them."""

import random
import re
from dataclasses import replace
from itertools import combinations

from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.phrases import Voice
from workbench.record import Record
from workbench.synthesize.behaviours import react, take_turn
from workbench.synthesize.scenarios import Scenario

LITTLE_PATIENCE = 2
"""Useless replies that an impatient customer bears."""

FLOOD = {"train": (6, 14), "test": (30, 45)}
"""Sentences of a very long message, at least and at most."""

TYPO_SHARE = 0.7
"""Share of a careless typist's messages that have a typo or two."""

CARRIED = {"give", "vague", "misspeak", "remind"}
"""Acts that answer a question for a detail; whatever else is asked for is answered with them."""


class Customer:
    """Acts out a scenario. It knows what it wants and hears what it is asked, not the flowchart."""

    def __init__(self, domain: Domain, scenario: Scenario, voice: Voice, rng: random.Random):
        self.domain, self.rng = domain, rng
        self.voice = replace(voice, manner="curt") if "curt" in scenario.behaviours else voice
        self.plan = {hub: [list(acts) for acts in visits] for hub, visits in scenario.plan.items()}
        self.patience = next(p.patience for p in domain.personas if p.id == scenario.persona)
        self.takes = set(scenario.takes)
        self.behaviours = set(scenario.behaviours)
        self.dealt = {key: list(ids) for key, ids in scenario.wordings.items()}
        if "impatient" in self.behaviours:
            self.patience = min(self.patience, LITTLE_PATIENCE)
        self.last: dict[str, list[Act]] = {}
        """What it did last, at each hub and overall ("")."""
        self.has_left_in_anger = False

    def speak(self, record: Record, at: str, asks: list[str]) -> tuple[str, Label]:
        """Its next message. `at` is the user node it believes to be at, "" if it is lost.

        `asks` are the slots it heard the agent ask for.
        """
        # asked before it decides: what it decides is kept
        is_first = not self.last
        acts, is_again = self.decide(record, at, asks)
        words = self.say(acts, record, is_again, is_first)
        return words, Label(acts=[str(act) for act in acts])

    def say(self, acts: list[Act], record: Record, is_again: bool, is_first: bool) -> str:
        """The acts in words, with the typos of a customer who makes some."""
        words = self.word(acts, record, is_again, is_first)
        is_mistyped = "typos" in self.behaviours and self.rng.random() < TYPO_SHARE
        return self._mistype(words) if is_mistyped else words

    def decide(self, record: Record, at: str, asks: list[str]) -> tuple[list[Act], bool]:
        """What it does in its next message, and whether it only says again what it wants."""
        acts, is_again = self._decide(record, at, asks)
        self.last[""] = acts
        return acts, is_again

    def _decide(self, record: Record, at: str, asks: list[str]) -> tuple[list[Act], bool]:
        hub = self.domain.flowchart.nodes[at].routes[""].to if at else ""
        planned = self.plan.get(hub)
        if planned:
            acts = take_turn(planned, record, self.domain, self.takes)
            again = [Act("give", s, record.given[s]) for s in asks if s in record.given]
            if all(act.kind in CARRIED for act in acts):
                acts += [act for act in again if act.target not in {a.target for a in acts}]
            self.last[hub] = acts or self.last.get(hub, [])
            if acts:
                return acts, False
        self.patience -= 1
        if self.patience < 0:
            self.has_left_in_anger = True
            return [Act("leave")], False
        known = [Act("give", slot, record.given[slot]) for slot in asks if slot in record.given]
        acts = known or self.last.get(hub) or self.last.get("") or [Act("start")]
        return [react(act, record, self.takes) for act in acts], True

    def word(self, acts: list[Act], record: Record, is_again: bool, is_first: bool) -> str:
        """The acts in words, in the persona's manner."""
        kinds = {act.kind for act in acts}
        if "silence" in kinds:
            return self.domain.customer.pick("silence", self.voice, self.rng)
        sentences = [self._slip(act) for act in acts if act.kind == "misspeak"]
        sentences += self._details([act for act in acts if act.kind == "give"])
        sentences += [
            self._sentence(act, record)
            for act in acts
            if act.kind not in {"give", "misspeak", "flood"}
        ]
        if "flood" in kinds:
            sentences = [*self._flood(), *sentences]
        if "impatient" in self.behaviours and self.rng.random() < 0.5:
            sentences.append(self._part("hurry"))
        if kinds & {"flood", "take_over"}:
            return _join(sentences)
        if is_again:
            return f"{self._part('restate')} {self._lowered(_join(sentences))}"
        if is_first:
            greets = "curt" not in self.behaviours and self.rng.random() < 0.5
            return _join([self._part("hello"), *sentences] if greets else sentences)
        if lead := self._lead(kinds):
            sentences[0] = f"{lead} {self._lowered(sentences[0])}"
        if self.rng.random() < 0.12:
            sentences.append(self._part("tail"))
        return _join(sentences)

    def _lead(self, kinds: set[str]) -> str:
        """What is said in front of the first sentence, often nothing."""
        if kinds == {"ask"} and "asks_before_confirming" in self.behaviours:
            return self._part("hang_on")
        if kinds == {"give"} and "answers_late" in self.behaviours and self.rng.random() < 0.6:
            return self._part("late")
        is_curt = "curt" in self.behaviours
        return self._part("lead") if not is_curt and self.rng.random() < 0.35 else ""

    def _slip(self, act: Act) -> str:
        """A sentence that names a wrong value and takes it back."""
        wrong = self._form(act)
        return self.domain.customer.pick("part/slip", self.voice, self.rng, {"wrong": wrong})

    def _flood(self) -> list[str]:
        """Very many sentences about nothing in particular."""
        known = self.domain.customer.wordings("flood", self.voice)
        n = min(len(known), self.rng.randint(*FLOOD[self.voice.split]))
        return [wording.text for wording in self.rng.sample(known, n)]

    def _mistype(self, text: str) -> str:
        """The text with a typo or two in its longer words; what carries a value is spared."""
        spared = self.domain.value_words
        for _ in range(self.rng.randint(1, 2)):
            words = [w for w in re.finditer(r"\b[a-z]{5,}\b", text) if w.group() not in spared]
            if not words:
                break
            word = self.rng.choice(words)
            at = self.rng.randrange(word.start() + 1, word.end() - 2)
            one, two = text[at], text[at + 1]
            typo = self.rng.choice([two + one, one, one + one + two])
            text = text[:at] + typo + text[at + 2 :]
        return text

    def _part(self, name: str) -> str:
        return self.domain.customer.pick(f"part/{name}", self.voice, self.rng)

    def _sentence(self, act: Act, record: Record) -> str:
        book, key = self.domain.customer, act.name if act.kind != "choose" else "choose"
        values: dict[str, str] = {}
        if act.kind == "choose":
            key = "choose_only" if len(record.offered) == 1 else "choose"
            ordinal = ("first", "second", "third", "fourth")
            values["offer"] = self.domain.offers[act.target].name
            if act.target in record.offered:
                values["ordinal"] = ordinal[record.offered.index(act.target)]
        if act.kind == "vague":
            vague = self.domain.slots[act.target].vague
            values["vague"] = self.rng.choice(
                vague.test if self._is_test(vague.test) else vague.train
            )
        if act.value:
            values[act.target] = self._form(act)
        left = self.dealt.get(act.kind if act.kind == "choose" else act.name)
        return book.pick(key, self.voice, self.rng, values, left.pop(0) if left else "")

    def _form(self, act: Act) -> str:
        """One of the ways to say an act's value."""
        return self.rng.choice(self.domain.slots[act.target].forms(act.value, self.voice.split))

    def _is_test(self, wordings: list[str]) -> bool:
        return self.voice.split == "test" and bool(wordings)

    def _lowered(self, text: str) -> str:
        """The text with its first letter small, unless it begins with "I" or a name."""
        is_i = text.split(maxsplit=1)[0].split("'")[0] == "I"
        return text if is_i or self.domain.starts_with_name(text) else text[:1].lower() + text[1:]

    def _details(self, gives: list[Act]) -> list[str]:
        """Sentences that give the details, some of them several at once."""
        left, sentences = {act.name: act for act in gives}, []
        while left:
            groups = [
                group
                for size in range(1, len(left) + 1)
                for group in combinations(sorted(left), size)
                if "+".join(group) in self.domain.customer
            ]
            group = self.rng.choices(groups, [len(group) ** 2 for group in groups])[0]
            values = {left[name].target: self._form(left[name]) for name in group}
            sentences.append(
                self.domain.customer.pick("+".join(group), self.voice, self.rng, values)
            )
            left = {name: act for name, act in left.items() if name not in group}
        return sentences


def _join(sentences: list[str]) -> str:
    """Sentences as one text: the last may lack its full stop, as people write."""
    *head, last = [text[:1].upper() + text[1:] if i else text for i, text in enumerate(sentences)]
    return " ".join([*(text if text[-1] in ".,:;!?" else f"{text}." for text in head), last])
