"""YAML as people write it: plain data, the place of every part, and every trap named.

All scalars stay text: `no` is not False, 12:30 is not 750, 010 stays "010". Where a number is
wanted, the model asks for one (`Number`).
"""

import codecs
import difflib
import re
import unicodedata
from collections import ChainMap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MAX_BYTES = 4_000_000
MAX_DEPTH = 20
MAX_PROBLEMS = 200
"""Lines of an error message, and faults of the YAML itself after which reading stops."""

KeyPath = tuple[Any, ...]
"""Where something stands in the data, e.g. ("nodes", "opening", "acts", 0)."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one place of a file."""

    file: Path
    line: int
    """From 1; 0 when the whole file is meant."""
    column: int
    rule: str
    """Name of the rule that is broken, e.g. "unknown_target"."""
    text: str
    level: str = "error"
    """"error", or "warning": usable, but hardly what was meant."""

    def __post_init__(self):
        # names in the text come from the file: no line break or escape of theirs gets through
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in self.text)
        object.__setattr__(self, "text", "".join(shown))

    def __str__(self) -> str:
        where = f", line {self.line}, column {self.column}" if self.line else ""
        return f"{self.file}{where}: {self.text}"


class ReadingError(ValueError):
    """A file cannot be used; `problems` has every reason, and the message one a line."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:MAX_PROBLEMS]]
        rest = len(self.problems) - len(lines)
        super().__init__("\n".join([*lines, *([f"and {rest} more"] if rest else [])]))


@dataclass
class Located:
    """What a YAML file says, and where it says it."""

    file: Path
    data: Any = ""
    """Dicts, lists and texts; "" when the file could not be read to its end."""
    values: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each value, both from 1."""
    keys: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each key."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong with the YAML itself; `data` is then without the parts that were refused."""

    def place(self, *path: Any, key: bool = False) -> tuple[int, int]:
        """Line and column of the value (or the key) at a path, or of the nearest thing around it.

        What is around is pointed at by its key: `nodes.opening.say` missing -> where "opening:" is.
        """
        marks = self.keys if key else self.values
        while path and path not in marks:
            path, marks = path[:-1], ChainMap(self.keys, self.values)
        return marks.get(path, (1, 1))

    def problem(
        self, path: KeyPath, rule: str, text: str, level: str = "error", key: bool = False
    ) -> Problem:
        return Problem(self.file, *self.place(*path, key=key), rule, text, level)


def find_nearest(name: str, names: Iterable[str]) -> str:
    """The name that is most like another: "sya" -> "say"; "" when none is near.

    Letters that changed places come first: "strat" is "start" rather than "stray".
    """
    near = difflib.get_close_matches(name, list(names))
    swapped = (other for other in near if sorted(other) == sorted(name))
    return next(swapped, next(iter(near), ""))


def suggest(name: str, names: Iterable[str]) -> str:
    """' Did you mean "say"?' for "sya", or "" when nothing is near."""
    near = find_nearest(name, names)
    return f' Did you mean "{near}"?' if near else ""


def read_yaml(file: Path, text: str | None = None) -> Located:
    """Read a file of one YAML document; whatever is wrong with it stands in `problems`.

    `text` is what an editor has for the file, which is then not read.
    """
    located = Located(Path(file))
    try:
        _build(_read_text(located.file) if text is None else text, located)
    except _StopError as stop:
        located.problems.append(Problem(located.file, *stop.args))
        # half a file would be blamed for what its other half says
        located.data = ""
    return located


class _StopError(Exception):
    """Reading cannot go on: line, column, rule, text."""


