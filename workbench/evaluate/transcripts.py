"""A user's own transcripts: JSONL, one conversation a line, checked before anything is scored.

    {"messages": [{"role": "assistant", "content": "Hello!"}, ...],
     "labels": [{"steps": ["opening"]}, ...], "endings": ["success"], "path_id": "a"}

Only `messages` must be there. What is not labelled is left to be read. `is_overrun` and
`has_left_in_anger` say that a talk hit its limit, or that the customer lost patience and went.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from workbench.conversation import Act, Label, Message
from workbench.domain import Domain
from workbench.reading import suggest

MOST_BYTES = 10_000_000
"""Longest line; nobody talks that much, and a whole file on one line is a mistake."""

ROLES = ("system", "user", "assistant")
OTHER_ROLES = {
    **dict.fromkeys(("human", "customer", "caller", "client"), "user"),
    **dict.fromkeys(("agent", "bot", "ai", "model", "gpt"), "assistant"),
    "developer": "system",
}
"""What others call the three roles."""


class TranscriptError(ValueError):
    """A file of transcripts cannot be scored; the message says where, what, and the way out."""

    exit_code = 2


class GivenLabel(BaseModel):
    """What the file says of one message; None: it says nothing, so it has to be read."""

    steps: list[str] | None = None
    asks: list[str] | None = None
    acts: list[str] | None = None


class Transcript(BaseModel):
    """One line of the file."""

    conversation_id: str
    scenario_id: str
    path_id: str
    condition: str
    messages: list[Message]
    labels: list[GivenLabel]
    """One per message."""
    endings: list[str] | None
    """Acceptable outcomes; None: not known."""
    is_overrun: bool | None = None
    has_left_in_anger: bool | None = None
    """Whether the customer lost patience; None: not known. Who did was not served."""


def read_transcripts(file: str | Path, domain: Domain) -> list[Transcript]:
    """The conversations of a file, in its order.

    Raises:
        TranscriptError: the file or a line of it is not as it should be.
    """
    file = Path(file)
    try:
        with file.open("rb") as stream:
            found = list(_read_lines(stream, file, domain))
    except OSError as error:
        raise TranscriptError(
            f"{file} cannot be read ({error.strerror}); name a file of one conversation a line"
        ) from error
    if not found:
        raise TranscriptError(
            f"{file} has no conversation in it; write one a line, as "
            '{"messages": [{"role": "assistant", "content": "Hello!"}]}'
        )
    return found


def join_messages(
    messages: Sequence[Message], labels: Sequence[Label]
) -> tuple[list[Message], list[Label]]:
    """Messages of one speaker in a row as one message, with all that they do."""
    joined: list[tuple[Message, Label]] = []
    for message, label in zip(messages, labels, strict=True):
        before = joined[-1] if joined else None
        if before and before[0].role == message.role != "system":
            content = f"{before[0].content}\n{message.content}"
            both = {name: [*getattr(before[1], name), *found] for name, found in label}
            joined[-1] = (Message(role=message.role, content=content), Label(**both))
        else:
            joined.append((message, label))
    return [message for message, _ in joined], [label for _, label in joined]


def _read_lines(stream: Any, file: Path, domain: Domain):
    number = 0
    while line := stream.readline(MOST_BYTES + 1):
        number += 1
        where = f"{file}, line {number}"
        if len(line) > MOST_BYTES:
            raise TranscriptError(
                f"{where}: is longer than {MOST_BYTES:,} bytes; write one conversation a line"
            )
        text = _decode(line, where, number == 1)
        if text.strip():
            yield _read_line(text, where, number, domain)


def _decode(line: bytes, where: str, is_first: bool) -> str:
    try:
        # editors on Windows put a mark in front of a file
        return line.decode("utf-8-sig" if is_first else "utf-8")
    except UnicodeDecodeError as error:
        raise TranscriptError(
            f"{where}: byte {error.start + 1} is not UTF-8; save the file as UTF-8"
        ) from error


def _read_line(text: str, where: str, number: int, domain: Domain) -> Transcript:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise TranscriptError(
            f"{where}{place}: is not JSON ({what}); write one conversation as one JSON object"
        ) from error
    if not isinstance(line, dict):
        kind = _name_kind(line)
        raise TranscriptError(f'{where}: is {kind}, but must be an object with "messages"')
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages:
        what = "is no list of messages" if messages else "is missing or empty"
        raise TranscriptError(
            f'{where}: "messages" {what}; write [{{"role": "assistant", "content": "Hello!"}}, ...]'
        )
    read = [_read_message(m, f"{where}, message {i}") for i, m in enumerate(messages, start=1)]
    if not any(message.role == "assistant" for message in read):
        raise TranscriptError(f"{where}: the agent (assistant) never speaks; leave the line out")
    own = _read_text(line, "conversation_id", where) or f"line {number}"
    scenario = _read_text(line, "scenario_id", where) or own
    return Transcript(
        conversation_id=own,
        scenario_id=scenario,
        path_id=_read_text(line, "path_id", where) or scenario,
        condition=_read_text(line, "condition", where) or "transcripts",
        messages=read,
        labels=_read_labels(line.get("labels"), read, where, domain),
        endings=_read_endings(line.get("endings"), where, domain),
        is_overrun=_read_flag(line, "is_overrun", where),
        has_left_in_anger=_read_flag(line, "has_left_in_anger", where),
    )


def _read_message(message: Any, where: str) -> Message:
    if not isinstance(message, dict):
        raise TranscriptError(f'{where}: must be an object with "role" and "content"')
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        near = OTHER_ROLES.get(str(role).lower(), "")
        hint = f' Did you mean "{near}"?' if near else suggest(str(role), ROLES)
        what = "has no role" if role is None else f"has the role {json.dumps(role)[:40]}"
        raise TranscriptError(f"{where}: {what}; write one of {', '.join(ROLES)}.{hint}")
    if not isinstance(content, str):
        what = "is missing" if content is None else f"is {_name_kind(content)}"
        raise TranscriptError(f'{where}: "content" {what}; write what was said as a text')
    if any("\ud800" <= sign <= "\udfff" for sign in content):
        raise TranscriptError(
            f'{where}: "content" has half a character (a lone surrogate); take it out'
        )
    return Message(role=role, content=content)


def _read_text(line: dict, name: str, where: str) -> str:
    found = line.get(name, "")
    if found is None or isinstance(found, bool) or not isinstance(found, str | int):
        raise TranscriptError(f'{where}: "{name}" is {_name_kind(found)}, but must be a text')
    return str(found)


def _read_flag(line: dict, name: str, where: str) -> bool | None:
    found = line.get(name)
    if found is not None and not isinstance(found, bool):
        raise TranscriptError(
            f'{where}: "{name}" is {json.dumps(found)[:40]}, but must be true or false'
        )
    return found


def _read_endings(endings: Any, where: str, domain: Domain) -> list[str] | None:
    if endings is None:
        return None
    known = domain.flowchart.outcomes
    if not isinstance(endings, list) or not endings:
        raise TranscriptError(
            f'{where}: "endings" must be a list of acceptable outcomes; write some of '
            f"{', '.join(known)}, or leave it out where they are not known"
        )
    for ending in endings:
        if ending not in known:
            raise TranscriptError(
                f"{where}: {json.dumps(ending)[:60]} is no outcome of {domain.name}, which has "
                f"{', '.join(known)}.{suggest(str(ending), known)}"
            )
    return endings


def _read_labels(
    labels: Any, messages: list[Message], where: str, domain: Domain
) -> list[GivenLabel]:
    if labels is None:
        return [GivenLabel() for _ in messages]
    if not isinstance(labels, list) or len(labels) != len(messages):
        what = f"are {len(labels)}" if isinstance(labels, list) else f"are {_name_kind(labels)}"
        raise TranscriptError(
            f'{where}: "labels" {what}, but there are {len(messages)} messages; give a list of one '
            "label for each message, null for those that are to be read"
        )
    return [
        _read_label(label, message.role, f"{where}, label {number}", domain)
        for number, (label, message) in enumerate(zip(labels, messages, strict=True), start=1)
    ]


def _read_label(label: Any, role: str, where: str, domain: Domain) -> GivenLabel:
    own = {"assistant": ("steps", "asks"), "user": ("acts",)}.get(role, ())
    if label is None or role == "system":
        return GivenLabel()
    if isinstance(label, list):
        label = {own[0]: label}
    if not isinstance(label, dict):
        raise TranscriptError(f'{where}: must be an object such as {{"{own[0]}": [...]}} or null')
    given = {name: label[name] for name in own if label.get(name) is not None}
    for name, found in given.items():
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise TranscriptError(f'{where}: "{name}" must be a list of texts')
        for one in found:
            _check_word(name, one, where, domain)
    return GivenLabel(**given)


def _check_word(name: str, word: str, where: str, domain: Domain) -> None:
    """Refuse a step, slot or act that the domain does not have."""
    chart = domain.flowchart
    if name != "acts":
        known, kind = (chart.steps, "step") if name == "steps" else (list(chart.slots), "slot")
        for part in word.split("|") if name == "steps" else [word]:
            if part not in known:
                raise TranscriptError(
                    f'{where}: "{part}" is no {kind} of {domain.name}.{suggest(part, known)}'
                )
        return
    try:
        act = Act.parse(word)
    except ValueError as error:
        raise TranscriptError(f"{where}: {error}") from error
    needs = {
        **dict.fromkeys(("give", "revise", "drop", "vague", "misspeak"), ("slot", chart.slots)),
        "ask": ("fact", domain.facts),
        "choose": ("offer", domain.offers),
    }
    if act.kind in needs:
        kind, known = needs[act.kind]
        if act.target not in known and (act.target or act.kind in ("give", "revise")):
            raise TranscriptError(
                f'{where}: "{word}" names no {kind} of {domain.name}.{suggest(act.target, known)}'
            )
    if act.kind in ("give", "revise") and not act.value:
        raise TranscriptError(
            f'{where}: "{word}" gives no value; write it as "{act.kind}({act.target}=...)"'
        )


def _name_kind(found: Any) -> str:
    """What JSON calls it, with its article."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if found is None else kinds.get(type(found), "a number")
