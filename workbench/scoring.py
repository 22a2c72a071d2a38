"""The scores of a user's own transcripts: what `python -m workbench score` prints and writes."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.conformance import DEFAULT, Aligner, Forgiveness
from workbench.conversation import UNCLEAR, Conversation, Label
from workbench.domain import Domain, read_domain
from workbench.evaluate.labelling import fit_readers, label_transcript
from workbench.evaluate.metrics import Score, average_scores, score_transcript
from workbench.evaluate.off_procedure import TURNS
from workbench.evaluate.statistics import Metric
from workbench.evaluate.transcripts import (
    Transcript,
    TranscriptError,
    join_messages,
    read_transcripts,
)
from workbench.show import Panel, table


@dataclass
class Scored:
    """The scores of a file, and what they rest on."""

    file: str
    domain: str
    scores: list[Score]
    read: dict[str, tuple[int, int]]
    """Role to messages whose labels were read, and all messages."""
    unclear: int
    """Customers' messages that could not be read."""
    accuracy: dict[str, Metric]
    """Role to the share of messages read right in wordings never learnt; empty: none were read."""

    def write_json(self, file: Path) -> None:
        """Write the means and every score to one JSON file.

        Raises:
            TranscriptError: it cannot be written.
        """
        found: dict[str, Any] = {"schema": 1, "domain": self.domain, "file": self.file}
        found["read"] = {role: {"read": n, "of": all_} for role, (n, all_) in self.read.items()}
        found["unclear"] = self.unclear
        found["accuracy"] = {role: metric.model_dump() for role, metric in self.accuracy.items()}
        found["measures"] = {
            condition: {measure: metric.model_dump() for measure, metric in by_measure.items()}
            for condition, strata in average_scores(self.scores).items()
            for by_measure in strata.values()
        }
        found["scores"] = [score.model_dump() for score in self.scores]
        try:
            file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise _refuse_output(file, error.strerror) from error

    def describe(self) -> str:
        """What was scored, which labels were read, and how often such a reading errs."""
        lines = [f"{self.file}: {len(self.scores)} conversations, domain {self.domain}"]
        names = {"assistant": "the agent's", "user": "the customers'"}
        for role, (n, total) in self.read.items():
            if n:
                lines.append(
                    f"Read off their words: labels of {n} of {names[role]} {total} messages."
                )
                lines.append(f"  {_describe_accuracy(self.accuracy[role])}")
        if self.unclear:
            lines.append(
                f"  {self.unclear} of the customers' were unclear; what the agent made of them is "
                "not judged."
            )
        return "\n".join(lines)

    def describe_turns(self) -> str:
        """What was forgiven, and what agents made of turns off the procedure."""
        forgiven, turns = Counter[str](), Counter[str]()
        for score in self.scores:
            forgiven.update(score.forgiven_kinds)
            turns.update(score.off_turns)
        kinds = ", ".join(f"{kind} {n}" for kind, n in forgiven.items()) or "none"
        off = ", ".join(f"{turns[turn]} {turn}" for turn in TURNS if turns[turn]) or "none"
        each = forgiven.total() / len(self.scores)
        return (
            f"Steps forgiven per conversation: {each:.2f} ({kinds})\n"
            f"Turns off the procedure: {turns.total()} ({off})"
        )

    def tabulate(self) -> Panel:
        """A row for each measure, and each condition if there are several."""
        averaged = average_scores(self.scores)
        rows = []
        for condition, strata in averaged.items():
            for measure, metric in strata[""].items():
                row = {"condition": condition} if len(averaged) > 1 else {}
                rows.append(row | {"measure": measure} | _write_row(metric))
        return table(rows)


def score_file(
    file: str | Path,
    domain: str | Path,
    out: str | Path | None = None,
    forgiveness: Forgiveness = DEFAULT,
) -> Scored:
    """Score every conversation of a JSONL file; with `out` the scores are written there as JSON.

    What the file does not label is read by readers fitted on the domain's phrase book.

    Raises:
        TranscriptError: the file, a line of it, or `out` is not as it should be.
    """
    known, out = read_domain(domain), Path(out) if out else None
    if out:
        _check_output(out, Path(file))
    transcripts = read_transcripts(file, known)
    read = {role: _count_read(transcripts, role) for role in ("assistant", "user")}
    readers = fit_readers(known) if any(n for n, _ in read.values()) else None
    aligner = Aligner(known.flowchart, forgiveness)
    labels = [label_transcript(transcript, readers) for transcript in transcripts]
    scores = [
        _score(transcript, found, known, aligner)
        for transcript, found in zip(transcripts, labels, strict=True)
    ]
    unclear = sum(UNCLEAR in label.acts for found in labels for label in found)
    accuracy = readers.accuracy if readers else {}
    scored = Scored(str(file), known.name, scores, read, unclear, accuracy)
    if out:
        scored.write_json(out)
    return scored


def _score(transcript: Transcript, labels: list[Label], domain: Domain, aligner: Aligner) -> Score:
    messages, labels = join_messages(transcript.messages, labels)
    conversation = Conversation(
        conversation_id=transcript.conversation_id,
        scenario_id=transcript.scenario_id,
        path_id=transcript.path_id,
        split="test",
        teacher="",
        messages=messages,
        labels=labels,
    )
    score = score_transcript(
        conversation,
        domain,
        aligner,
        transcript.endings,
        transcript.is_overrun,
        transcript.has_left_in_anger,
        condition=transcript.condition,
    )
    # who labels the steps of a message but not what it asks for leaves open whether it asks again
    is_open = any(label.steps is not None and label.asks is None for label in transcript.labels)
    if is_open and not score.measures["reasked"]:
        score.measures["reasked"] = None
    return score


def _describe_accuracy(accuracy: Metric) -> str:
    if accuracy.mean is None:
        return "The reading errs; how often could not be measured."
    mean, low, high = (100 * share for share in (accuracy.mean, accuracy.low, accuracy.high))
    return (
        f"The reading errs: in the phrase book's wordings that it had not learnt it gets "
        f"{mean:.0f} % right ({low:.0f}-{high:.0f} %); expect less in other words."
    )


def _count_read(transcripts: Sequence[Transcript], role: str) -> tuple[int, int]:
    field = {"assistant": "steps", "user": "acts"}[role]
    found = [
        getattr(label, field) is None
        for transcript in transcripts
        for message, label in zip(transcript.messages, transcript.labels, strict=True)
        if message.role == role
    ]
    return sum(found), len(found)


def _write_row(metric: Metric) -> dict[str, Any]:
    if metric.mean is None:
        return {"mean": None, "95 % interval": None, "n": 0, "unscored": metric.unscored}
    return {
        "mean": f"{metric.mean:.3f}",
        "95 % interval": f"{metric.low:.3f} to {metric.high:.3f}",
        "n": metric.n,
        "unscored": metric.unscored,
    }


def _check_output(out: Path, file: Path) -> None:
    """Refuse an output that cannot be written before the time is spent on scoring."""
    if out.exists() and file.exists() and out.samefile(file):
        raise _refuse_output(out, "it is the file of transcripts itself")
    if out.is_dir() or not out.resolve().parent.is_dir():
        raise _refuse_output(out, "it is a folder" if out.is_dir() else "there is no such folder")


def _refuse_output(out: Path, why: str | None) -> TranscriptError:
    return TranscriptError(f"the scores cannot be written to {out} ({why}); name another file")
