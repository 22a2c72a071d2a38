"""`gate.yaml`: what a compiled model must reach before it may take the place of another."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from workbench.evaluate.metrics import ALL, PERFECT
from workbench.evaluate.simulation import STRATA
from workbench.reading import Number, Problem, ReadingError, fit_model, read_yaml

Stratum = Literal[(*STRATA, ALL)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]
Talks = Annotated[int, Field(ge=1)]


class Part(BaseModel):
    """A part of the file: no field but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Bounds(Part):
    """Bounds of measures; the subclasses have a field for each measure that they may bound."""

    n: Talks
    """Conversations that must be scored for it: with fewer it fails, whatever they show."""

    @property
    def measures(self) -> dict[str, float]:
        """Measure to its bound, of those that have one."""
        bounds = self.model_dump(exclude={"n"})
        return {measure: bound for measure, bound in bounds.items() if bound is not None}

    @model_validator(mode="after")
    def _check_measures(self) -> Self:
        if not self.measures:
            raise PydanticCustomError("no_measure", "Name a measure in it, or nothing can break it")
        return self


def _bound(name: str, ideal: tuple[float, ...]) -> type[Bounds]:
    names = [measure for measure, perfect in PERFECT.items() if perfect in ideal]
    return create_model(name, __base__=Bounds, **dict.fromkeys(names, (Percent | None, None)))


Least = _bound("Least", (1.0,))
"""Of measures that are better the more they are, in percent."""
Most = _bound("Most", (0.0,))
"""Of measures that are better the less they are, in percent."""
Loss = _bound("Loss", (0.0, 1.0))
"""How much worse any measure may be than with the older model, in points."""


class Instruments(Part):
    """Whether the measures themselves can be trusted, in percent."""

    read: Percent = 95
    """Messages of the scripted agent that the recognizer must read right."""
    detected: Percent = 95
    """Talks with a planted fault that must be flagged, for each kind of fault."""
    false_alarms: Percent = 5
    """Talks of the clean scripted agent that may be flagged."""
    n: Talks = 1
    """Talks that each of these must rest on."""


class Stale(Part):
    """What of the older procedure the new model may still say, in conversations and parts."""

    facts: Count = 0
    """Conversations in which a value is stated that a fact or an offer had and has no more."""
    routes: Count = 0
    """Conversations in which a step is taken that the flowchart has no more."""
    untested: Count = 0
    """Changed facts and offers that no conversation has occasion for."""
    unknown: Literal["fail", "pass"] = "fail"
    """What to make of an older run that does not hold what its domain was."""


class Thresholds(Part):
    """What `gate.yaml` says. Example: minimum: {seen: {n: 50, ending_correct: 95}}"""

    minimum: Annotated[dict[Stratum, Least], Field(min_length=1)]
    """By sort of customers, the least that the compiled model must reach."""
    maximum: dict[Stratum, Most] = {}
    """By sort of customers, the most of what should not happen."""
    loss: Annotated[dict[Stratum, Loss], Field(min_length=1)]
    """By sort of customers, the most that may be lost against the older model before the same
    customers, on paths that the edit left alone."""
    touched: Least | None = None
    """The least that it must reach on paths that are new or changed, all customers together; asked
    only where there are such paths."""
    worse: Count = 0
    """Hubs and endings that may be shown to be worse than with the older model."""
    instruments: Instruments = Instruments()
    stale: Stale = Stale()


class ThresholdError(ReadingError):
    """`gate.yaml` cannot be used; `problems` has every reason, and the message one a line."""

    exit_code = 2


def check_thresholds(file: Path) -> tuple[Thresholds | None, list[Problem]]:
    """What the file says, and all that is wrong with it; bad content never raises."""
    located = read_yaml(file)
    found, problems = fit_model(located, Thresholds)
    return found, [*located.problems, *problems]


def read_thresholds(file: Path) -> Thresholds:
    """What the file says.

    Raises:
        ThresholdError: it is missing or wrong; the message has every error with its line.
    """
    if not file.is_file():
        least = "minimum: {seen: {n: 50, ending_correct: 95}} and loss: {all: {n: 100, ...}}"
        text = f"there is no such file; it says what must be reached, at least {least}"
        raise ThresholdError([Problem(file, 0, 0, "no_file", text)])
    found, problems = check_thresholds(file)
    if found is None or problems:
        raise ThresholdError(problems)
    return found
