"""Turns: each message is checked by itself before the talk goes on, and told what is wrong with it.

Where there is a phrase book, recognizers fitted on it read the words. Without one what is left is
checked: facts, details, the offers that are named, code words, length, and that the last message
asks nothing. Whether such words do what they should, nobody has read then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.facts import FactCheck, offers_named
from workbench.record import Record
from workbench.synthesize.checking import Checker, Doubt, find_misstated
from workbench.synthesize.natural import list_unnatural
from workbench.synthesize.plain_words import advise, find_when, name_slot, read_words, word_act

MOST_CHARACTERS = {"teacher": 1500, "customer": 900}
"""Of one message."""

FOREIGN = {"flood", "take_over"}
"""Acts whose words may hold what no plain message has."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a message."""

    reason: str
    """For the record."""
    advice: str
    """For who writes it anew: in plain words, without a name of the flowchart."""


class TurnCheck:
    """Follows one conversation, message by message."""

    def __init__(self, domain: Domain, checker: Checker | None):
        self.domain, self.checker = domain, checker
        self.facts = FactCheck(domain)

    def check_agent(
        self, text: str, label: Label, record: Record, is_last: bool, is_modelled: bool = True
    ) -> list[Fault]:
        """What is wrong with a message of the agent; `record` is as it was before it."""
        faults = self._check_form("teacher", text) if is_modelled else []
        if is_last and text.rstrip().endswith("?"):
            faults.append(Fault("the last message asks", advise("question")))
        if self.checker:
            doubts = self.checker.doubt_agent([text], [label])[0]
            faults += [self._explain(doubt, self._put_step) for doubt in doubts]
        faults += self._check_offers(text, label, record)
        problems = self.facts.check_agent(text, label.facts, record)
        return faults + [Fault(f"fact: {p}", self._put_problem(p, label.facts)) for p in problems]

    def check_customer(
        self, text: str, label: Label, step: str, is_modelled: bool = True
    ) -> list[Fault]:
        """What is wrong with a message of the customer; `step` is the one it leads to."""
        acts = label.parsed_acts()
        may_paste = bool(FOREIGN & {act.kind for act in acts})
        faults = self._check_form("customer", text, may_paste) if is_modelled else []
        if self.checker:
            doubts = self.checker.doubt_customer(text, label, step)
            return faults + [self._explain(doubt, self._put_act) for doubt in doubts]
        found = find_misstated(text, label, self.domain)
        if found is not None:
            said = Doubt(f"details read as {found}", details=found)
            faults.append(self._explain(said, self._put_act))
        return faults

    def take_customer(self, text: str, acts: Iterable[Act]) -> None:
        """Take a message of the customer that stays: what it gives may be stated from now on."""
        self.facts.hear_acts(text, acts)

    def _check_form(self, role: str, text: str, may_paste: bool = False) -> list[Fault]:
        found = list_unnatural(text, self.domain, MOST_CHARACTERS[role], may_paste)
        return [Fault(f"form: {one}", one) for one in found]

    def _check_offers(self, text: str, label: Label, record: Record) -> list[Fault]:
        if not any("offers" in self.domain.cites(step) for step in label.steps):
            return []
        due = self.domain.present(record)
        named = offers_named(text, self.domain, record.given)
        if {offer.id for offer in due} <= {*named}:
            return []
        names = "; ".join(offer.name for offer in due)
        return [Fault("offers are not all named", advise("offers", offers=names))]

    def _explain(self, doubt: Doubt, put) -> Fault:
        if doubt.details is not None:
            found = [
                f"{name_slot(slot, self.domain)}: {', '.join(values)}"
                for slot, values in doubt.details.items()
            ]
            return Fault(doubt.reason, advise("detail", found="; ".join(found) or "none"))
        if doubt.not_asked:
            slots = "; ".join(name_slot(slot, self.domain) for slot in doubt.not_asked)
            return Fault(doubt.reason, advise("not_asked", slots=slots))
        if others := [put(one) for one in doubt.taken_for]:
            return Fault(doubt.reason, advise("taken_for", others=" ".join(others)))
        return Fault(doubt.reason, advise("wide_of_it"))

    def _put_step(self, step: str) -> str:
        """What an agent does at a step that its words were taken for."""
        element = self.domain.flowchart.find_element(step.split("|")[0])
        return element.say or element.when

    def _put_act(self, act: str) -> str:
        """What a customer does by an act that its words were taken for."""
        parsed = Act.parse(act)
        known = parsed.kind in read_words()["acts"]
        return word_act(parsed, self.domain) if known else find_when(parsed.kind, self.domain)

    def _put_problem(self, problem: str, due: Sequence[str]) -> str:
        """A problem of facts, with what is spoken in the place of ids."""
        subject, _, rest = problem.partition(" is ")
        if subject in due:
            found = f'"{self.domain.spoken_fact(subject)}"'
            return (
                advise("missing", found=found)
                if rest == "missing"
                else advise("wrong", found=f"{found} is {rest}")
            )
        if subject in self.domain.flowchart.slots:
            return advise("wrong", found=f"{name_slot(subject, self.domain)} is {rest}")
        return advise("wrong", found=problem)
