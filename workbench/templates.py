"""Messages made up wholly of the phrase book's wordings, read exactly: no learning, no abstention.

Where a message can be read at all, the reading is certain, so it shows how well a recognizer reads.
A message that no sequence of wordings makes up, or that several readings fit, has none.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from workbench.conversation import Label
from workbench.domain import Domain
from workbench.encoder import split_sentences
from workbench.phrases import Entry

NUMBER = r"\d(?:[\d.,]*\d)?"
"""A number stands for any number: a wrong one is said in the same words."""

_NESTED = re.compile(r"\{(answer|pending|reason)\}")
_FIELD = re.compile(r"\{(\w+)\}")

LARGE = 50_000
"""Characters from which a value's pattern is compiled once and matched by itself. Put into each
wording that has it, one of a million took two seconds for each of 78 wordings."""

MOST_READINGS = 20
"""Ways to split one message that are looked at."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a message that one wording makes up."""

    tag: str
    """What the wording is for: a step (shared ones joined by "|"), "answers", "part/noted", ..."""
    text: str
    step: str = ""
    """The step taken, on the first piece of a step's wording."""
    asks: tuple[str, ...] = ()
    slot: str = ""
    """The slot that the wording is for, if it is for one."""

    @property
    def slot_tag(self) -> str:
        """The tag, with the slot. Example: "assess.needs_clarification/budget"."""
        return f"{self.tag}/{self.slot}" if self.slot else self.tag


Match = tuple[int, tuple[Piece, ...]]
"""Where a wording ends in the text, and its pieces."""


@dataclass(frozen=True)
class _Words:
    """A stretch of a wording. A book has thousands, with every name in many: each is compiled when
    it is first looked for, and most never are."""

    pattern: str
    large: tuple[tuple[str, str], ...] = ()
    """Large patterns after it, each with the pattern of the words that follow it."""

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    @cached_property
    def _compiled_large(self) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
        return [(_compile_large(large), re.compile(after)) for large, after in self.large]

    def match(self, text: str, at: int) -> tuple[int, str] | None:
        """Where the words end that stand at a place, and the questions among them."""
        found = [self.compiled.match(text, at)]
        for large, after in self._compiled_large:
            if found[-1]:
                found += _match_large(large, after, text, found[-1].end())
        if not found[-1]:
            return None
        asks = (match.groupdict().get("asks") for match in found)
        return found[-1].end(), next(filter(None, asks), "")


def _match_large(
    large: re.Pattern[str], after: re.Pattern[str], text: str, at: int
) -> list[re.Match[str] | None]:
    """Matches of a large pattern at a place and of what follows it; the last is None if there is
    none."""
    if not after.pattern:
        return [large.match(text, at)]
    # what follows is easily found, and says where the large one must end
    for end in after.finditer(text, at):
        if found := large.fullmatch(text, at, end.start()):
            return [found, end]
    return [None]


