r"""Mermaid's flowcharts: `flowchart TD`, shapes, labelled and chained arrows, `&`, subgraphs.

A rhombus decides, a parallelogram is a turn of the customer, a double circle a silent end; whatever
else there is speaks. Styles, links and callbacks are dropped and named; nothing is ever run.

Example: "flowchart TD\n ask[Ask for the PIN] --> ok{Right?}\n ok -->|yes| in\n ok -->|no| out"
"""

import html
import re
from bisect import bisect_left
from collections import Counter
from pathlib import Path

from workbench.design.sketch import (
    MAX_ARROWS,
    MAX_SKETCHED,
    Arrow,
    Kind,
    Sketch,
    SketchError,
    SketchNode,
)
from workbench.reading import MAX_PROBLEMS, Problem, read_text

SHAPES: list[tuple[str, dict[str, Kind]]] = [
    ("(((", {")))": "stop"}),
    ("((", {"))": ""}),
    ("([", {"])": ""}),
    ("(", {")": ""}),
    ("[[", {"]]": ""}),
    ("[(", {")]": ""}),
    ("[/", {"/]": "user", "\\]": ""}),
    ("[\\", {"\\]": "user", "/]": ""}),
    ("[", {"]": ""}),
    ("{{", {"}}": ""}),
    ("{", {"}": "decide"}),
    (">", {"]": ""}),
]
"""How a shape opens, and how it closes by what the node is; the longer openings first."""

_CLOSINGS = {o: re.compile("|".join(map(re.escape, closings))) for o, closings in SHAPES}

NAMED_SHAPES: dict[str, Kind] = {
    **dict.fromkeys(("diam", "diamond", "decision", "question", "rhombus"), "decide"),
    **dict.fromkeys(("lean-r", "lean-right", "in-out", "lean-l", "lean-left", "out-in"), "user"),
    **dict.fromkeys(("dbl-circ", "double-circle", "fr-circ", "framed-circle", "stop"), "stop"),
}
"""The same of shapes that are named, as in `paid@{ shape: diam, label: "Paid?" }`."""

MAX_LINE, MAX_DIRECTIVES = 4_000, 50
"""Characters of a line, and directives, that are read at most."""

DROPPED = {
    "click": "a link or callback, which is never followed or run",
    "classDef": "styles",
    "class": "styles",
    "style": "styles",
    "linkStyle": "styles",
    "direction": "directions of groups",
    "accTitle": "descriptions",
    "accDescr": "descriptions",
}
"""Statements that say nothing of the procedure."""

_HEADER = re.compile(r"(?:flowchart-elk|flowchart|graph)\b[ \t]*(?:(?:TB|TD|BT|RL|LR)\b|[<>^v])?")
_FRONT = re.compile(r"\s*---[ \t]*\n(.*?)\n[ \t]*---[ \t]*(?=\n|$)", re.S)
_START = re.compile(r"^[ \t]*%% start: (\w+)[ \t\r]*$", re.M)
"""A comment of ours: where a chart starts is not always to be seen."""
_FENCE = re.compile(
    r"^[ \t]*(?:```+|~~~+)[ \t]*mermaid[^\n]*\n(.*?)^[ \t]*(?:```+|~~~+)", re.M | re.S
)
_SKIP = re.compile(r"(?:[ \t\r\n;]|%%\{.*?\}%%|%%[^\n]*)*", re.S)
_SPACE = re.compile(r"[ \t\r]*")
_LINE = re.compile(r"[^\n]*")
_BREAK = re.compile(r"[ \t\r]*(?=[\n;]|%%|$)")
_WORD = re.compile(r"[A-Za-z]+(?=[ \t\r\n;:{]|$)")
_ID = re.compile(r"\w+(?:[-./]\w+)*")
_TITLED = re.compile(r"\S+[ \t]*\[[ \t]*(.*?)[ \t]*\]")
"""A group with an id and a title, e.g. one ["Part one"]; else the title is all."""
_CLASS = re.compile(r":::[\w-]+")
_FIELDS = re.compile(r"@\{((?:[^{}\"]|\"[^\"]*\")*)\}")
_FIELD = re.compile(r"(shape|label)\s*:\s*(?:\"([^\"]*)\"|([^,\"\n]+))")
_ID_OF_LINK = r"(?:\w+@(?=[-=~<xo]))?"
_BACK = r"(?P<back>[<xo](?=--|-\.|==))?"
_LINK = re.compile(rf"{_ID_OF_LINK}{_BACK}(?:(?P<hidden>~~~+)|--+[-xo>]|-\.+-[xo>]?|==+[=xo>])")
_OPEN = re.compile(rf"{_ID_OF_LINK}{_BACK}(?P<line>--|-\.|==)")
_CLOSE = {
    "--": re.compile(r"--+[-xo>]"),
    "-.": re.compile(r"-?\.+-[xo>]?"),
    "==": re.compile(r"==+[=xo>]"),
}
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_ICON = re.compile(r"\bfa[a-z]?:fa-[\w-]+")
_ENTITY = re.compile(r"#(\w{1,10});")


