"""Every measure as a metric of the `evaluate` library, for conversations from any system.

    from workbench.evaluate.measures import Fitness
    Fitness(domain).compute(predictions=[conversation, ...])

A prediction is a `Conversation` or a dict with its fields: `messages`, and `labels` beside them
(the agent's `steps` and `asks`, the customer's `acts`); optional are `endings` (acceptable
outcomes), `is_overrun`, `has_left_in_anger`, `conversation_id`, `scenario_id` and `path_id`. The
classes: EndingCorrect, PrematureEnding, Overrun, LeftInAnger, InvalidMoves, Fitness, BranchCorrect,
FactsRight, Reasked, SlotsKept, OffProcedure and PassK. No hub and no network is needed.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, model_validator

from workbench.conformance import Aligner
from workbench.conversation import Conversation, Label, Message, hash_text
from workbench.domain import Domain
from workbench.evaluate.metrics import MEASURES, Score, score_transcript
from workbench.evaluate.repeats import measure_pass_k
from workbench.evaluate.statistics import Metric, average
from workbench.evaluate.transcripts import join_messages

FORMULAS = {
    "ending_correct": "1 if the closing reply reaches an acceptable outcome, no reply reaches "
    "another, and the customer has not lost patience, else 0",
    "premature_ending": "1 if a reply before the closing one reaches an outcome, else 0",
    "overrun": "1 if the talk hits the limit of replies, else 0",
    "left_in_anger": "1 if the customer loses patience and leaves, else 0",
    "invalid_moves": "pairs of consecutive steps that are no move of the flowchart / pairs",
    "fitness": "max(0, 1 - cost / steps), where cost is the least number of steps to leave out "
    "and put in that make a walk from the start to an end",
    "branch_correct": "hub decisions among those that the acts allow / hub decisions",
    "facts_right": "1 if the quantities of all due facts are stated, those of steps left out too, "
    "and no quantity, detail or offer that is not so, else 0",
    "reasked": "1 if a detail on record is asked for, else 0",
    "slots_kept": "restated details that are those on record / restated details",
    "off_procedure": "turns off the procedure that are answered in place / such turns",
    "pass_k": "mean over scenarios of C(c, k) / C(n, k), with c successes in n talks",
}
"""Of one conversation; over many, the mean."""

SOURCES = {
    "fitness": "Adriansyah (2014), Aligning observed and modeled behavior. "
    "https://doi.org/10.6100/IR770080",
    "pass_k": "Yao et al. (2024), tau-bench. https://arxiv.org/abs/2406.12045",
}
"""Where a measure comes from; the others are the workbench's own."""

OWN = "procedure workbench, workbench/evaluate/metrics.py"
NAMES = {"".join(map(str.capitalize, name.split("_"))): name for name in FORMULAS}
"""Class to measure, e.g. {"Fitness": "fitness"}."""


class Prediction(BaseModel):
    """A labelled conversation and what is known of it."""

    messages: list[Message]
    labels: list[Label]
    endings: list[str] | None = None
    is_overrun: bool | None = None
    has_left_in_anger: bool | None = None
    conversation_id: str = ""
    scenario_id: str = ""
    path_id: str = ""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.labels) != len(self.messages):
            raise ValueError(
                f"{len(self.labels)} labels stand beside {len(self.messages)} messages; give one "
                "for each message, an empty one where there is nothing to label"
            )
        return self

    def score(self, domain: Domain, aligner: Aligner) -> Score:
        """Its score; what has no id is known by its content, and a path of its own.

        Messages of one speaker in a row count as one, as in a file of transcripts.
        """
        messages, labels = join_messages(self.messages, self.labels)
        own = self.conversation_id or hash_text(*(m.content for m in self.messages))
        scenario = self.scenario_id or own
        conversation = Conversation(
            conversation_id=own,
            scenario_id=scenario,
            path_id=self.path_id or scenario,
            split="test",
            teacher="",
            messages=messages,
            labels=labels,
        )
        known = (self.endings, self.is_overrun, self.has_left_in_anger)
        return score_transcript(conversation, domain, aligner, *known)


def __getattr__(name: str) -> type:
    """The class of a measure: made when it is asked for, since `evaluate` is slow to import."""
    if name in NAMES:
        return make_class(name)
    raise AttributeError(f'module "{__name__}" has no measure "{name}"; there are {list(NAMES)}')


@cache
def make_class(name: str) -> type:
    """The subclass of `evaluate.Metric` for a measure. Example: make_class("Fitness")"""
    import evaluate

    measure = NAMES[name]
    meaning = MEASURES.get(measure, "chance of serving one customer well k times in a row")

    class DomainMeasure(evaluate.Metric):
        def __init__(self, domain: Domain, **options: Any):
            self.domain, self.aligner = domain, Aligner(domain.flowchart)
            super().__init__(**{"keep_in_memory": True} | options)

        def _info(self) -> evaluate.MetricInfo:
            return evaluate.MetricInfo(
                description=f"{measure}: {meaning}. Formula: {FORMULAS[measure]}.",
                citation=SOURCES.get(measure, OWN),
                inputs_description=" Predictions are labelled conversations.",
                features=_features(),
            )

        def add(self, *, prediction=None, reference=None, **more):
            """Add one labelled conversation."""
            super().add(prediction=_plain(prediction), reference=reference, **more)

        def add_batch(self, *, predictions=None, references=None, **more):
            """Add labelled conversations."""
            plain = [_plain(one) for one in predictions]
            super().add_batch(predictions=plain, references=references, **more)

        def _compute(self, predictions: Iterable[dict], k: int = 1) -> dict[str, Any]:
            found = [Prediction(**one).score(self.domain, self.aligner) for one in predictions]
            if measure == "pass_k":
                return _result(measure, measure_pass_k(found, [k])[k])
            values = [score.measures[measure] for score in found]
            return _result(measure, average(values, [score.path_id for score in found]))

    DomainMeasure.__name__ = DomainMeasure.__qualname__ = name
    DomainMeasure.__doc__ = f"{meaning}: {FORMULAS[measure]}."
    return DomainMeasure


def _result(measure: str, metric: Metric) -> dict[str, Any]:
    """The mean under the measure's name, with its interval and the conversations behind it."""
    found = metric.model_dump()
    return {measure: found.pop("mean")} | found


def _plain(prediction: Any) -> dict[str, Any]:
    """A conversation as `_features` has it: every field is there."""
    found = prediction.model_dump() if isinstance(prediction, BaseModel) else prediction
    return Prediction.model_validate(found).model_dump()


def _features() -> Any:
    import datasets

    text, flag = datasets.Value("string"), datasets.Value("bool")
    label = {name: [text] for name in Label.model_fields}
    fields = dict.fromkeys(("conversation_id", "scenario_id", "path_id"), text)
    fields |= {"messages": [{"role": text, "content": text}], "labels": [label]}
    fields |= {"endings": [text], "is_overrun": flag, "has_left_in_anger": flag}
    return datasets.Features({"predictions": fields})