@lru_cache(maxsize=16)
def _compile_large(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@dataclass(frozen=True)
class _Template:
    """One wording: its words, with "answer", "reason" and "pending" between them."""

    tag: str
    is_step: bool
    slot: str
    start: str
    """The words it begins with, to pass over it quickly."""
    parts: tuple[_Words | str, ...]


class TemplateReader:
    """Reads messages by the wordings of a domain's agent, training and test."""

    def __init__(self, domain: Domain):
        self.domain = domain
        self.values = _find_values(domain)
        self.fragments = {
            fragment: slot
            for slot, talk in domain.slots.items()
            for fragment in (*talk.ask.train, *talk.ask.test)
        }
        self.values["asks"] = f"(?P<asks>{_listed(map(re.escape, self.fragments))})"
        forms = [_fill(w.text, self.values) for e in self._entries("offer") for w in e.wordings()]
        self.values["offers"] = _listed(forms, comma="; ", lasts=("and", "or"))
        self.answers = [t for e in domain.agent.entries if e.answers for t in self._compile(e)]
        self.templates = [
            template
            for entry in domain.agent.entries
            if not entry.answers and entry.part != "offer"
            for template in self._compile(entry)
        ]
        self.by_word: dict[str, list[_Template]] = {}
        for template in self.templates:
            word, space, _ = template.start.partition(" ")
            self.by_word.setdefault(word if space else "", []).append(template)
        self.pending: dict[str, list[_Template]] = {}
        for template in self.templates:
            if template.tag.startswith("pending/"):
                self.pending.setdefault(template.tag, []).append(template)

        self._known: dict[str, Label | None] = {}

    def read(self, text: str) -> Label | None:
        """The one label of a message made up of wordings; None if there is none, or several."""
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: str) -> Label | None:
        order = self.domain.flowchart.slots
        labels = set()
        for pieces in self.split(text):
            asked = {slot for piece in pieces for slot in piece.asks}
            steps = tuple(piece.step for piece in pieces if piece.step)
            labels.add((steps, tuple(slot for slot in order if slot in asked)))
        if len(labels) != 1:
            return None
        ((steps, asks),) = labels
        return Label(steps=list(steps), asks=list(asks))

    def split(self, text: str) -> list[tuple[Piece, ...]]:
        """All ways to make up a message of wordings; none if it is not made up of them."""
        found = []
        for pieces in self._split(" ".join(text.split()), 0):
            if self._is_sound(pieces):
                found.append(pieces)
            if len(found) >= MOST_READINGS:
                break
        return found

    def _split(self, text: str, at: int) -> Iterator[tuple[Piece, ...]]:
        word = text[at:].partition(" ")[0]
        for template in (*self.by_word.get(word, ()), *self.by_word.get("", ())):
            if text.startswith(template.start, at):
                for end, pieces in self._match(template, 0, text, at):
                    if end == len(text):
                        yield pieces
                    elif text[end] == " ":
                        yield from ((*pieces, *rest) for rest in self._split(text, end + 1))

    def _match(self, template: _Template, n: int, text: str, at: int) -> Iterator[Match]:
        """Each place where the parts of a template from the n-th on can end."""
        if n == len(template.parts):
            yield at, ()
            return
        for end, pieces in self._match_part(template, n, text, at):
            for last, rest in self._match(template, n + 1, text, end):
                yield last, (*pieces, *rest)

    def _match_part(self, template: _Template, n: int, text: str, at: int) -> Iterator[Match]:
        part = template.parts[n]
        if part in ("answer", "reason"):
            yield from self._match_answers(text, at)
        elif part == "pending":
            target = self.domain.flowchart.step_target(template.tag.split("|")[0])
            for pending in self.pending.get(f"pending/{target}", []):
                yield from self._match(pending, 0, text, at)
        elif found := part.match(text, at):
            end, asked = found
            asks = self._list_asks(asked)
            asks = asks or ((template.slot,) if template.slot and n == 0 else ())
            step = template.tag if template.is_step and n == 0 else ""
            yield end, (Piece(template.tag, text[at:end].strip(), step, asks, template.slot),)

    def _match_answers(self, text: str, at: int) -> Iterator[Match]:
        """One answer, or several on end."""
        for answer in self.answers:
            if text.startswith(answer.start, at):
                for end, pieces in self._match(answer, 0, text, at):
                    yield end, pieces
                    if text[end : end + 1] == " ":
                        for last, rest in self._match_answers(text, end + 1):
                            yield last, (*pieces, *rest)

    def _is_sound(self, pieces: tuple[Piece, ...]) -> bool:
        """Whether each piece stands where the book puts it.

        What is on record is said in front of a step that rests on it. The pending question follows
        a side trip only where that is one: asked at a hub for questions, a question is none.
        """
        last = ""
        for piece, after in zip(pieces, (*pieces[1:], Piece("", "")), strict=True):
            last = piece.step or last
            if piece.tag.startswith("part/") and not self._rests_on_slots(after.step):
                return False
            if after.tag.startswith("pending/") and self._is_led(last, after.tag):
                return False
        return True

    def _rests_on_slots(self, step: str) -> bool:
        return bool(step) and bool(self.domain.slot_states(step.split("|")[0]))

    def _is_led(self, step: str, pending: str) -> bool:
        """Whether what causes a side trip is led on by a route where that question is put."""
        if not step.startswith("anywhere."):
            return False
        chart = self.domain.flowchart
        hub = chart.nodes[chart.nodes[pending.partition("/")[2]].routes[""].to]
        led = {kind for route in hub.routes.values() for kind in route.acts}
        return set(self.domain.causes(step)) <= led

    def _list_asks(self, text: str) -> tuple[str, ...]:
        """The slots that a list of questions asks for."""
        slots = []
        longest = sorted(self.fragments, key=len, reverse=True)
        while text:
            fragment = next(f for f in longest if re.match(rf"{re.escape(f)}(?:, | and |$)", text))
            slots.append(self.fragments[fragment])
            text = re.sub("^(?:, | and )", "", text[len(fragment) :])
        return tuple(slots)

    def _entries(self, part: str) -> list[Entry]:
        return [entry for entry in self.domain.agent.entries if entry.part == part]

    def _compile(self, entry: Entry) -> list[_Template]:
        tag = "answers" if entry.answers else entry.list_keys()[0]
        if entry.steps:
            tag = self.domain.shared_steps.get(entry.steps[0], entry.steps[0])
        values = self.values
        if entry.answers:
            spoken = self.domain.facts[entry.answers].spoken()
            values = values | {"value": _loosen(spoken, self.domain)}
        return [
            _Template(
                tag, bool(entry.steps), entry.slot, w.text.partition("{")[0], _cut(w.text, values)
            )
            for w in entry.wordings()
        ]


