"""Charts of others as domains: read, converted, and written with what was assumed of them."""

from dataclasses import dataclass
from pathlib import Path

from workbench.design.converting import Converted, Place, convert_sketch
from workbench.design.layout import find_place, make_title, write_files
from workbench.design.mermaid import read_mermaid
from workbench.design.plain_chart import sketch_chart
from workbench.design.quoting import quote, write_comment
from workbench.design.sketch import Sketch, SketchError, prepare_sketch
from workbench.reading import Problem

READERS = {
    **dict.fromkeys((".yaml", ".yml"), sketch_chart),
    **dict.fromkeys((".mmd", ".mermaid", ".md"), read_mermaid),
}
"""What reads a file, by its ending."""


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    folder: Path
    notes: list[str]
    """What was dropped or assumed, one sentence each."""


def import_chart(file: Path, name: str, start: str = "", root: str | Path = "domains") -> Imported:
    """A new domain under `root` from a chart of nodes and edges (YAML) or of Mermaid.

    Nothing that stands in the file is run. `start` is the node to begin at, where the file does not
    say.

    Raises:
        LayoutError: the name is none, or is taken.
        ReadingError: the file cannot be imported; the message has every reason.
    """
    folder = find_place(name, root)
    sketch = prepare_sketch(read_sketch(Path(file)), start)
    converted = convert_sketch(sketch)
    files = {"flowchart.yaml": write_chart(converted, name, sketch), "facts.yaml": ""}
    files["facts.yaml"] = write_facts(converted, name)
    return Imported(write_files(folder, files), converted.notes)


def read_sketch(file: Path) -> Sketch:
    """What a file draws, read by its ending.

    Raises:
        ReadingError: no reader knows its ending, or the file is wrong.
    """
    if file.suffix.lower() not in READERS:
        text = f"files that end in {', '.join(READERS)} are imported; rename it"
        raise SketchError([Problem(file, 0, 0, "unknown_format", text)])
    return READERS[file.suffix.lower()](file)


def write_chart(converted: Converted, name: str, sketch: Sketch) -> str:
    """The text of flowchart.yaml."""
    lines = [
        "# yaml-language-server: $schema=../flowchart.schema.json",
        write_comment(f"Imported from {sketch.file.name}. What was dropped or assumed:"),
        *(write_comment(f"- {note}") for note in converted.notes or ["nothing"]),
        f"name: {name}",
        f"title: {quote(converted.title or make_title(name))}",
        f"start: {converted.start}",
        "",
        "nodes:",
    ]
    for place_id, place in converted.places.items():
        lines += _write_place(place_id, place)
    if converted.answers:
        lines += [
            "",
            "anywhere:",
            "  question:  # put in: facts are answered",
            "    when: the customer asks a question",
            "    acts: [ask]",
            "    say: Answer from the facts.",
        ]
    return "\n".join(lines) + "\n"


def _write_place(place_id: str, place: Place) -> list[str]:
    remark = f"  {write_comment(place.remark)}" if place.remark else ""
    if place.role == "end":
        phase = f"phase: {place.phase}, " if place.phase else ""
        return [f"  {place_id}: {{role: end, {phase}outcome: {place.outcome}}}{remark}"]
    lines = [f"  {place_id}:{remark}", f"    role: {place.role}"]
    lines += [f"    phase: {place.phase}"] * bool(place.phase)
    lines += [f"    say: {quote(place.say)}"]
    lines += [f"    cites: [{', '.join(place.cites)}]"] * bool(place.cites)
    if not place.routes:
        return [*lines, f"    next: {place.next}"]
    lines.append("    routes:")
    for name, way in place.routes.items():
        lines += [f"      {name}:", f"        to: {way.to}", f"        when: {quote(way.when)}"]
        lines += [f"        acts: [{way.act}]"]
        lines += [f"        cites: [{', '.join(way.cites)}]"] * bool(way.cites)
    return lines


def write_facts(converted: Converted, name: str) -> str:
    """The text of facts.yaml."""
    agency = quote(converted.title or make_title(name))
    lines = [
        "# Numbers that the nodes name, so that the agent may state them, and answers.",
        f"agency: {agency}  # assumed: who the agent speaks for",
        "",
    ]
    facts = [
        f"  {fact}: {{value: {quote(value)}, unit: {quote(unit)}, text: {quote(text)}}}"
        for fact, (value, unit, text) in converted.facts.items()
    ]
    facts += [
        f"  {fact}: {{value: {quote(text)}, text: {quote(text)}}}"
        for fact, text in converted.answers.items()
    ]
    return "\n".join([*lines, "facts:" if facts else "facts: {}", *facts]) + "\n"
