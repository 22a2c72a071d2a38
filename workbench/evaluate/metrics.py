"""Measures of one conversation, and their means over many with intervals. No judge."""

from collections.abc import Iterable

from pydantic import BaseModel

from workbench.conformance import Aligner
from workbench.conversation import Act, Label
from workbench.domain import Domain
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import Difference, Metric, average, compare
from workbench.facts import FactCheck, offers_named
from workbench.record import Record
from workbench.synthesize.scenarios import Scenario

MEASURES = {
    "ending_correct": "the last reply reaches an ending that the scenario accepts",
    "premature_ending": "a reply ends the talk before the customer's closing act",
    "overrun": "the talk hits the limit of replies",
    "invalid_moves": "share of consecutive steps that the flowchart does not have",
    "fitness": "1 - alignment cost / agent steps: 1 is a walk from start to an end",
    "branch_correct": "share of hub decisions that the customer's acts allow",
    "facts_right": "every due fact is stated, and nothing that is not so",
    "reasked": "a detail already on record is asked for again",
}
"""Names and meanings."""

PERFECT = dict.fromkeys(MEASURES, 1.0) | dict.fromkeys(
    ("premature_ending", "overrun", "invalid_moves", "reasked"), 0.0
)
"""What each measure is in a conversation with nothing wrong."""


class Score(BaseModel):
    """One conversation's measures: a line of `scores.jsonl`."""

    conversation_id: str
    scenario_id: str
    path_id: str
    condition: str
    stratum: str
    measures: dict[str, float | None]
    """None: the measure does not apply or could not be taken; it is counted as unscored."""
    faults: list[str]
    """Steps at which something went wrong, as "what: step"."""
    wrong: dict[int, str]
    """Index of a message to what is wrong with it."""

    @property
    def is_clean(self) -> bool:
        """Whether no measure finds anything wrong."""
        return all(v in (None, PERFECT[measure]) for measure, v in self.measures.items())


def score_conversation(
    talk: Simulated,
    scenario: Scenario,
    domain: Domain,
    aligner: Aligner,
    labels: list[Label] | None = None,
) -> Score:
    """All measures of one conversation.

    `labels` replaces those read off the words, e.g. by what a scripted agent meant.
    """
    labels = labels or talk.conversation.labels
    reader = _Reader(talk, domain, labels)
    said = [step for steps in reader.steps for step in steps]
    chart = domain.flowchart
    alignment = aligner.align(said)
    invalid, moves = aligner.invalid_moves(said)
    endings = [
        {chart.outcome_of(s) for label in steps for s in label.split("|")} - {""}
        for steps in reader.steps
    ]
    acceptable = {*scenario.endings, *(["abandonment"] if talk.has_left_in_anger else [])}
    is_right = bool(endings and endings[-1] & acceptable)
    if not is_right:
        reader.note(reader.last, "ending", "this reply should have ended the talk otherwise")
    faults = [
        *reader.faults,
        *(f"{kind}: {step}" for kind, step in alignment.moves if kind != "kept"),
    ]
    return Score(
        conversation_id=talk.conversation_id,
        scenario_id=talk.scenario_id,
        path_id=talk.path_id,
        condition=talk.condition,
        stratum=talk.stratum,
        measures={
            "ending_correct": float(is_right),
            "premature_ending": float(any(endings[:-1])),
            "overrun": float(talk.is_overrun),
            "invalid_moves": invalid / moves if moves else None,
            "fitness": alignment.fitness if said else 0.0,
            "branch_correct": reader.branch_correct,
            "facts_right": reader.facts_right,
            "reasked": float(reader.has_reasked),
        },
        faults=faults,
        wrong=reader.wrong,
    )