def _read_text(file: Path) -> str:
    if not file.is_file():
        # by the stem: all names are alike in how they end
        siblings = [f.stem for f in file.parent.glob("*.yaml")] if file.parent.is_dir() else []
        near = find_nearest(file.stem, siblings)
        meant = f' Did you mean "{near}.yaml"?' if near else ""
        raise _StopError(0, 0, "no_file", f"there is no such file.{meant}")
    if (size := file.stat().st_size) > MAX_BYTES:
        raise _StopError(0, 0, "too_big", f"{size:,} bytes; at most {MAX_BYTES:,} are read")
    raw = file.read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _StopError(0, 0, "not_utf8", "this is UTF-16 text; save it as UTF-8")
    if b"\0" in raw:
        raise _StopError(0, 0, "binary", "this is a binary file, not text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        text = f"byte 0x{error.object[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise _StopError(line, column, "not_utf8", text) from None


@dataclass
class _Frame:
    """A mapping or list that is still open."""

    box: dict | list
    path: KeyPath
    key: Any = None
    """The key whose value comes next; an object that equals nothing when the value is dropped."""

    @property
    def next_path(self) -> KeyPath:
        return (*self.path, len(self.box) if isinstance(self.box, list) else self.key)


def _build(text: str, located: Located) -> None:
    """Fill `located` from the events of the parser, without recursion."""
    frames: list[_Frame] = []
    is_filled = False
    for event in _parse(text):
        kind = type(event).__name__
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            frames.pop()
        if kind not in ("AliasEvent", "ScalarEvent", "MappingStartEvent", "SequenceStartEvent"):
            continue
        place = event.start_mark.line + 1, event.start_mark.column + 1
        if is_filled and not frames:
            raise _StopError(
                *place, "two_documents", 'a second document begins here; remove the "---"'
            )
        if len(located.problems) >= MAX_PROBLEMS:
            raise _StopError(*place, "too_many_problems", "reading stops here; mend the rest first")
        is_filled = True
        value = {"MappingStartEvent": {}, "SequenceStartEvent": []}.get(kind, event)
        _refuse_extras(event, kind, place, located)
        if frames and isinstance(frames[-1].box, dict) and frames[-1].key is None:
            _take_key(event, kind, place, frames[-1], located)
            continue
        path = frames[-1].next_path if frames else ()
        if value is event:
            value = _check_scalar(getattr(event, "value", ""), path, place, located)
        _put(value, path, place, frames, located)
        if isinstance(value, dict | list):
            frames.append(_Frame(value, path))
            if len(frames) > MAX_DEPTH:
                raise _StopError(*place, "too_deep", f"nested deeper than {MAX_DEPTH} levels")
    if not is_filled:
        raise _StopError(1, 1, "empty", "the file is empty")


def _put(value, path: KeyPath, place, frames: list[_Frame], located: Located) -> None:
    located.values[path] = place
    if not frames:
        located.data = value
    elif isinstance(frames[-1].box, list):
        frames[-1].box.append(value)
    else:
        if isinstance(frames[-1].key, str):
            frames[-1].box[frames[-1].key] = value
        frames[-1].key = None


def _take_key(event, kind: str, place, frame: _Frame, located: Located) -> None:
    if kind != "ScalarEvent":
        raise _StopError(
            *place, "key_not_text", "a key must be plain text, not a list, map or alias"
        )
    key, first = event.value, located.keys.get((*frame.path, event.value))
    if key == "<<" and event.implicit[0]:
        text = 'merge keys ("<<") are not read; write the fields out'
        located.problems.append(Problem(located.file, *place, "merge_key", text))
        frame.key = object()
    elif first:
        text = f'"{key}" stands here a second time, first on line {first[0]}; rename or remove one'
        located.problems.append(Problem(located.file, *place, "duplicate_key", text))
        frame.key = object()
    else:
        frame.key = _check_scalar(key, frame.path, place, located)
        located.keys[(*frame.path, key)] = place


def _refuse_extras(event, kind: str, place, located: Located) -> None:
    found = {
        "alias": kind == "AliasEvent" and f'alias "*{event.anchor}"',
        "anchor": kind != "AliasEvent" and event.anchor and f'anchor "&{event.anchor}"',
        "tag": getattr(event, "tag", None) and f'tag "{event.tag}"',
    }
    for rule, name in found.items():
        if name:
            text = f"the {name} is not read; write the value out"
            located.problems.append(Problem(located.file, *place, rule, text))


def _check_scalar(text: str, path: KeyPath, place, located: Located) -> str:
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        reason = "an escape here stands for half a character; write the character itself"
        located.problems.append(Problem(located.file, *place, "half_character", reason))
        return ""
    return text


# what the parser says, and what it means to the person who wrote the file
_MEANINGS = {
    r"'\t' that cannot start": "a tab stands here; indent with spaces",
    "mapping values are not allowed": "a second colon on this line, or a line indented too far;"
    " put text that contains ': ' in quotes",
    "could not find expected ':'": "this line has no colon, or the line before needs quotes",
    "that cannot start any token": "text that begins with this character needs quotes",
    "found unexpected end of stream": "the quotes that open here are never closed",
    "but found '<block mapping start>'": "this line is indented too far or too little",
    "expected <block end>": "this line is indented too far or too little",
}


def _parse(text: str) -> Iterator[Any]:
    """Events of the parser; its errors become one sentence."""
    place = (1, 1)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            place = event.start_mark.line + 1, event.start_mark.column + 1
            yield event
    except MarkedYAMLError as error:
        said = " ".join(str(error.problem).split())
        meant = (sentence for part, sentence in _MEANINGS.items() if part in said)
        if error.problem_mark:
            place = error.problem_mark.line + 1, error.problem_mark.column + 1
        raise _StopError(*place, "yaml", f"not YAML: {next(meant, said)}") from None
    except (YAMLError, ValueError) as error:
        position = getattr(error, "position", None)
        if position is not None:
            place = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        said = str(error).splitlines()[0]
        raise _StopError(*place, "yaml", f"not YAML: {said}") from None


def fit_model(located: Located, model: Any, path: KeyPath = ()) -> tuple[Any, list[Problem]]:
    """The part of the file at `path` as a pydantic model (or any type), and what does not fit.

    The first is None when anything does not fit. Example: `fit_model(located, Facts, ("facts",))`
    Of a file that could not be read to its end nothing fits, which its own problems say already.
    """
    if located.data == "" and located.problems:
        return None, []
    data = located.data
    for step in path:
        data = data[step]
    adapter = TypeAdapter(model)
    try:
        return adapter.validate_python(data), []
    except ValidationError as error:
        schema = adapter.json_schema()
        return None, [
            _name_misfit(located, path, fault, schema)
            for fault in error.errors(include_url=False, include_context=True)
        ]


def fit_items(
    located: Located, box: type[dict] | type[list], model: Any
) -> tuple[dict[Any, Any], list[Problem]]:
    """Items of a file that is one mapping or list, as a model each, and what does not fit.

    Items are by key or place; those that do not fit are left out, and the others stay.
    """
    if not isinstance(located.data, box):
        return {}, fit_model(located, box)[1]
    keys = located.data if box is dict else range(len(located.data))
    fits = {key: fit_model(located, model, (key,)) for key in keys}
    found = {key: item for key, (item, _) in fits.items() if item is not None}
    return found, [problem for _, problems in fits.values() for problem in problems]


def _name_misfit(located: Located, path: KeyPath, fault: dict, schema: dict) -> Problem:
    """One error of pydantic as a problem: what, where, and the way out."""
    loc, kind, given = list(fault["loc"]), fault["type"], fault["input"]
    is_key = loc[-1:] == ["[key]"] or kind == "extra_forbidden"
    loc = loc[:-1] if loc[-1:] == ["[key]"] else loc
    full = (*path, *loc)
    name = ".".join(map(str, full)) or "the file"
    around = ".".join(map(str, full[:-1])) or "the file"
    quoted = f'"{given if len(str(given)) <= 60 else str(given)[:60] + "…"}"'.replace("\n", " ")
    kind_of_given = {dict: "a mapping", list: "a list"}.get(type(given), quoted)
    kind_of_given = "empty" if given == "" else kind_of_given
    if kind == "missing":
        text = f'{around} has no "{loc[-1]}"; add it'
    elif kind == "extra_forbidden":
        near = suggest(str(loc[-1]), _list_fields(schema, loc[:-1]))
        text = f'{around} has the unknown field "{loc[-1]}".{near}'
    elif kind == "literal_error":
        choices = re.findall("'([^']*)'", fault["ctx"]["expected"])
        near = suggest(str(given), choices)
        text = f"{name} is {kind_of_given}; it must be one of {', '.join(choices)}.{near}"
    elif kind == "string_pattern_mismatch":
        text = f"{name} is {kind_of_given}; an id has a-z, 0-9 and _ and begins with a letter"
    else:
        wanted = {"string": "text", "dict": "a mapping of names", "model": "a mapping of fields"}
        wanted |= {"tuple": "a list, e.g. [leave]", "list": "a list, e.g. [leave]"}
        want = wanted.get(kind.removesuffix("_type")) if kind.endswith("_type") else None
        text = f"{name} is {kind_of_given}; "
        text += f"it must be {want}" if want else fault["msg"][0].lower() + fault["msg"][1:]
    return located.problem(full, kind, text, key=is_key)


def _list_fields(schema: dict, path: Iterable[Any]) -> list[str]:
    """Names of the fields that a JSON Schema knows at a path."""
    here = schema
    for step in [None, *path]:
        if step in here.get("properties", {}):
            here = here["properties"][step]
        elif step is not None:
            inner = here.get("additionalProperties") or here.get("items")
            inner = inner or next(iter(here.get("patternProperties", {}).values()), None)
            here = inner if isinstance(inner, dict) else {}
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].split("/")[-1]]
    return list(here.get("properties", {}))


def _read_number(text: Any) -> Any:
    if isinstance(text, str) and not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text, re.ASCII):
        raise ValueError("a number is digits and at most one point, e.g. 20 or 7.5")
    return text if not isinstance(text, str) else float(text) if "." in text else int(text)


