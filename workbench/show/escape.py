"""Text that nobody here wrote, made safe and honest to look at."""

import html
import re

# controls, direction marks, invisible signs, lone surrogates, tag characters; newline and tab stay
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


def reveal(text: object) -> str:
    """The text with every character that hides or reorders others written out.

    Example: "a\\u202eb" -> "a‹U+202E›b"
    """
    return _UNSEEN.sub(lambda found: f"‹U+{ord(found[0]):04X}›", str(text))


def escape(text: object) -> str:
    """The text for HTML or SVG, between tags or in a quoted attribute.

    Example: '<b>"5"\\u202e' -> '&lt;b&gt;&quot;5&quot;‹U+202E›'
    """
    return html.escape(reveal(text), quote=True)


def clip(text: object, limit: int) -> str:
    """The text on one line of at most `limit` characters; "…" stands for what was cut."""
    line = " ".join(reveal(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
