"""A talk under way, as the readers see it: where it stands, what was stated, what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbench.conformance import Aligner
from workbench.conversation import Conversation, Message
from workbench.evaluate.labelling import Readers, label_transcript
from workbench.evaluate.reader import Reader
from workbench.evaluate.transcripts import GivenLabel, Transcript
from workbench.facts import find_stated


@dataclass(frozen=True)
class Seen:
    """What is to be seen in a talk so far."""

    conversation: Conversation
    """With the labels that were read."""

    walk: list[str]
    """Steps in their order."""

    jumps: list[int]
    """Places in `walk` of steps that the flowchart does not have from where the talk stood."""

    wrong: dict[int, str]
    """Index of a message to what is wrong with it."""

    given: dict[str, str]
    """Slots on record."""

    stated: list[str]
    """Facts that the agent stated and may state, as they are said, e.g. "420 euros"."""

    ending: str
    """The outcome that the last reply reached; "" if the talk goes on."""


def watch(messages: Sequence[Message], readers: Readers) -> Seen:
    """Read a talk that nobody has labelled, to its last message."""
    domain = readers.domain
    bare = Transcript(
        **dict.fromkeys(("conversation_id", "scenario_id", "path_id", "condition"), ""),
        messages=list(messages),
        labels=[GivenLabel() for _ in messages],
        endings=None,
        is_overrun=None,
    )
    conversation = Conversation(
        conversation_id="",
        scenario_id="",
        path_id="",
        split="test",
        teacher="",
        messages=bare.messages,
        labels=label_transcript(bare, readers),
    )
    reader = Reader(conversation, domain, conversation.labels)
    jumps = _note_jumps(reader, Aligner(domain.flowchart))
    own = {said for fact in _list_facts(reader) for said in find_stated(fact, domain)}
    agent = [message.content for message in messages if message.role == "assistant"]
    stated = [said for text in agent for said in find_stated(text, domain) if said in own]
    endings = reader.endings[-1] if reader.endings else []
    return Seen(
        conversation,
        reader.said,
        jumps,
        reader.wrong,
        dict(reader.record.given),
        [f"{value} {unit}" if unit != "name" else value for value, unit in dict.fromkeys(stated)],
        "|".join(sorted(endings[-1])) if endings else "",
    )


def _note_jumps(reader: Reader, aligner: Aligner) -> list[int]:
    """Mark the replies with a step that the flowchart does not have from where the talk stood.

    Returns the places of those steps among all.
    """
    jumps, steps, n_invalid = [], [], 0
    for n, own in enumerate(reader.steps):
        counts = [n_invalid]
        for step in own:
            steps.append(step)
            given = [*reader.given_at_steps[: len(steps)], reader.given[n]]
            counts.append(aligner.invalid_moves(steps, given, reader.agent_opens)[0])
        # what is said later in the reply may excuse an order that looked wrong
        if counts[-1] > n_invalid:
            reader.note(reader.places[n], "move", "a move that the flowchart does not have")
            begun = len(steps) - len(own)
            jumps += [begun + i for i, (a, b) in enumerate(pairwise(counts)) if b > a]
        n_invalid = counts[-1]
    return jumps


def _list_facts(reader: Reader) -> list[str]:
    """All facts as they are said, and the fields of all offers."""
    domain = reader.domain
    offers = (value for o in domain.offers.values() for value in domain.offer_values(o).values())
    return [*domain.fact_values().values(), *offers]
