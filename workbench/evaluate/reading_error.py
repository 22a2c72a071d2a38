"""How well the recognizer reads the agents' words, condition by condition.

What a scripted agent means is known. A model's message has a certain reading only where it is made
up wholly of the phrase book's wordings: there the recognizer is compared with that. What it has
read is in the talks; nothing is read again.
"""

from collections.abc import Iterable, Iterator, Sequence
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


Row = tuple[str, float | None, bool, bool]
"""Of a message: its path, whether it is read right (None: nobody knows), whether that is known, and
whether nothing is heard in it."""


def measure_recognizer(talks: Iterable[Simulated], recognizer: AgentRecognizer) -> Metric:
    """Share of the walker's messages read right, in wordings the recognizer never saw.

    Right means all steps, side trips and slots asked for.
    """
    own = (t for t in talks if t.condition == "walker/true_labels" and t.true_labels is not None)
    return _measure([row for talk in own for row in _compare(talk, recognizer, None)]).alike


def measure_recognizer_by_condition(
    talks: Iterable[Simulated], recognizer: AgentRecognizer, domain: Domain
) -> dict[str, ReadingError]:
    """By condition, how often recognizer and certain label are alike, and how many have one."""
    reader, rows = TemplateReader(domain), dict[str, list[Row]]()
    for talk in talks:
        rows.setdefault(talk.condition, []).extend(_compare(talk, recognizer, reader))
    return {condition: _measure(own) for condition, own in rows.items()}


def _compare(
    talk: Simulated, recognizer: AgentRecognizer, reader: TemplateReader | None
) -> Iterator[Row]:
    conversation = talk.conversation
    for place, message in enumerate(conversation.messages):
        if message.role == "assistant":
            read = conversation.labels[place]
            if talk.true_labels is not None:
                truth = talk.true_labels[place]
            else:
                truth = reader and reader.read(message.content)
            alike = None if truth is None else float(_is_alike(truth, read, recognizer))
            yield talk.path_id, alike, truth is not None, not read.steps


def _measure(rows: Sequence[Row]) -> ReadingError:
    paths = [path for path, *_ in rows]
    return ReadingError(
        average([alike for _, alike, _, _ in rows], paths),
        average([float(is_parsed) for _, _, is_parsed, _ in rows], paths),
        average([float(is_empty) for *_, is_empty in rows], paths),
    )


def _is_alike(truth: Label, read: Label, recognizer: AgentRecognizer) -> bool:
    is_alike = recognizer.expected(truth) == recognizer.expected(read)
    return is_alike and sorted(truth.asks) == sorted(read.asks)
