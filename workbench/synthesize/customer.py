"""The simulated customer: a seeded machine that decides acts, and a phrase book that words them."""

import random
from itertools import combinations

from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.phrases import Voice
from workbench.record import Record
from workbench.synthesize.scenarios import Scenario


class Customer:
    """Acts out a scenario. It knows what it wants and hears what it is asked, not the flowchart."""

    def __init__(self, domain: Domain, scenario: Scenario, voice: Voice, rng: random.Random):
        self.domain, self.voice, self.rng = domain, voice, rng
        self.plan = {hub: [list(acts) for acts in visits] for hub, visits in scenario.plan.items()}
        self.patience = next(p.patience for p in domain.personas if p.id == scenario.persona)
        self.last: dict[str, list[Act]] = {}
        """What it did last, at each hub and overall ("")."""
        self.has_left_in_anger = False

    def speak(self, record: Record, at: str, asks: list[str]) -> tuple[str, Label]:
        """Its next message. `at` is the user node it believes to be at, "" if it is lost.

        `asks` are the slots it heard the agent ask for.
        """
        acts, is_again = self._decide(record, at, asks)
        words = self.word(acts, record, is_again, is_first=not self.last)
        self.last[""] = acts
        return words, Label(acts=[str(act) for act in acts])

    def _decide(self, record: Record, at: str, asks: list[str]) -> tuple[list[Act], bool]:
        hub = self.domain.flowchart.nodes[at].routes[""].to if at else ""
        planned = self.plan.get(hub)
        if planned:
            acts = [self._aim(Act.parse(act), record) for act in planned.pop(0)]
            acts = [act for act in acts if act is not None]
            again = [Act("give", s, record.given[s]) for s in asks if s in record.given]
            if all(act.kind in {"give", "vague"} for act in acts):
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
        return acts, True

    def _aim(self, act: Act, record: Record) -> Act | None:
        """A planned choice aimed at the offers made; None when there was none to choose from.

        Who chose before and wants a change chooses something else, if there is anything else.
        """
        if act.kind != "choose" or act.target in self.domain.offers:
            return act
        if not record.offered:
            return None
        others = [offer for offer in record.offered if offer != record.chosen] or record.offered
        return Act("choose", others[int(act.target) % len(others)])

    def word(self, acts: list[Act], record: Record, is_again: bool, is_first: bool) -> str:
        """The acts in words, in the persona's manner."""
        sentences = self._details([act for act in acts if act.kind == "give"])
        sentences += [self._sentence(act, record) for act in acts if act.kind != "give"]
        if is_again:
            return f"{self._part('restate')} {self._lowered(_join(sentences))}"
        if is_first:
            return _join(
                [self._part("hello"), *sentences] if self.rng.random() < 0.5 else sentences
            )
        if self.rng.random() < 0.35:
            sentences[0] = f"{self._part('lead')} {self._lowered(sentences[0])}"
        if self.rng.random() < 0.12:
            sentences.append(self._part("tail"))
        return _join(sentences)

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
            values[act.target] = self.rng.choice(self.domain.slots[act.target].forms(act.value))
        return book.pick(key, self.voice, self.rng, values)

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
            values = {
                left[name].target: self.rng.choice(
                    self.domain.slots[left[name].target].forms(left[name].value)
                )
                for name in group
            }
            sentences.append(
                self.domain.customer.pick("+".join(group), self.voice, self.rng, values)
            )
            left = {name: act for name, act in left.items() if name not in group}
        return sentences


def _join(sentences: list[str]) -> str:
    """Sentences as one text: the last may lack its full stop, as people write."""
    *head, last = [text[:1].upper() + text[1:] if i else text for i, text in enumerate(sentences)]
    return " ".join([*(text if text[-1] in ".,:;!?" else f"{text}." for text in head), last])
