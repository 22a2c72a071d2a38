"""Fences: text that others wrote, put into a prompt so that it cannot pass for instructions."""

import re

from workbench.conversation import hash_text

MOST_CHARACTERS = 1200
"""Of one text in a fence; what is longer is cut, and says so."""

MOST_FACT = 400
"""Of one fact, offer or value."""

_HIDDEN = re.compile(r"[^\S\n ]|[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


def fence(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text between two lines that it cannot contain, at most so many of its characters.

    The lines hold a hash of the text: who writes the text does not know it beforehand, and the same
    text is always fenced alike, so that the same question is the same call.

    Example: fence("A student.") -> "[data 3e1c8a9b0f]\\nA student.\\n[end 3e1c8a9b0f]"
    """
    kept = _clean(text)
    left_out = len(kept) - most
    if left_out > 0:
        kept = f"{kept[:most]} ... ({left_out:,} more characters are left out)"
    mark = hash_text("fence", kept)
    return f"[data {mark}]\n{kept}\n[end {mark}]"


def shorten(text: str, most: int) -> str:
    """One line of a text, at most so many characters of it: for what stands within a sentence."""
    line = " ".join(_clean(text).split())
    return line if len(line) <= most else f"{line[:most].rstrip()} ..."


def _clean(text: str) -> str:
    """The text without signs that hide, or that some reader takes for the end of a line."""
    lines = re.split(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)
    plain = (_HIDDEN.sub(" ", line) for line in lines)
    printable = (
        "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in line)
        for line in plain
    )
    return "\n".join(printable).strip()
