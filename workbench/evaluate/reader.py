"""One conversation gone through once: what was said, what was due, and what was wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from workbench.conversation import UNCLEAR, Act, Conversation, Label
from workbench.domain import Domain
from workbench.evaluate.off_procedure import judge_turn
from workbench.facts import FactCheck, find_stated, offers_named

NOWHERE = "nothing recognized"
"""Stands where a step does: the message takes none."""


class Reader:
    """Reads a conversation and keeps the record, as the customer's acts fill it."""

    def __init__(self, conversation: Conversation, domain: Domain, labels: list[Label]):
        self.domain, self.record = domain, domain.open_record()
        self.known_steps = set(domain.flowchart.steps)
        self.facts = FactCheck(domain)
        self.steps: list[list[str]] = []
        """Steps of each reply."""
        self.given: list[frozenset[str]] = []
        """Slots on record when each reply was given, and at the end."""
        self.endings: list[list[set[str]]] = []
        """For each reply the outcomes that its ending steps may reach, by step."""
        self.faults: list[str] = []
        self.wrong: dict[int, str] = {}
        self.hubs: dict[str, list[int]] = {}
        """Hub to [decisions right, decisions]."""
        self.restated: list[bool] = []
        """For each value restated, whether it is the one on record."""
        self.off_turns: Counter[str] = Counter()
        self.n_due, self.n_fact_problems, self.has_reasked = 0, 0, False
        self._stated: set[tuple[str, str]] = set()
        self.places: list[int] = []
        """Index of each reply among the messages."""
        self.after_courtesies: list[bool] = []
        """For each reply, whether the customer had only courtesies or nothing to say before it."""
        self._acts: list[Act] = []
        self._read(conversation, labels)

    def _read(self, conversation: Conversation, labels: list[Label]) -> None:
        speakers = [m.role for m in conversation.messages if m.role != "system"]
        self.agent_opens = speakers[:1] != ["user"]
        self._at = "" if self.agent_opens else self._first_user_node()
        for i, (message, label) in enumerate(zip(conversation.messages, labels, strict=True)):
            if message.role == "user":
                self._acts = label.parsed_acts()
                self.record.hear(self._acts)
                self.facts.hear_acts(message.content, self._acts)
            if message.role == "assistant":
                self._hear(i, message.content, label)
        self.given.append(self.record.settled)

    def note(self, i: int, fault: str, text: str, step: str = "") -> None:
        """Put on record what is wrong with message `i`, at one of its steps; "": the last."""
        steps = self.steps[self.places.index(i)] or [NOWHERE]
        self.faults.append(f"{fault}: {step or steps[-1]}")
        self.wrong[i] = f"{self.wrong[i]}; {text}" if i in self.wrong else text

    @property
    def said(self) -> list[str]:
        """All steps in order."""
        return [step for steps in self.steps for step in steps]

    @property
    def given_at_steps(self) -> list[frozenset[str]]:
        """Slots on record at each of `said`, and at the end."""
        pairs = zip(self.steps, self.given, strict=False)
        return [*(given for steps, given in pairs for _ in steps), self.given[-1]]

    @property
    def closing(self) -> int:
        """Number of the reply that closes: what follows a courtesy without a step does not."""
        n = len(self.steps) - 1
        while n > 0 and self.after_courtesies[n] and not self._walks(n):
            n -= 1
        return n

    def _walks(self, n: int) -> bool:
        return any(not step.startswith("anywhere.") for step in self.steps[n])

    @property
    def branch_correct(self) -> float | None:
        return _share(*map(sum, zip(*self.hubs.values(), strict=True))) if self.hubs else None

    @property
    def facts_right(self) -> float | None:
        # where nothing is due there is nothing to get right, but something may still be wrong
        return float(self.n_fact_problems == 0) if self.n_due or self.n_fact_problems else None

    @property
    def slots_kept(self) -> float | None:
        return _share(sum(self.restated), len(self.restated))

    @property
    def off_procedure(self) -> float | None:
        return _share(self.off_turns["answered"], self.off_turns.total())

    def _first_user_node(self) -> str:
        """Where the customer speaks who opens: after the agent's opening."""
        node = self.domain.flowchart.nodes[self.domain.flowchart.start]
        while node.role == "agent" and not node.is_hub:
            node = self.domain.flowchart.nodes[node.routes[""].to]
        return node.id if node.role == "user" else ""

    def _hear(self, i: int, text: str, label: Label) -> None:
        self.places.append(i)
        self.steps.append(label.steps)
        self.given.append(self.record.settled)
        self.after_courtesies.append(all(act.kind in ("chat", UNCLEAR) for act in self._acts))
        is_clear = not any(act.kind == UNCLEAR for act in self._acts)
        at = self._at if is_clear else ""
        turn = judge_turn(self.domain, at, self.record, self._acts, text, label)
        self.off_turns.update([turn] if turn else [])
        if turn not in ("", "answered"):
            self.note(i, "off_procedure", f"the customer left the procedure; {turn}")
        known = [step for step in label.steps if {*step.split("|")} <= self.known_steps]
        for step in known if is_clear else []:
            self._judge_branch(i, step)
        if again := [slot for slot in label.asks if slot in self.record.given]:
            self.has_reasked = True
            self.note(i, "reasked", f"asks again for {', '.join(again)}")
        self._check_facts(i, text, known)
        self._move(text, known)

    def _judge_branch(self, i: int, labels: str) -> None:
        chart, rights = self.domain.flowchart, {}
        for step in labels.split("|"):
            hub, _, route = step.partition(".")
            if hub != "anywhere" and route:
                allowed = self.record.allowed_routes(chart.nodes[hub], self._acts)
                rights[hub] = rights.get(hub, False) or route in allowed
        if rights:
            # of labels that cannot be told apart the right one counts
            hub = next((hub for hub, is_right in rights.items() if is_right), next(iter(rights)))
            count = self.hubs.setdefault(hub, [0, 0])
            count[0] += rights[hub]
            count[1] += 1
            if not rights[hub]:
                text = f"takes {labels}, which the customer's acts do not allow"
                self.note(i, "branch", text, labels)

    def _check_facts(self, i: int, text: str, steps: list[str]) -> None:
        due = self._due(text, steps, self._acts)
        self.n_due += len(due)
        self._stated |= set(find_stated(text, self.domain))
        problems = self.facts.check_agent(text, due, self.record)
        self.n_fact_problems += len(problems)
        for problem in problems:
            self.note(i, "facts", problem)
        for slot, value, is_so in self.facts.find_restated(text, self.record):
            self.restated.append(is_so)
            if not is_so:
                self.note(i, "slots", f"restates {slot} as {value}")

    def find_withheld(self, steps: Iterable[str]) -> list[str]:
        """Facts of steps that were left out which no reply states: less said is less right."""
        withheld = []
        for step in steps:
            due = self._due("", [step], ())
            if "offers" in self.domain.cites(step):
                # any offer that fits will do
                own = [offer.id for offer in self.domain.offers_for(self.record.given)]
                by_offer = map(self.domain.offer_facts, own)
                due = min(by_offer, key=lambda facts: len(self._unstated(facts)), default=[])
            withheld += self._unstated(due)
        return withheld

    def _unstated(self, facts: Iterable[str]) -> list[str]:
        spoken = {fact: self.domain.spoken_fact(fact) for fact in facts}
        return [
            f for f, said in spoken.items() if not {*find_stated(said, self.domain)} <= self._stated
        ]

    def _due(self, text: str, steps: Iterable[str], acts: Sequence[Act]) -> list[str]:
        """Facts due in a reply: those asked for, and those its steps cite.

        Which offers to make is the agent's choice among those for what the customer wants.
        """
        asked = [act.target for act in acts if act.kind == "ask"]
        due = [fact for fact in asked if fact in self.domain.facts]
        for step in steps:
            name = step.split("|")[0]
            if "offers" in self.domain.cites(name):
                own = {offer.id for offer in self.domain.offers_for(self.record.given)}
                named = offers_named(text, self.domain, self.record.given)
                made = [offer for offer in named if offer in own] or sorted(own)[:1]
                due += [fact for offer in made for fact in self.domain.offer_facts(offer)]
            else:
                found = self.domain.due_facts(name, self.record, acts)
                known = {*self.domain.facts, *self.domain.offers}
                due += [fact for fact in found if fact.partition(".")[0] in known]
        return list(dict.fromkeys(due))

    def _move(self, text: str, steps: list[str]) -> None:
        """Take down what the reply offered, where it led and whether it ended the talk."""
        chart = self.domain.flowchart
        if any("offers" in self.domain.cites(step.split("|")[0]) for step in steps):
            self.record.offer(offers_named(text, self.domain, self.record.given))
        targets = [chart.step_target(step.split("|")[0]) for step in steps]
        users = [target for target in targets if target and chart.nodes[target].role == "user"]
        self._at = users[-1] if users else self._at
        outcomes = [{chart.outcome_of(s) for s in labels.split("|")} - {""} for labels in steps]
        self.endings.append([found for found in outcomes if found])


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
