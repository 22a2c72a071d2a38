"""The simulated customers under test: do their words carry their acts, and are they like people?"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from workbench.conversation import Label, seeded
from workbench.domain import Domain
from workbench.evaluate.metrics import Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average
from workbench.recognizer import CustomerRecognizer, split_pairs
from workbench.synthesize.checking import misread_customer

OFF_TALK = {"why", "ask"}
"""Acts that ask something back."""

DETAILS = {"give", "misspeak", "revise"}
"""Acts that state a value."""


def find_tainted(
    talks: Iterable[Simulated], recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[int, str]]:
    """Talks in which a customer's words do not carry its act: id to {message index: reason}.

    The check reads the words, having learnt from training wordings only, so some of what it finds
    is its own mistake: the share is an upper estimate. What is read as an act that the flowchart
    treats alike (two acts that cause one route) is no taint.
    """
    talks = list(talks)
    recognizer.vectors(split_pairs("user", [talk.conversation for talk in talks])[0] or [""])
    tainted: dict[str, dict[int, str]] = {}
    for talk in talks:
        for i, reason, reading in misread_customer(talk.conversation, recognizer, domain):
            acts = _kinds(talk.conversation.labels[i])
            if reading and _is_alike(acts, {*reading.labels}, domain):
                continue
            tainted.setdefault(talk.conversation_id, {})[i] = reason
    return tainted


def measure_taint(
    talks: Iterable[Simulated], tainted: Mapping[str, Any]
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of talks with a message that does not carry its act."""
    return {
        stratum: {
            "tainted": sum(talk.conversation_id in tainted for talk in own),
            **_share_of(own, [talk.conversation_id in tainted for talk in own]),
        }
        for stratum, own in _by_stratum(talks).items()
    }


def swap_words(
    talks: Iterable[Simulated], domain: Domain
) -> tuple[list[Simulated], dict[str, int]]:
    """The talks, each with the words of one message taken from a message of other acts.

    And the index of that message by id. Messages with details are neither given nor taken: details
    are looked for as values, so a wrong one is found whatever the words. A talk that has nothing to
    swap is left out.
    """
    talks = list(talks)
    places = {talk.conversation_id: _list_swappable(talk) for talk in talks}
    words: dict[tuple[str, ...], set[str]] = {}
    for talk in talks:
        for i in places[talk.conversation_id]:
            kinds = tuple(sorted(_kinds(talk.conversation.labels[i])))
            words.setdefault(kinds, set()).add(talk.conversation.messages[i].content)
    swapped, at = [], {}
    for talk in talks:
        rng = seeded(0, "swap_words", talk.conversation_id)
        others = {
            i: [
                text
                for kinds in sorted(words)
                if _is_other(_kinds(talk.conversation.labels[i]), {*kinds}, domain)
                for text in sorted(words[kinds])
            ]
            for i in places[talk.conversation_id]
        }
        if able := [i for i in others if others[i]]:
            i = at[talk.conversation_id] = rng.choice(able)
            messages = list(talk.conversation.messages)
            messages[i] = messages[i].model_copy(update={"content": rng.choice(others[i])})
            conversation = talk.conversation.model_copy(update={"messages": messages})
            swapped.append(talk.model_copy(update={"conversation": conversation}))
    return swapped, at


def measure_swaps(
    talks: Iterable[Simulated], recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of swapped messages that the check finds: `swap_words`."""
    swapped, at = swap_words(talks, domain)
    tainted = find_tainted(swapped, recognizer, domain)
    return {
        stratum: _share_of(
            own, [at[t.conversation_id] in tainted.get(t.conversation_id, {}) for t in own]
        )
        for stratum, own in _by_stratum(swapped).items()
    }


def _kinds(label: Label) -> set[str]:
    return {act.kind for act in label.parsed_acts()}


def _is_alike(acts: Set[str], others: Set[str], domain: Domain) -> bool:
    """Whether the flowchart takes these acts and the others for the same: they cause one route."""
    groups = [domain.causes(step) for step in domain.flowchart.steps]
    return any(acts & group and others <= group for group in groups)


def _is_other(acts: Set[str], others: Set[str], domain: Domain) -> bool:
    return acts.isdisjoint(others) and not _is_alike(acts, others, domain)


def _list_swappable(talk: Simulated) -> list[int]:
    """Indices of the customer's messages that do something, and give no detail."""
    pairs = zip(talk.conversation.messages, talk.conversation.labels, strict=True)
    return [
        i
        for i, (message, label) in enumerate(pairs)
        if message.role == "user" and (kinds := _kinds(label)) and not kinds & DETAILS
    ]


def _by_stratum(talks: Iterable[Simulated]) -> dict[str, list[Simulated]]:
    groups: dict[str, list[Simulated]] = {}
    for talk in talks:
        groups.setdefault(talk.stratum, []).append(talk)
    return groups


def _share_of(talks: Sequence[Simulated], marks: Sequence[bool]) -> dict[str, float | int | None]:
    share = average([float(mark) for mark in marks], [talk.path_id for talk in talks])
    return {"n": share.n, "share": share.mean, "low": share.low, "high": share.high}


def without_tainted(scores: Iterable[Score], tainted: Mapping[str, Any]) -> list[Score]:
    """The scores of talks in which every message of the customer carries its acts."""
    return [score for score in scores if score.conversation_id not in tainted]


def only_tainted(scores: Iterable[Score], tainted: Mapping[str, Any]) -> list[Score]:
    """The scores of the other talks."""
    return [score for score in scores if score.conversation_id in tainted]


def describe_customers(talks: Iterable[Simulated], slots: Set[str]) -> dict[str, dict[str, float]]:
    """By stratum, how customers talk: words a message, questions back, what they volunteer.

    `volunteers` is the share of talks whose first message gives all of the slots, so that the step
    that asks for them is skipped.
    """
    return {stratum: _describe(own, slots) for stratum, own in _by_stratum(talks).items()}


def _describe(talks: list[Simulated], slots: Set[str]) -> dict[str, float]:
    words, asking, talks_that_ask, volunteers = [], [], [], []
    for talk in talks:
        texts, labels = split_pairs("user", [talk.conversation])
        words += [len(text.split()) for text in texts]
        asks = [bool({act.kind for act in label.parsed_acts()} & OFF_TALK) for label in labels]
        asking += asks
        talks_that_ask.append(any(asks))
        first = labels[0].parsed_acts() if labels else []
        volunteers.append(slots <= {act.target for act in first if act.kind == "give"})
    low, middle, high = np.percentile(words, [10, 50, 90])
    return {
        "words_10": float(low),
        "words_50": float(middle),
        "words_90": float(high),
        "asks_share_of_turns": float(np.mean(asking)),
        "talks_that_ask": float(np.mean(talks_that_ask)),
        "volunteers": float(np.mean(volunteers)),
    }
