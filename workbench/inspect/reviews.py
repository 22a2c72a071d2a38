"""What a person thinks of single conversations: kept in the run, and honoured by screening."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

from pydantic import BaseModel

from workbench.conversation import Conversation, Message, hash_text
from workbench.run import Run

FILE = "reviews.jsonl"

Verdict = Literal["accept", "reject", "fix"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class ReviewError(ValueError):
    """A review that cannot be kept; the message says why."""


class Review(BaseModel):
    """One verdict on one conversation: a line of `reviews.jsonl`. The last one counts."""

    conversation_id: str
    verdict: Verdict
    """accept: it may stay; reject: it becomes no row; fix: it becomes one in other words, which
    later verdicts keep."""

    reason: str = ""
    contents: list[str] = []
    """What each message says, in order, if it was fixed; empty: what it said at first."""

    at: str = ""
    """When, in UTC."""


def review(
    run: Run, talk: Conversation, verdict: str, reason: str = "", contents: list[str] | None = None
) -> Review:
    """Keep a verdict; screening the run again honours it.

    A fix changes words, not what a message does: its labels stay as they are.

    Raises:
        ReviewError: no reason is given for a rejection, or a fix changes nothing, or has another
            number of messages, or leaves one empty.
    """
    before = read_reviews(run).get(talk.conversation_id)
    kept = before.contents if before else []
    made = Review(
        conversation_id=talk.conversation_id,
        verdict=verdict,
        reason=reason.strip(),
        contents=(contents or []) if verdict == "fix" else kept,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if verdict == "reject" and not made.reason:
        raise ReviewError("a rejection needs a reason; say in a few words what is wrong")
    if verdict == "fix":
        _check_fix(talk, made.contents)
        if made.contents == (kept or [message.content for message in talk.messages]):
            name = f"the fix of conversation {talk.conversation_id}"
            raise ReviewError(f"{name} changes nothing; edit a message first")
    with run.lock("reviews"):
        run.append(FILE, [made])
    return made


def read_reviews(run: Run) -> dict[str, Review]:
    """Conversation id to the last verdict on it."""
    return {made.conversation_id: made for made in run.read(FILE, Review, missing_ok=True)}


def apply_fix(talk: Conversation, reviews: Mapping[str, Review]) -> Conversation:
    """The conversation in the words that it was given, if it was given any."""
    made = reviews.get(talk.conversation_id)
    if made is None or not made.contents:
        return talk
    _check_fix(talk, made.contents)
    pairs = zip(talk.messages, made.contents, strict=True)
    messages = [Message(role=message.role, content=words) for message, words in pairs]
    return talk.model_copy(update={"messages": messages})


def hash_reviews(reviews: Mapping[str, Review]) -> str:
    """Hash of what screening takes from verdicts: what changes no row does not change it."""
    rejected = {id_ for id_, made in reviews.items() if made.verdict == "reject"}
    fixed = {id_: made.contents for id_, made in reviews.items() if made.contents}
    kept = sorted((id_, words) for id_, words in fixed.items() if id_ not in rejected)
    return hash_text(sorted(rejected), kept)


def check_honoured(run: Run) -> None:
    """Make sure that the rows of a run are those that its verdicts ask for.

    Raises:
        ReviewError: verdicts were given or taken back since its conversations were screened.
    """
    # runs that were screened before this was on record are taken as they are
    honoured = run.manifest.get("inspect", {}).get("reviews")
    if honoured not in (None, hash_reviews(read_reviews(run))):
        raise ReviewError(
            f"the verdicts in {run.file(FILE)} are not those that its rows were made with; run the"
            " notebook 3_inspect again, and then 4_train"
        )


def _check_fix(talk: Conversation, contents: list[str]) -> None:
    own, name = len(talk.messages), f"conversation {talk.conversation_id}"
    if len(contents) != own:
        raise ReviewError(
            f"{name} has {own} messages, but the fix has {len(contents)}; change words only"
        )
    for message, words in zip(talk.messages, contents, strict=True):
        # a customer may say nothing, an agent may not
        if message.role == "assistant" and not words.strip():
            raise ReviewError(f"the fix of {name} leaves a message of the agent's empty")
        if message.role == "system" and words != message.content:
            raise ReviewError(
                f"the fix of {name} changes the system prompt, which is the same for all"
            )
