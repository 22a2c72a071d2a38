"""The simulated customers under test: do their words carry their acts, and are they like people?"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from workbench.domain import Domain
from workbench.evaluate.metrics import Score
from workbench.evaluate.simulation import Simulated
from workbench.evaluate.statistics import average
from workbench.recognizer import CustomerRecognizer, split_pairs
from workbench.synthesize.checking import misread_customer

OFF_TALK = {"why", "ask"}
"""Acts that ask something back."""


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
    alike = [domain.causes(step) for step in domain.flowchart.steps]
    tainted: dict[str, dict[int, str]] = {}
    for talk in talks:
        for i, reason, reading in misread_customer(talk.conversation, recognizer, domain):
            acts = {act.kind for act in talk.conversation.labels[i].parsed_acts()}
            if reading and any(acts & group and set(reading.labels) <= group for group in alike):
                continue
            tainted.setdefault(talk.conversation_id, {})[i] = reason
    return tainted


def measure_taint(
    talks: Iterable[Simulated], tainted: Mapping[str, Any]
) -> dict[str, dict[str, float | int | None]]:
    """By stratum, the share of talks with a message that does not carry its act."""
    groups: dict[str, list[Simulated]] = {}
    for talk in talks:
        groups.setdefault(talk.stratum, []).append(talk)
    found = {}
    for stratum, own in groups.items():
        marks = [float(talk.conversation_id in tainted) for talk in own]
        share = average(marks, [talk.path_id for talk in own])
        found[stratum] = {
            "n": share.n,
            "tainted": int(sum(marks)),
            "share": share.mean,
            "low": share.low,
            "high": share.high,
        }
    return found


def without_tainted(scores: Iterable[Score], tainted: Mapping[str, Any]) -> list[Score]:
    """The scores of talks in which every message of the customer carries its acts."""
    return [score for score in scores if score.conversation_id not in tainted]


def describe_customers(talks: Iterable[Simulated]) -> dict[str, dict[str, float]]:
    """By stratum, how customers talk: words a message, questions back, what they volunteer.

    `volunteers` is the share of talks whose first message gives a detail nobody asked for yet.
    """
    groups: dict[str, list[Simulated]] = {}
    for talk in talks:
        groups.setdefault(talk.stratum, []).append(talk)
    return {stratum: _describe(own) for stratum, own in groups.items()}


def _describe(talks: list[Simulated]) -> dict[str, float]:
    words, asking, talks_that_ask, volunteers = [], [], [], []
    for talk in talks:
        texts, labels = split_pairs("user", [talk.conversation])
        words += [len(text.split()) for text in texts]
        asks = [bool({act.kind for act in label.parsed_acts()} & OFF_TALK) for label in labels]
        asking += asks
        talks_that_ask.append(any(asks))
        first = labels[0].parsed_acts() if labels else []
        volunteers.append(any(act.kind == "give" for act in first))
    low, middle, high = np.percentile(words, [10, 50, 90])
    return {
        "words_10": float(low),
        "words_50": float(middle),
        "words_90": float(high),
        "asks_share_of_turns": float(np.mean(asking)),
        "talks_that_ask": float(np.mean(talks_that_ask)),
        "volunteers": float(np.mean(volunteers)),
    }
