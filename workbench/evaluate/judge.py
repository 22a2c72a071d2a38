"""A judge: something that scores conversations, and what it said of each, on record."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from pydantic import BaseModel

from workbench.conversation import Message, hash_text
from workbench.domain import Domain
from workbench.evaluate.rubric import (
    ChallengedVerdict,
    Rubric,
    Verdict,
    holds_challenge,
    quote,
)
from workbench.run import Run, RunError
from workbench.synthesize.scenarios import Scenario

FILE = "judged.jsonl"

MAX_TOKENS = 1500
"""Room for evidence and scores."""


class JudgeError(ValueError):
    """No such judge can be asked; the message says why."""

    exit_code = 2


@dataclass(frozen=True)
class Question:
    """One conversation to be judged, as it is sent."""

    name: str
    """To know the answer by. It says nothing of where the conversation comes from."""
    messages: Sequence[Message]
    schema: type[Verdict]
    n_turns: int
    """Of the conversation."""
    repeat: int = 0

    def check(self, verdict: Verdict) -> str:
        """What is wrong with the turns that the evidence names; "" if nothing is."""
        for criterion, evidence in verdict.evidence.model_dump().items():
            for turn in evidence["turns"]:
                if not 1 <= turn <= self.n_turns:
                    return f"evidence on {criterion} names turn {turn} of {self.n_turns}"
        return ""


@dataclass(frozen=True)
class Answer:
    """What a judge made of a question: a verdict, or why there is none."""

    name: str
    verdict: Verdict | None = None
    failure: str = ""


class Judge(Protocol):
    """Something that judges."""

    name: str

    def ask_all(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """The answers, as they come, in any order."""


@dataclass(frozen=True)
class Item:
    """One conversation that is to be judged, and what it is to us."""

    conversation_id: str
    messages: Sequence[Message] = field(compare=False)
    scenario: Scenario = field(compare=False)
    edit: str = ""
    """The defect or harmless change that was planted in it; "" for none."""
    repeat: int = 0

    def ask(self, judge: str, rubric: Rubric) -> Question:
        """It as a question to a judge."""
        is_hard = holds_challenge(self.scenario, rubric.domain)
        schema = ChallengedVerdict if is_hard else Verdict
        sent = rubric.write_request(self.messages, self.scenario)
        texts = [message.content for message in sent]
        # by its words alone: the same conversation of two conditions is judged once
        name = hash_text(judge, schema.__name__, self.repeat, *texts, digits=16)
        turns = sum(message.role != "system" for message in self.messages)
        return Question(name, sent, schema, turns, self.repeat)


class Judged(BaseModel):
    """What one judge said of one conversation: a line of `judged.jsonl`."""

    judged_id: str
    """A hash of the judge, of all that it was sent and of the repeat."""
    judge: str
    repeat: int = 0
    transcript: list[str]
    """The numbered turns as the judge saw them."""
    evidence: dict[str, Any] = {}
    scores: dict[str, int] | None = None
    """By criterion, without those that do not apply; None: it could not be scored."""
    failure: str = ""


@dataclass
class ApiJudge:
    """A large model over the API."""

    name: str
    run: Run
    progress: bool = True
    cap_usd: float | None = None

    @cached_property
    def model(self) -> Any:
        """The open model."""
        from workbench.api.model import open_model

        terms = {"role": "judge", "max_tokens": MAX_TOKENS, "cap_usd": self.cap_usd}
        return open_model(self.name, self.run, **terms)

    def ask_all(self, questions: Iterable[Question]) -> Iterator[Answer]:
        """The answers as they come."""
        from workbench.api.call import Request
        from workbench.api.model import ask_all

        if self.progress:
            print(self.model.describe())
        requests = [
            Request(q.messages, q.schema, q.repeat, name=q.name, check=q.check) for q in questions
        ]
        for found in ask_all(self.model, requests, in_order=False, progress=self.progress):
            verdict = None if found.failure else found.parsed
            yield Answer(found.request.name, verdict, found.failure)


def open_judges(
    names: str, run: Run, progress: bool = True, cap_usd: float | None = None
) -> list[Judge]:
    """One judge or two of different families by their names, e.g. "api/gpt-6-sol, api/qwen-max".

    `cap_usd` is what all calls of the run may cost together; None: there is no cap.

    Raises:
        JudgeError: there are more, or they are of one family, or one is no model over the API.
    """
    found = [name.strip() for name in names.split(",") if name.strip()]
    if bad := [name for name in found if not name.startswith("api/")]:
        raise JudgeError(f'"{bad[0]}" is no judge; name a model over the API, like api/gpt-6-sol')
    if len(found) > 2:
        raise JudgeError(f"{len(found)} judges are named; name one, or two with a comma between")
    if len({find_family(name) for name in found}) < len(found):
        raise JudgeError(
            f"{' and '.join(found)} are of one family, and may share its taste; name another's"
        )
    return [ApiJudge(name, run, progress, cap_usd) for name in found]


def find_family(name: str) -> str:
    """What models of one maker have in common in their names.

    Example: find_family("api/openai/gpt-6-sol") is "gpt"
    """
    last = name.rpartition("/")[2].lower()
    return re.split(r"[^a-z]", last)[0] or last


def judge_items(
    run: Run, domain: Domain, judge: Judge, items: Iterable[Item]
) -> dict[Item, Judged]:
    """What the judge says of each item; what it has said before is not asked again.

    Verdicts are appended to `judged.jsonl` as they come. What had no answer is asked again by the
    next call; what the judge answered twice so that it could not be used, or would not answer,
    stays unscored, as its answer is on record. Questions go in an order of their hashes: clean and
    broken ones are shuffled.
    """
    rubric = Rubric(domain)
    asked = [(item, item.ask(judge.name, rubric)) for item in dict.fromkeys(items)]
    known = {record.judged_id: record for record in run.read(FILE, Judged, missing_ok=True)}
    left = {
        question.name: (item, question)
        for item, question in asked
        if question.name not in known or known[question.name].scores is None
    }
    questions = [left[name][1] for name in sorted(left)]
    for answer in judge.ask_all(questions) if questions else ():
        item, question = left[answer.name]
        record = _record(judge, item, question, answer)
        # what could not be used before, and is on record, is still there
        if record != known.get(record.judged_id):
            run.append(FILE, [record])
        known[record.judged_id] = record
    if silent := [question.name for _, question in asked if question.name not in known]:
        raise RunError(
            f"{judge.name} left {len(silent)} of {len(questions)} questions without an answer;"
            f" run this again to ask them anew"
        )
    return {item: known[question.name] for item, question in asked}


def _record(judge: Judge, item: Item, question: Question, answer: Answer) -> Judged:
    lines = quote(item.messages)
    failure, verdict = answer.failure, answer.verdict
    if not failure and not isinstance(verdict, question.schema):
        failure = f"{judge.name} gave no {question.schema.__name__}"
    if not failure:
        failure = question.check(verdict)
    return Judged(
        judged_id=question.name,
        judge=judge.name,
        repeat=question.repeat,
        transcript=lines,
        evidence=verdict.evidence.model_dump() if verdict else {},
        scores=None if failure else verdict.scores.model_dump(),
        failure=failure,
    )
