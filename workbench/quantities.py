"""Numbers in a text, with their units."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

WORDS = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
"""A plain number. Example: "1,240" or "12.50"."""


def make_units(*units: str) -> dict[str, str]:
    """How each unit is written, in the singular and the plural, to the unit it is.

    Example: make_units("nights") -> {"nights": "night", "night": "night"}
    """
    singular = {unit.lower(): unit.lower().removesuffix("s") for unit in units}
    return {form: one for unit, one in singular.items() for form in (unit, one, f"{one}s")}


UNITS = make_units("euro", "day", "hour", "minute", "week", "month", "year") | {
    "%": "%",
    "percent": "%",
    "kg": "kg",
    "person": "person",
    "persons": "person",
    "people": "person",
}
"""Units that any text may have, as they are written, to the unit they are."""


def find_quantities(text: str, units: Mapping[str, str] = UNITS) -> list[tuple[str, str]]:
    """Numbers with their units, both normalized. `units` are those known, as they are written.

    Example: "1,240 euros for two people, 20 %" -> [("1240", "euro"), ("2", "person"), ("20", "%")]
    """
    return [found for _, found in iterate_quantities(text, units)]


def iterate_quantities(
    text: str, units: Mapping[str, str]
) -> Iterator[tuple[re.Match[str], tuple[str, str]]]:
    """The same, each with where it stands."""
    for match in _compile(tuple(units)).finditer(text):
        number = match["number"].lower().replace(",", "")
        number = str(WORDS.index(number) + 1) if number in WORDS else number
        unit = (match["unit"] or ("€" if match.group().startswith("€") else "")).lower()
        number = _trim(number, bool(unit))
        yield match, (number, "euro" if unit == "€" else units.get(unit, unit))


def _trim(number: str, has_unit: bool) -> str:
    """The number in its shortest form. Example: "120.00" -> "120", "12.50" -> "12.5"

    Without a unit it may be a version, and 1.20 is none of 1.2; only whole prices are shortened.
    """
    if has_unit and "." in number:
        return number.rstrip("0").rstrip(".")
    return number.removesuffix(".00")


@cache
def _compile(units: tuple[str, ...]) -> re.Pattern[str]:
    known = "|".join(map(re.escape, sorted(units, key=len, reverse=True)))
    number = rf"0x[\da-f]+|{NUMBER.pattern}|(?:{'|'.join(WORDS)})(?= (?:{known})\b)"
    return re.compile(
        rf"(?<![\w.])(?:€ ?)?(?P<number>{number})(?: ?(?P<unit>{known}|€)(?!\w))?", re.I
    )