class _Reader:
    """Goes through a conversation once and keeps the record, as the customer's acts fill it."""

    def __init__(self, talk: Simulated, domain: Domain, labels: list[Label]):
        self.domain, self.record = domain, Record(domain.flowchart.slots)
        self.facts = FactCheck(domain)
        self.steps: list[list[str]] = []
        self.faults: list[str] = []
        self.wrong: dict[int, str] = {}
        self.decisions: list[bool] = []
        self.n_due, self.n_fact_problems, self.has_reasked, self.last = 0, 0, False, 0
        acts: list[Act] = []
        for i, (message, label) in enumerate(zip(talk.conversation.messages, labels, strict=True)):
            if message.role == "user":
                acts = label.parsed_acts()
                self.record.hear(acts)
                values = [(a.target, a.value) for a in acts if a.value]
                self.facts.hear_customer(message.content, values)
            if message.role == "assistant":
                self._hear(i, message.content, label, acts)

    def note(self, i: int, fault: str, text: str) -> None:
        """Put on record what is wrong with message `i`."""
        step = self.steps[-1][-1] if self.steps and self.steps[-1] else "nothing recognized"
        self.faults.append(f"{fault}: {step}")
        self.wrong[i] = f"{self.wrong[i]}; {text}" if i in self.wrong else text

    @property
    def branch_correct(self) -> float | None:
        return sum(self.decisions) / len(self.decisions) if self.decisions else None

    @property
    def facts_right(self) -> float | None:
        # where nothing is due there is nothing to get right, but something may still be wrong
        return float(self.n_fact_problems == 0) if self.n_due or self.n_fact_problems else None

    def _hear(self, i: int, text: str, label: Label, acts: list[Act]) -> None:
        self.steps.append(label.steps)
        self.last = i
        for step in label.steps:
            self._judge_branch(i, step, acts)
        if again := [slot for slot in label.asks if slot in self.record.given]:
            self.has_reasked = True
            self.note(i, "reasked", f"asks again for {', '.join(again)}")
        due = self._due(text, label, acts)
        self.n_due += len(due)
        problems = self.facts.check_agent(text, due, self.record)
        self.n_fact_problems += len(problems)
        for problem in problems:
            self.note(i, "facts", problem)
        if any("offers" in self.domain.cites(step.split("|")[0]) for step in label.steps):
            self.record.offer(offers_named(text, self.domain))

    def _judge_branch(self, i: int, labels: str, acts: list[Act]) -> None:
        chart, rights = self.domain.flowchart, []
        for step in labels.split("|"):
            hub, _, route = step.partition(".")
            if hub != "anywhere" and route:
                rights.append(route in self.record.allowed_routes(chart.nodes[hub], acts))
        if rights:
            self.decisions.append(any(rights))
            if not any(rights):
                self.note(i, "branch", f"takes {labels}, which the customer's acts do not allow")

    def _due(self, text: str, label: Label, acts: list[Act]) -> list[str]:
        """Facts due in a reply: those asked for, and those its steps cite.

        Which offers to make is the agent's choice among those for what the customer wants.
        """
        due = [act.target for act in acts if act.kind == "ask"]
        for step in label.steps:
            name = step.split("|")[0]
            if "offers" in self.domain.cites(name):
                own = {offer.id for offer in self.domain.offers_for(self.record.given)}
                made = [offer for offer in offers_named(text, self.domain) if offer in own]
                made = made or sorted(own)[:1]
                due += [f"{offer}.{field}" for offer in made for field in self.domain.offer_units]
            else:
                due += self.domain.due_facts(name, self.record, acts)
        return list(dict.fromkeys(due))


def average_scores(scores: Iterable[Score]) -> dict[str, dict[str, dict[str, Metric]]]:
    """Metrics by condition, stratum and measure."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.condition, score.stratum), []).append(score)
    averaged: dict[str, dict[str, dict[str, Metric]]] = {}
    for (condition, stratum), group in groups.items():
        averaged.setdefault(condition, {})[stratum] = {
            measure: average([s.measures[measure] for s in group], [s.path_id for s in group])
            for measure in MEASURES
        }
    return averaged


def compare_scores(
    scores: Iterable[Score], condition: str = "compiled"
) -> dict[str, dict[str, dict[str, Difference]]]:
    """What a condition has more than each other, on the customers that both met.

    By the other's name, stratum and measure. Where the two share no customer, there is nothing.
    """
    groups: dict[tuple[str, str], dict[str, Score]] = {}
    for score in scores:
        groups.setdefault((score.condition, score.stratum), {})[score.scenario_id] = score
    differences: dict[str, dict[str, dict[str, Difference]]] = {}
    for (other, stratum), theirs in groups.items():
        own = groups.get((condition, stratum), {})
        shared = [scenario for scenario in own if scenario in theirs]
        if other == condition or not shared:
            continue
        differences.setdefault(other, {})[stratum] = {
            measure: compare(
                [own[scenario].measures[measure] for scenario in shared],
                [theirs[scenario].measures[measure] for scenario in shared],
                [own[scenario].path_id for scenario in shared],
            )
            for measure in MEASURES
        }
    return differences