def tag_sentences(reader: TemplateReader, text: str) -> list[tuple[str, str]]:
    """Each sentence of a message and the tag of the wording it stands in; [] if it has none.

    One sentence may be in no wording, as a courtesy is: its tag is "".
    """
    sentences = split_sentences(text)
    rests = [(None, text)]
    rests += [(n, " ".join(sentences[:n] + sentences[n + 1 :])) for n in range(len(sentences))]
    for lost, rest in rests:
        if pieces := next(iter(reader.split(rest)), None):
            tagged = [(s, p.slot_tag) for p in pieces if p.text for s in split_sentences(p.text)]
            if lost is not None:
                tagged.insert(lost, (sentences[lost], ""))
            return tagged
    return []


def _find_values(domain: Domain) -> dict[str, str]:
    """Placeholder to a pattern for what can stand there."""
    forms: dict[str, set[str]] = {
        name: {spoken} for name, spoken in domain.fact_values().items() if spoken
    }
    for slot, talk in domain.slots.items():
        forms.setdefault(slot, set()).update(talk.on_record(value) for value in talk.values)
    for offer in domain.offers.values():
        for name, value in domain.offer_values(offer).items():
            forms.setdefault(name, set()).add(value)
    values = {name: _any_of(_loosen(form, domain) for form in f) for name, f in forms.items()}
    known = _any_of(values[slot] for slot in domain.slots)
    values["known"] = f"{known}(?:, {known})*"
    values["open"] = _listed(re.escape(talk.name) for talk in domain.slots.values())
    return values


def _loosen(form: str, domain: Domain) -> str:
    """A pattern for a value, whatever its numbers, and whichever facts are named in it.

    Example: "420 euros" matches "31 euros", "Press Wake." matches "Press Tools > Align."
    """
    rests, end = [], 0
    for match, _ in domain.find_names(form):
        rests.append(form[end : match.start()])
        end = match.end()
    rests.append(form[end:])
    any_name = _any_of(map(re.escape, domain.names))
    return any_name.join(NUMBER.join(map(re.escape, re.split(NUMBER, rest))) for rest in rests)


def _any_of(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(set(patterns), key=lambda p: (-len(p), p)))})"


def _listed(patterns: Iterable[str], comma: str = ", ", lasts: tuple[str, ...] = ("and",)) -> str:
    """A pattern for what `join_clauses` makes of some of the patterns."""
    one = _any_of(patterns)
    return f"{one}(?:{comma}{one})*(?: (?:{'|'.join(lasts)}) {one})?"


def _fill(text: str, values: dict[str, str]) -> str:
    """The pattern of a wording; what may stand in an unknown placeholder is any few words."""
    parts = _FIELD.split(text)
    return "".join(
        values.get(part, r"[^.!?]+") if n % 2 else re.escape(part) for n, part in enumerate(parts)
    )


def _cut(text: str, values: dict[str, str]) -> tuple[_Words | str, ...]:
    """The parts of a wording. Example: "Well: {answer} So?" -> ("Well: ", "answer", " So?")"""
    parts = _NESTED.split(text)
    cut = [part if n % 2 else _read_words(part, values) for n, part in enumerate(parts)]
    # an empty first part stays: it carries the step
    return (cut[0], *(p for p in cut[1:] if isinstance(p, str) or p.pattern or p.large))


def _read_words(text: str, values: dict[str, str]) -> _Words:
    """A stretch without nested wordings, cut where a large value stands in it."""
    names = [name for name in _FIELD.findall(text) if len(values.get(name, "")) >= LARGE]
    parts = re.split("|".join(rf"\{{{name}\}}" for name in names) or "(?!)", text)
    first, *rest = (_fill(part, values) for part in parts)
    return _Words(first, tuple((values[n], r) for n, r in zip(names, rest, strict=True)))
