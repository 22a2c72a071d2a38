"""Names for what a chart of others has no names for: ids, acts of customers, numbers as facts."""

import re
import unicodedata
from collections.abc import Collection

from workbench.quantities import UNITS, iterate_quantities
from workbench.rules import ACTS, ANY_FACT, RESERVED

ANSWERS = {
    "confirm": re.compile(r"(yes|y|true)\b", re.I),
    "deny": re.compile(r"(no|n|false)\b", re.I),
}
"""Acts to how conditions begin that they cause."""


def make_id(text: str, taken: Collection[str] = (), words: int = 6, default: str = "node") -> str:
    """A free id made of a text. Example: "Yes (no service)" -> "yes_no_service" """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    parts = re.findall(r"[a-z0-9]+", plain)[:words]
    slug = "_".join(parts)[:40].strip("_")
    slug = slug if slug[:1].isalpha() else f"{default}_{slug}".strip("_")
    number, found = 1, slug
    while found in taken or found in RESERVED:
        number += 1
        found = f"{slug}_{number}"
    return found


class ActNames:
    """Acts by the conditions that they cause: the same for the same words."""

    def __init__(self):
        self.known: dict[str, str] = {}
        self.taken = set(ACTS)

    def name(self, whens: list[str]) -> list[str]:
        """An act for each condition of a hub, all different.

        Example: ["Yes", "no, it is not", "not sure"] -> ["confirm", "deny", "not_sure"]
        """
        n_matching = {act: sum(bool(said.match(w)) for w in whens) for act, said in ANSWERS.items()}
        # where several ways begin with yes, each is an act of its own
        plain = {act: said for act, said in ANSWERS.items() if n_matching[act] == 1}
        return [self._name_one(when, plain) for when in whens]

    def _name_one(self, when: str, plain: dict[str, re.Pattern[str]]) -> str:
        if known := [act for act, said in plain.items() if said.match(when)]:
            return known[0]
        key = " ".join(when.casefold().split())
        if key not in self.known:
            self.known[key] = make_id(when, self.taken, default="says")
            self.taken.add(self.known[key])
        return self.known[key]


class NumberFacts:
    """Facts made of the numbers that texts name, each once."""

    def __init__(self):
        self.facts: dict[str, tuple[str, str, str]] = {}
        """Value, unit and the text that named it first, by id."""
        self._known: dict[tuple[str, str], str] = {}
        self._taken = set(ANY_FACT)

    def cite(self, name: str, text: str) -> list[str]:
        """Ids of the facts for the numbers of a text. `name` is where it stands.

        Example: "Wait 2 hours, two hours!" at "stop" -> ["stop_number"], a fact of 2 hours
        """
        cites = {}
        for match, quantity in iterate_quantities(text, UNITS):
            if quantity not in self._known:
                fact = make_id(f"{name}_number", self._taken, words=20, default="fact")
                number, unit = match["number"], match["unit"] or ""
                value = number if number[0].isdigit() else quantity[0]
                unit = {"€": "euros"}.get(unit, unit) or "euros" * match.group().startswith("€")
                self.facts[fact] = (value, unit, text)
                self._known[quantity] = fact
                self._taken.add(fact)
            cites[self._known[quantity]] = None
        return list(cites)
