"""The simulated customers under test: do their words carry their acts, and are they like people?"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.conversation import seeded
from workbench.domain import Domain
from workbench.evaluate.kept import KeptTalks
from workbench.evaluate.metrics import Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average
from workbench.recognizer import CustomerRecognizer, split_pairs
from workbench.synthesize.checking import DETAILS, misread_customer

OFF_TALK = {"why", "ask"}
"""Acts that ask something back."""

Reread = Collection[Simulated] | KeptTalks
"""Talks that one can go through several times."""

Marks = list[tuple[str, bool]]
"""Of each talk its path and whether something is so."""


def find_tainted(
    talks: Reread, recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[int, str]]:
    """Talks in which a customer's words do not carry its act: id to {message index: reason}.

    The check reads the words, having learnt from training wordings only, so some of what it finds
    is its own mistake; `measure_swaps` says how much it misses. What is read as an act that the
    flowchart treats alike (two acts that cause one route) is no taint.
    """
    recognizer.prepare(text for t in talks for text in split_pairs("user", [t.conversation])[0])
    groups, tainted = _list_groups(domain), dict[str, dict[int, str]]()
    for talk in talks:
        if found := _doubt(talk, recognizer, domain, groups):
            tainted[talk.conversation_id] = found
    return tainted


def _doubt(
    talk: Simulated, recognizer: CustomerRecognizer, domain: Domain, groups: list[set[str]]
) -> dict[int, str]:
    """Index of each of the customer's messages that does not carry its act, and why not."""
    return {
        i: reason
        for i, reason, reading in misread_customer(talk.conversation, recognizer, domain)
        if not reading
        or not _is_alike(
            recognizer.expected(talk.conversation.labels[i])["acts"], reading.labels, groups
        )
    }


def measure_taint(
    talks: Iterable[Simulated], tainted: Mapping[str, Any]
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of talks with a message that does not carry its act."""
    marks: dict[str, Marks] = {}
    for talk in talks:
        own = marks.setdefault(talk.stratum, [])
        own.append((talk.path_id, talk.conversation_id in tainted))
    return {
        stratum: {"tainted": sum(is_so for _, is_so in own), **_share_of(own)}
        for stratum, own in marks.items()
    }


def swap_words(
    talks: Reread, recognizer: CustomerRecognizer, domain: Domain
) -> Iterator[tuple[Simulated, int]]:
    """The talks, each with the words of one message taken from a message of other acts.

    And the index of that message. The words come from the same stratum; which acts is drawn first,
    so that rare ones are tried too. Messages with details are neither given nor taken: those are
    looked for as values, so a wrong one is found whatever the words. A talk that has nothing to
    swap is left out.
    """
    groups, said = _list_groups(domain), dict[str, dict[tuple[str, ...], set[str]]]()
    for talk in talks:
        words = said.setdefault(talk.stratum, {})
        for i, acts in _list_swappable(talk, recognizer):
            words.setdefault(acts, set()).add(talk.conversation.messages[i].content)
    for talk in talks:
        words = said[talk.stratum]
        choices = [
            (i, others)
            for i, acts in _list_swappable(talk, recognizer)
            for others in sorted(words)
            if {*acts}.isdisjoint(others) and not _is_alike(acts, others, groups)
        ]
        if choices:
            rng = seeded(0, "swap_words", talk.conversation_id)
            i, others = rng.choice(choices)
            yield _replace_words(talk, i, rng.choice(sorted(words[others]))), i


def measure_swaps(
    talks: Reread, recognizer: CustomerRecognizer, domain: Domain
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of swapped messages that the check finds: `swap_words`."""
    groups, marks = _list_groups(domain), dict[str, Marks]()
    for talk, i in swap_words(talks, recognizer, domain):
        is_found = i in _doubt(talk, recognizer, domain, groups)
        marks.setdefault(talk.stratum, []).append((talk.path_id, is_found))
    return {stratum: _share_of(own) for stratum, own in marks.items()}


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


def _share_of(marks: Marks) -> dict[str, float | int | None]:
    share = average([float(is_so) for _, is_so in marks], [path for path, _ in marks])
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
    groups: dict[str, list[_Manner]] = {}
    for talk in talks:
        groups.setdefault(talk.stratum, []).append(_observe(talk, slots))
    return {stratum: _describe(own) for stratum, own in groups.items()}


@dataclass(frozen=True)
class _Manner:
    """How one customer talks."""

    words: list[int]
    """Of each message."""
    asks: list[bool]
    """Whether each message asks something back."""
    volunteers: bool


def _observe(talk: Simulated, slots: Set[str]) -> _Manner:
    texts, labels = split_pairs("user", [talk.conversation])
    first = labels[0].parsed_acts() if labels else []
    return _Manner(
        [len(text.split()) for text in texts],
        [bool({act.kind for act in label.parsed_acts()} & OFF_TALK) for label in labels],
        slots <= {act.target for act in first if act.kind == "give"},
    )


def _describe(customers: Sequence[_Manner]) -> dict[str, float]:
    words = [n for customer in customers for n in customer.words]
    low, middle, high = np.percentile(words, [10, 50, 90])
    return {
        "words_10": float(low),
        "words_50": float(middle),
        "words_90": float(high),
        "asks_share_of_turns": float(np.mean([a for c in customers for a in c.asks])),
        "talks_that_ask": float(np.mean([any(customer.asks) for customer in customers])),
        "volunteers": float(np.mean([customer.volunteers for customer in customers])),
    }
