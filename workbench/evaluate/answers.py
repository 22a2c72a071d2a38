"""Which details a customer gives unasked, known from how other customers answer when asked."""

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

from workbench.design.plain_chart import Chart
from workbench.evaluate.dialogues import Dialogue


class Answers:
    """What customers answer when a slot is asked for: so an unasked answer is known from its words.

    A message gives a slot if in each of two other dialogues it resembles a customer's reply to the
    question: it has two telling words of the reply, or its only one; digits count by their shape
    ("1234" is "0000"). Replies that decline or name another slot are no answers. Loose: words in
    common need not mean the same, and an odd answer goes unseen.
    """

    def __init__(self, chart: Chart, dialogues: Iterable[Dialogue]):
        self._known: dict[str, list[tuple[Any, frozenset[str]]]] = {
            slot: [] for slot in sorted(set(chart.slot_asked.values()))
        }
        for dialogue in dialogues:
            for slot, reply in _list_replies(chart, dialogue):
                words = _telling_words(slot, reply)
                is_elsewhere = any(
                    _is_named(other, reply) for other in self._known if other != slot
                )
                if words and not is_elsewhere and not _DECLINES.search(reply):
                    self._known[slot].append((dialogue.id, words))

    def given(self, text: str, but: Any) -> set[str]:
        """Slots that a message gives, judged by the replies of dialogues other than `but`."""
        found = set()
        for slot, known in self._known.items():
            words = _telling_words(slot, text)
            alike = {i for i, reply in known if len(words & reply) >= min(2, len(reply))}
            if len(alike - {but}) >= 2:
                found.add(slot)
        return found


_DECLINES = re.compile(r"\b(no|not|don'?t|can'?t|forgot|forget|why|what)\b", re.IGNORECASE)
"""Words of a reply that gives nothing, whatever was asked."""


def _is_named(slot: str, text: str) -> bool:
    return set(slot.split("_")) <= set(re.findall(r"[a-z]+", text.lower()))


@cache
def _telling_words(slot: str, text: str) -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = re.findall(r"[\w$/]{2,}", re.sub(r"\d", "0", text.lower()))
    return frozenset(words) - ENGLISH_STOP_WORDS - set(slot.split("_"))


def _list_replies(chart: Chart, dialogue: Dialogue) -> list[tuple[str, str]]:
    """(slot, what the customer said next) for each time that a slot was asked for."""
    talk = [turn for turn in dialogue.turns if turn.speaker in ("user", "agent")]
    return [
        (chart.slot_asked[ask.label], reply.text)
        for ask, reply in pairwise(talk)
        if ask.label in chart.slot_asked and reply.speaker == "user"
    ]
