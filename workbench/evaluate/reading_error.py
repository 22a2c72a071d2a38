"""How well the recognizer reads the agents' words, condition by condition.

What a scripted agent means is known. A model's message has a certain reading only where it is made
up wholly of the phrase book's wordings: there the recognizer is compared with that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.conversation import Label
from workbench.domain import Domain
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import Metric, average
from workbench.recognizer import AgentRecognizer
from workbench.templates import TemplateReader


@dataclass(frozen=True)
class ReadingError:
    """How the messages of one condition are read."""

    alike: Metric
    """Share of the messages with a certain label that the recognizer reads as that."""
    parsed: Metric
    """Share of all messages that have a certain label; for scripted agents all have."""
    empty: Metric
    """Share of all messages in which the recognizer hears no step and no side trip."""


def measure_recognizer(talks: Iterable[Simulated], recognizer: AgentRecognizer) -> Metric:
    """Share of the walker's messages read right, in wordings the recognizer never saw.

    Right means all steps, side trips and slots asked for.
    """
    own = [t for t in talks if t.condition == "walker/true_labels" and t.true_labels is not None]
    return _measure(own, recognizer, None).alike


def measure_recognizer_by_condition(
    talks: Iterable[Simulated], recognizer: AgentRecognizer, domain: Domain
) -> dict[str, ReadingError]:
    """By condition, how often recognizer and certain label are alike, and how many have one."""
    reader, groups = TemplateReader(domain), dict[str, list[Simulated]]()
    for talk in talks:
        groups.setdefault(talk.condition, []).append(talk)
    return {condition: _measure(own, recognizer, reader) for condition, own in groups.items()}


def _measure(
    talks: Sequence[Simulated], recognizer: AgentRecognizer, reader: TemplateReader | None
) -> ReadingError:
    said = [
        (talk, place, message.content)
        for talk in talks
        for place, message in enumerate(talk.conversation.messages)
        if message.role == "assistant"
    ]
    truths = [
        talk.true_labels[place] if talk.true_labels is not None else reader and reader.read(text)
        for talk, place, text in said
    ]
    labels = recognizer.label([text for *_, text in said])
    alike = [
        None if truth is None else float(_is_alike(truth, read, recognizer))
        for truth, read in zip(truths, labels, strict=True)
    ]
    paths = [talk.path_id for talk, *_ in said]
    parsed = [float(truth is not None) for truth in truths]
    empty = [float(not label.steps) for label in labels]
    return ReadingError(average(alike, paths), average(parsed, paths), average(empty, paths))


def _is_alike(truth: Label, read: Label, recognizer: AgentRecognizer) -> bool:
    is_alike = recognizer.expected(truth) == recognizer.expected(read)
    return is_alike and sorted(truth.asks) == sorted(read.asks)
