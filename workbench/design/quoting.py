"""Texts of others put into YAML, so that they stay texts."""

import json


def quote(text: str) -> str:
    """A text as YAML that means just this text, on one line."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(c) for c in written)


def _escape(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def write_comment(text: str) -> str:
    """A comment of one line, whatever is in the text."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return f"# {shown}"