Number = Annotated[int | float, BeforeValidator(_read_number)]
"""A number in a model of a file: 20 and 7.5 are; 1_000, 010, 1e3, 12:30 and nan are refused."""


def check_characters(located: Located) -> list[Problem]:
    """Warnings for what the eye cannot see: invisible marks, look-alikes of other alphabets."""
    warnings = []
    for path, text, is_key in list_texts(located.data):
        for finding in dict.fromkeys(_name_odd_characters(text)):
            name = ".".join(map(str, path))
            warnings.append(
                located.problem(path, "odd_character", f"{name} has {finding}", "warning", is_key)
            )
    return warnings


def list_texts(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str, bool]]:
    """Every text in data that stands at `path`: (its path, the text, whether it is a key)."""
    if isinstance(data, str):
        yield path, data, False
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items if not isinstance(data, str) else ():
        if isinstance(key, str):
            yield (*path, key), key, True
        yield from list_texts(value, (*path, key))


def _name_odd_characters(text: str) -> Iterator[str]:
    if text.isascii() and text.isprintable():
        return
    for letter in text:
        name = f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()
        kind, plain = unicodedata.category(letter), unicodedata.normalize("NFKC", letter)
        if kind in ("Cf", "Zl", "Zp") or (kind == "Cc" and letter not in "\n\t"):
            yield f"the invisible character {name}; remove it"
        elif letter != plain and plain.isascii() and kind[0] in "LN" and kind != "No":
            yield f'{name}, which looks like "{plain}"; write "{plain}"'
    for word in re.findall(r"\w+", text):
        names = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
        if len(alphabets := sorted(names & {"LATIN", "CYRILLIC", "GREEK"})) > 1:
            mixture = " and ".join(alphabet.title() for alphabet in alphabets)
            yield f'"{word}", which mixes {mixture} letters; retype it'


def read_text(file: Path) -> str:
    """The text of a file that is no YAML.

    Raises:
        ReadingError: it is missing, too large, or not UTF-8.
    """
    try:
        return _read_text(Path(file))
    except _StopError as stop:
        raise ReadingError([Problem(Path(file), *stop.args)]) from None
