"""The simulated customers under test: do their words carry their acts, and are they like people?"""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from workbench.conversation import seeded
from workbench.domain import Domain
from workbench.evaluate.metrics import Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average
from workbench.recognizer import CustomerRecognizer, split_pairs
from workbench.synthesize.checking import DETAILS, misread_customer

OFF_TALK = {"why", "ask"}
"""Acts that ask something back."""


def find_tainted(
    talks: Iterable[Simulated], recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[int, str]]:
    """Talks in which a customer's words do not carry its act: id to {message index: reason}.

    The check reads the words, having learnt from training wordings only, so some of what it finds
    is its own mistake; `measure_swaps` says how much it misses. What is read as an act that the
    flowchart treats alike (two acts that cause one route) is no taint.
    """
    talks = list(talks)
    recognizer.vectors(split_pairs("user", [talk.conversation for talk in talks])[0] or [""])
    groups, tainted = _list_groups(domain), dict[str, dict[int, str]]()
    for talk in talks:
        for i, reason, reading in misread_customer(talk.conversation, recognizer, domain):
            acts = recognizer.expected(talk.conversation.labels[i])["acts"]
            if reading and _is_alike(acts, reading.labels, groups):
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
    talks: Iterable[Simulated], recognizer: CustomerRecognizer, domain: Domain
) -> tuple[list[Simulated], dict[str, int]]:
    """The talks, each with the words of one message taken from a message of other acts.

    And the index of that message by id. The words come from the same stratum; which acts is drawn
    first, so that rare ones are tried too. Messages with details are neither given nor taken: those
    are looked for as values, so a wrong one is found whatever the words. A talk that has nothing to
    swap is left out.
    """
    groups, swapped, at = _list_groups(domain), [], {}
    for own in _by_stratum(talks).values():
        words: dict[tuple[str, ...], set[str]] = {}
        for talk in own:
            for i, acts in _list_swappable(talk, recognizer):
                words.setdefault(acts, set()).add(talk.conversation.messages[i].content)
        for talk in own:
            choices = [
                (i, others)
                for i, acts in _list_swappable(talk, recognizer)
                for others in sorted(words)
                if {*acts}.isdisjoint(others) and not _is_alike(acts, others, groups)
            ]
            if choices:
                rng = seeded(0, "swap_words", talk.conversation_id)
                i, others = rng.choice(choices)
                swapped.append(_replace_words(talk, i, rng.choice(sorted(words[others]))))
                at[talk.conversation_id] = i
    return swapped, at


def measure_swaps(
    talks: Iterable[Simulated], recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of swapped messages that the check finds: `swap_words`."""
    swapped, at = swap_words(talks, recognizer, domain)
    tainted = find_tainted(swapped, recognizer, domain)
    return {
        stratum: _share_of(
            own, [at[t.conversation_id] in tainted.get(t.conversation_id, {}) for t in own]
        )
        for stratum, own in _by_stratum(swapped).items()
    }


def _list_groups(domain: Domain) -> list[set[str]]:
    """The acts that cause one route, for each route."""
    return [domain.causes(step) for step in domain.flowchart.steps]


def _is_alike(acts: Iterable[str], others: Iterable[str], groups: list[set[str]]) -> bool:
    """Whether the flowchart takes these acts and the others for the same: they cause one route.

    Both are as `CustomerRecognizer.expected` has them. Questions are never alike: each has its own
    answer.
    """
    both = [
        {act if act.startswith("ask(") else act.partition("(")[0] for act in one}
        for one in (acts, others)
    ]
    return all(both) and any(both[0] | both[1] <= group for group in groups)


def _list_swappable(
    talk: Simulated, recognizer: CustomerRecognizer
) -> list[tuple[int, tuple[str, ...]]]:
    """Index and acts of the customer's messages that do something, and give no detail."""
    pairs = zip(talk.conversation.messages, talk.conversation.labels, strict=True)
    return [
        (i, acts)
        for i, (message, label) in enumerate(pairs)
        if message.role == "user"
        and DETAILS.isdisjoint(act.kind for act in label.parsed_acts())
        and (acts := recognizer.expected(label)["acts"])
    ]


def _replace_words(talk: Simulated, i: int, text: str) -> Simulated:
    messages = list(talk.conversation.messages)
    messages[i] = messages[i].model_copy(update={"content": text})
    conversation = talk.conversation.model_copy(update={"messages": messages})
    return talk.model_copy(update={"conversation": conversation})


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