class _ScanError(Exception):
    """What was expected, and where in the text."""

    def __init__(self, at: int, text: str):
        super().__init__(text)
        self.at, self.text = at, text


class _FullError(Exception):
    """There is more than can be imported."""


def read_mermaid(file: Path) -> Sketch:
    """What a file of Mermaid, or the one block of Mermaid in a page of Markdown, draws.

    Raises:
        ReadingError: with all that is wrong, each with line, column and way out.
    """
    text = read_text(file).replace("\r\n", "\n")
    if Path(file).suffix.lower() == ".md":
        blocks = list(_FENCE.finditer(text))
        if len(blocks) != 1:
            reason = f"{len(blocks)} blocks of Mermaid; put the one to be imported into a file"
            raise SketchError([Problem(Path(file), 0, 0, "blocks", reason)])
        # lines keep their numbers
        text = "\n" * text.count("\n", 0, blocks[0].start(1)) + blocks[0][1]
    return _Scanner(Path(file), text).scan()


class _Scanner:
    """Reads the text from its beginning to its end; what it cannot read costs it one line."""

    def __init__(self, file: Path, text: str):
        self.file, self.text, self.at = file, text, 0
        self.breaks = [found.start() for found in re.finditer("\n", text)]
        self.sketch = Sketch(file)
        self.problems: list[Problem] = []
        self.dropped: Counter[str] = Counter()
        self.groups: dict[str, int] = {}
        self.open_groups: list[int] = []
        self.titles: list[str] = []
        """Of the open groups, the innermost last."""
        self.shaped: dict[str, int] = {}
        """Nodes whose text is written somewhere, and where."""

    def scan(self) -> Sketch:
        self._refuse_excess()
        self._take_head()
        while len(self.problems) < MAX_PROBLEMS:
            self.at = _SKIP.match(self.text, self.at).end()
            if self.at >= len(self.text):
                break
            try:
                self._take_statement()
            except _FullError as error:
                reason = f"at most {MAX_SKETCHED:,} nodes and {MAX_ARROWS:,} arrows are imported"
                self._blame(error.args[0], reason)
                break
            except _ScanError as error:
                self._blame(error.at, error.text)
                self.at = self._line_end(max(self.at, error.at))
        for at in self.open_groups:
            self._blame(at, 'this subgraph is never closed; write "end" after its last line')
        for node in self.groups.keys() & self.sketch.nodes.keys():
            at = self.groups[node]
            self._blame(at, f'"{node}" is a subgraph, and an arrow too; draw it to a node instead')
        if self.problems:
            raise SketchError(sorted(self.problems, key=lambda p: (p.line, p.column)))
        self.sketch.notes += [f"dropped: {what} ({n})" for what, n in self.dropped.items()]
        if self.groups:
            self.sketch.notes.append(f"assumed: subgraphs are phases ({len(self.groups)})")
        return self.sketch

    def _refuse_excess(self) -> None:
        """Stop at what would take too long to read."""
        ends = [-1, *self.breaks, len(self.text)]
        longest = max(range(1, len(ends)), key=lambda n: ends[n] - ends[n - 1])
        length = ends[longest] - ends[longest - 1] - 1
        if length > MAX_LINE:
            self._blame(ends[longest - 1] + 1, f"a line of {length:,} characters; break it up")
        if (n := self.text.count("%%{")) > MAX_DIRECTIVES:
            self._blame(self.text.find("%%{"), f"{n:,} directives; remove them")
        if self.problems:
            raise SketchError(self.problems)

    def _blame(self, at: int, text: str) -> None:
        line = self._find_line(at)
        column = at - (self.breaks[line - 2] if line > 1 else -1)
        self.problems.append(Problem(self.file, line, column, "mermaid", text))

    def _find_line(self, at: int) -> int:
        return bisect_left(self.breaks, at) + 1

    def _line_end(self, at: int) -> int:
        line = self._find_line(at)
        return self.breaks[line - 1] if line <= len(self.breaks) else len(self.text)

    def _take_head(self) -> None:
        if front := _FRONT.match(self.text):
            self.at = front.end()
            if title := re.search(r"^title:[ \t]*(.+)$", front[1], re.M):
                self.sketch.title = self._clean(title[1].strip().strip("\"'"))
            if re.search(r"^(?!title:)\w+:", front[1], re.M):
                self.dropped["settings"] += 1
        self.at = _SKIP.match(self.text, self.at).end()
        header = _HEADER.match(self.text, self.at)
        if header is None:
            said = _LINE.match(self.text, self.at)[0].strip()[:40]
            found = f'it begins with "{said}"' if said else "it is empty"
            self._blame(
                self.at, f'only flowcharts are read, and {found}; begin with "flowchart TD"'
            )
            self.at = len(self.text)
            return
        self.at = header.end()
        if start := _START.search(self.text):
            self.sketch.start = start[1]
        self.dropped["directives"] += self.text.count("%%{")
        self.dropped = +self.dropped

    def _take_statement(self) -> None:
        word = _WORD.match(self.text, self.at)
        name = word[0] if word else ""
        if name == "subgraph":
            self._open_group(word.end())
        elif name == "end" and _BREAK.match(self.text, word.end()):
            if not self.open_groups:
                raise _ScanError(self.at, 'there is no subgraph to end; remove this "end"')
            self.open_groups.pop()
            self.titles.pop()
            self.at = word.end()
        elif name in DROPPED and not self._is_node(word.end()):
            self._drop(name, word.end())
        else:
            self._take_chain()

    def _is_node(self, at: int) -> bool:
        """Whether a word that means something else is a node all the same: an arrow follows."""
        at = _SPACE.match(self.text, at).end()
        return bool(_LINK.match(self.text, at) or _OPEN.match(self.text, at))

    def _open_group(self, at: int) -> None:
        at = _SPACE.match(self.text, at).end()
        found = _ID.match(self.text, at)
        self.groups[found[0] if found else f"#{at}"] = self.at
        self.open_groups.append(self.at)
        self.at = self._find_end(at)
        title = self.text[at : self.at].strip()
        if titled := _TITLED.fullmatch(title):
            title = titled[1]
        self.titles.append(self._clean(title.strip('"')))

    def _find_end(self, at: int) -> int:
        """Where a statement ends whose words do not matter; what is in quotes may have anything."""
        end = self._line_end(at)
        is_quoted = False
        for place in range(at, end):
            is_quoted ^= self.text[place] == '"'
            if self.text[place] == ";" and not is_quoted:
                return place
        return end

    def _drop(self, name: str, at: int) -> None:
        self.dropped[DROPPED[name]] += 1
        brace = _SPACE.match(self.text, at).end()
        if name == "accDescr" and self.text.startswith("{", brace):
            end = self.text.find("}", brace)
            if end < 0:
                raise _ScanError(brace, 'this description is never closed; write "}" after it')
            self.at = end + 1
        else:
            self.at = self._find_end(at)

    def _take_chain(self) -> None:
        before = self._take_group()
        while True:
            self.at = _SPACE.match(self.text, self.at).end()
            link = self._take_link()
            if link is None:
                break
            label, is_hidden, is_back, line = link
            self.at = _SKIP_IN_CHAIN.match(self.text, self.at).end()
            after = self._take_group()
            if is_hidden:
                self.dropped["invisible arrows"] += 1
            n_arrows = len(self.sketch.arrows) + len(before) * len(after)
            if n_arrows > MAX_ARROWS or len(self.sketch.nodes) > MAX_SKETCHED:
                self.problems = []
                raise _FullError(self.at)
            for start in before if not is_hidden else ():
                for to in after:
                    self.sketch.arrows.append(Arrow(start, to, label, line))
                    if is_back:
                        self.sketch.arrows.append(Arrow(to, start, label, line))
            before = after
        if not _BREAK.match(self.text, self.at):
            said = _LINE.match(self.text, self.at)[0][:20]
            raise _ScanError(
                self.at, f'"{said}" is no arrow; put texts in quotes, as in a["(text)"]'
            )

    def _take_group(self) -> list[str]:
        """Nodes joined by "&"."""
        nodes = [self._take_node()]
        while True:
            at = _SPACE.match(self.text, self.at).end()
            if not self.text.startswith("&", at):
                return nodes
            self.at = _SPACE.match(self.text, at + 1).end()
            nodes.append(self._take_node())

    def _take_node(self) -> str:
        found = _ID.match(self.text, self.at)
        if found is None:
            said = _LINE.match(self.text, self.at)[0][:20] or "the end"
            raise _ScanError(self.at, f'a node is expected here, not "{said}"; write its id first')
        at, node, self.at = self.at, found[0], found.end()
        kind, text, is_shaped = self._take_shape()
        if style := _CLASS.match(self.text, self.at):
            self.dropped["styles"] += 1
            self.at = style.end()
        if self.titles:
            self.sketch.groups.setdefault(node, self.titles[-1])
        known = self.sketch.nodes.get(node)
        if is_shaped and node in self.shaped and (known.text, known.kind) != (text or node, kind):
            line = self.shaped[node]
            reason = f'"{node}" has another text or shape on line {line}; keep one, or rename it'
            raise _ScanError(at, reason)
        if known is None or is_shaped:
            line = known.line if known else self._find_line(at)
            self.sketch.nodes[node] = SketchNode(text or node, kind, line)
        if is_shaped:
            self.shaped.setdefault(node, self._find_line(at))
        return node

    def _take_shape(self) -> tuple[Kind, str, bool]:
        """Kind and text of the shape that stands here, if one does."""
        if fields := _FIELDS.match(self.text, self.at):
            self.at = fields.end()
            said = {name: one or other for name, one, other in _FIELD.findall(fields[1])}
            kind = NAMED_SHAPES.get(said.get("shape", "").strip().lower(), "")
            return kind, self._clean(said.get("label", "")), True
        opened = [shape for shape in SHAPES if self.text.startswith(shape[0], self.at)]
        for opening, closings in opened:
            start = self.at + len(opening)
            inner = _SPACE.match(self.text, start).end()
            if self.text.startswith('"', inner):
                end = self.text.find('"', inner + 1)
                place = _SPACE.match(self.text, end + 1).end()
                closed = _CLOSINGS[opening].match(self.text, place) if end > 0 else None
                text = self.text[inner + 1 : end]
            else:
                closed = _CLOSINGS[opening].search(self.text, start, self._line_end(start))
                text = self.text[start : closed.start()] if closed else ""
            if closed:
                self.at = closed.end()
                return closings[closed[0]], self._clean(text), True
        if opened:
            opening, closings = opened[0]
            named = " or ".join(f'"{closing}"' for closing in closings)
            raise _ScanError(self.at, f'"{opening}" opens here and {named} does not close it')
        return "", "", False

    def _take_link(self) -> tuple[str, bool, bool, int] | None:
        """Label, whether it is hidden, whether it leads back too, and line of the arrow here."""
        line = self._find_line(self.at)
        if link := _LINK.match(self.text, self.at):
            self.at = _SPACE.match(self.text, link.end()).end()
            is_back = link["back"] == "<" and link[0].endswith(">")
            return self._take_piped(), bool(link["hidden"]), is_back, line
        opened = _OPEN.match(self.text, self.at)
        if opened is None:
            return None
        end = self._line_end(self.at)
        start = _SPACE.match(self.text, opened.end()).end()
        quoted = self.text.find('"', start + 1, end) if self.text.startswith('"', start) else start
        closed = _CLOSE[opened["line"]].search(self.text, max(quoted, start), end)
        if closed is None:
            raise _ScanError(self.at, 'this arrow has no head; write it as in a -- "text" --> b')
        label = self.text[start : closed.start()].strip().strip('"')
        self.at = closed.end()
        is_back = opened["back"] == "<" and closed[0].endswith(">")
        return self._clean(label), False, is_back, line

    def _take_piped(self) -> str:
        """The label in pipes behind an arrow, if there is one."""
        if not self.text.startswith("|", self.at):
            return ""
        start = self.at + 1
        inner = _SPACE.match(self.text, start).end()
        is_quoted = self.text.startswith('"', inner)
        quoted = self.text.find('"', inner + 1) if is_quoted else start
        end = self.text.find("|", max(quoted, start), self._line_end(max(quoted, start)))
        if quoted < 0 or end < 0:
            raise _ScanError(self.at, 'this label is never closed; write "|" after it')
        self.at = end + 1
        return self._clean(self.text[start:end].strip().strip('"'))

    def _clean(self, text: str) -> str:
        """A label as plain words: without tags and icons, entities read."""
        text = re.sub(r"<br\s{0,5}/?>|\\n", " ", text, flags=re.I)
        text, n_tags = _TAG.subn("", text)
        text, n_icons = _ICON.subn("", text)
        self.dropped["tags and icons in labels"] += n_tags + n_icons
        self.dropped = +self.dropped
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] == "`":
            text = text[1:-1]
        text = _ENTITY.sub(lambda m: f"&{'#' * m[1].isdigit()}{m[1]};", text)
        return " ".join(html.unescape(text).split())


_SKIP_IN_CHAIN = re.compile(r"[ \t\r\n]*")
"""What may stand between an arrow and the node it leads to."""
