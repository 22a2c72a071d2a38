"""Natural text: what a person types in a chat, and no name of a node, label or stage direction."""

import re

from workbench.domain import Domain
from workbench.synthesize.plain_words import advise, read_words


def list_unnatural(text: str, domain: Domain, most: int, may_paste: bool = False) -> list[str]:
    """Why a text is none that people type in a chat: advice to who wrote it; [] if it is one.

    Node names and other code words, labels, stage directions, markup, placeholders, marks of
    fences, and more than `most` characters. `may_paste`: it is meant to hold foreign matter, so
    that markup is none of its faults.
    """
    stripped = text.strip()
    if not stripped:
        return [advise("empty")]
    found = [advise("too_long", most=most)] if len(stripped) > most else []
    if re.search(r"\[(?:data|end)\b", stripped):
        found.append(advise("fence"))
    code = find_code(stripped, domain)
    found += [advise("code", found=code)] if code else []
    if may_paste:
        return found
    if _LABEL.match(stripped):
        found.append(advise("label"))
    if _STAGING.search(stripped):
        found.append(advise("staging"))
    if holder := _PLACEHOLDER.search(stripped):
        found.append(advise("placeholder", found=holder.group()))
    return found


def find_code(text: str, domain: Domain) -> str:
    """A name of the flowchart that no person would type, such as "ask_size" or "settle.paid".

    Names that are plain words are none: whether "paid" is one here, nobody can tell.
    """
    words = set(re.findall(r"[a-z][a-z0-9]*(?:[_.][a-z0-9_]+)+", text.lower()))
    return next((word for word in sorted(words) if word in _list_codes(domain)), "")


def _list_codes(domain: Domain) -> set[str]:
    chart = domain.flowchart
    names = {*chart.nodes, *chart.steps, *chart.slots, *domain.facts, *domain.offers}
    names |= {*read_words()["acts"]} | {
        name for node in chart.nodes.values() for name in node.routes
    }
    return {name for name in names if "_" in name or "." in name}


_LABEL = re.compile(
    r"(?:\**(?:agent|assistant|customer|user|system|ai|bot|message|reply|response|answer"
    r"|step \d+)\**\s*:)|#+\s",
    re.I,
)
"""A name of a speaker, or a heading, before what is said."""

_STAGING = re.compile(
    r"\*[^*\n]+\*|```|^\s*(?:[-*•]|\d+[.)])\s|\[[^\]]*\]|</?[a-z]+>|<\|"
    r"|^\(|\((?:pause|sigh|laugh|smil|nod|wait|typing)",
    re.I | re.M,
)
"""Stage directions, lists and markup."""

_PLACEHOLDER = re.compile(r"\{\w*\}|\$\{?[A-Za-z_]\w*\}?|<[A-Z][\w ]*>|\bX{3,}\b|_{3,}")
