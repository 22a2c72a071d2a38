"""A flowchart's file to edit: checked as one types, drawn as it stands, saved when one says so."""

from pathlib import Path
from typing import Any

from workbench.draft import read_draft
from workbench.flowchart import Flowchart, draft_flowchart
from workbench.reading import Problem, read_yaml
from workbench.run import replace_file
from workbench.show.escape import clip, escape
from workbench.show.flow import draw_flowchart
from workbench.show.palette import NEVER, SUCCESS, write_in
from workbench.show.picture import Picture, make_bundle
from workbench.show.widgets import WRAPPED, make_column, refer_to

WARNED = "#8A4B1F"
"""What is no error, but should be looked at."""

MOST_NODES = 200
"""A larger chart is drawn when it is saved, not at every letter."""

NOT_DRAWN = "<p>It cannot be drawn before its errors are mended.</p>"


class EditorError(ValueError):
    """A text cannot be saved; the message says why and what to do."""


class FlowchartEditor:
    """The text of a domain's `flowchart.yaml`, what is wrong with it, and its picture.

    In a notebook it is shown by being a cell's last line. Nothing is written before `save`.
    """

    def __init__(self, folder: Path | str):
        self.file = Path(folder) / "flowchart.yaml"
        self.text = self._saved = self.file.read_text("utf-8")
        facts = read_draft(self.file.parent).facts
        self._cited = None if facts is None else {*facts.facts, "offers", "offer"}
        self._picture: Picture | None = None
        self._widgets: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.write(self.text)

    def write(self, text: str) -> None:
        """Take a text, check it, and draw it if it can be drawn; the file stays as it is."""
        self.text = text
        flowchart, self.problems = draft_flowchart(read_yaml(self.file, text), self._cited)
        if flowchart and not self.has_errors:
            self._draw(flowchart)

    def _draw(self, flowchart: Flowchart) -> None:
        if self._picture is None or len(flowchart.nodes) <= MOST_NODES or self.is_saved:
            self._picture = draw_flowchart(flowchart)

    @property
    def has_errors(self) -> bool:
        return any(problem.level == "error" for problem in self.problems)

    @property
    def is_saved(self) -> bool:
        return self.text == self._saved

    def save(self) -> None:
        """Write the text to its file.

        Raises:
            EditorError: it has errors, or the file was changed by somebody else since it was read.
        """
        if self.has_errors:
            raise EditorError(f"{self.file} was not saved: mend what stands above first")
        now = self.file.read_text("utf-8") if self.file.exists() else ""
        if now != self._saved:
            raise EditorError(
                f"{self.file} was changed since it was read here, and was not overwritten; copy "
                "your text, read the file again and put your changes in"
            )
        replace_file(self.file, self.text.encode())
        self._saved = self.text
        self.write(self.text)

    def read_again(self) -> None:
        """Take what the file says now; what was typed and not saved is lost.

        Raises:
            EditorError: it is gone.
        """
        if not self.file.exists():
            raise EditorError(f"{self.file} is gone; what stands here can be copied to a new one")
        self._saved = self.file.read_text("utf-8")
        self.write(self._saved)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """The widgets, and where there are none what is wrong and the picture."""
        bundle = refer_to(self._build())
        html = _list_problems(self.problems, self.text) + self._draw_image()
        said = "\n".join([*map(str, self.problems), str(self._picture or "")])
        return bundle | make_bundle(html, said)

    def _draw_image(self) -> str:
        if self._picture is None:
            return NOT_DRAWN
        pale = ' style="opacity:0.45"' if self.has_errors else ""
        return f"<div{pale}>{self._picture.as_image(self._picture.alt, 560)}</div>"

    def _build(self) -> Any:
        import ipywidgets as widgets

        from workbench.show.nodes import Nodes

        if self._widgets:
            return self._widgets["box"]
        made = self._widgets = {
            "text": widgets.Textarea(
                value=self.text,
                placeholder="the text of flowchart.yaml",
                layout={"width": "auto", "height": "520px"},
                continuous_update=True,
            ),
            "problems": widgets.HTML(),
            "said": widgets.HTML(),
            "undrawn": widgets.HTML(),
            "chart": Nodes(),
            "save": widgets.Button(description="Save", button_style="primary"),
            "again": widgets.Button(description="Read again"),
        }
        # a program's text: all letters of one width
        made["text"].add_class("workbench-editor")
        style = widgets.HTML(
            "<style>.workbench-editor textarea {font-family: monospace; font-size: 12px;"
            " white-space: pre} .workbench-stale {opacity: 0.45}</style>"
        )
        made["text"].observe(lambda change: self._take(change.new), "value")
        made["save"].on_click(lambda _: self._save())
        made["again"].on_click(lambda _: self._read_again())
        buttons = widgets.HBox([made["save"], made["again"], made["said"]], layout=WRAPPED)
        left = widgets.VBox([style, made["text"], buttons], layout=make_column("48%", "420px"))
        layout = make_column("48%", "380px", padding="0 0 0 12px")
        drawn = [made["problems"], made["undrawn"], made["chart"]]
        right = widgets.VBox(drawn, layout=layout)
        made["box"] = widgets.HBox([left, right], layout=WRAPPED)
        self._show("")
        return made["box"]

    def _take(self, text: str) -> None:
        if text != self.text:
            self.write(text)
        self._show("" if self.is_saved else "not saved")

    def _save(self) -> None:
        try:
            self.save()
        except EditorError as error:
            self._show(str(error))
        else:
            self._show("saved")

    def _read_again(self) -> None:
        try:
            self.read_again()
        except EditorError as error:
            self._show(str(error))
        else:
            self._widgets["text"].value = self.text
            self._show("read again")

    def _show(self, said: str) -> None:
        self._widgets["problems"].value = _list_problems(self.problems, self.text)
        self._show_chart()
        self._widgets["save"].disabled = self.has_errors or self.is_saved
        self._widgets["said"].value = escape(said)

    def _show_chart(self) -> None:
        chart, drawn = self._widgets["chart"], self._picture
        self._widgets["undrawn"].value = "" if drawn else NOT_DRAWN
        chart.layout.display = "" if drawn else "none"
        if drawn:
            chart.show(drawn, str(drawn).split("\n")[0])
        # it is of the text before the errors
        (chart.add_class if self.has_errors else chart.remove_class)("workbench-stale")


def _list_problems(problems: list[Problem], text: str) -> str:
    """Each with its place, and with the line itself: the field has no numbers beside its lines."""
    if not problems:
        return f'<p style="{write_in(SUCCESS)}">Nothing is wrong with it.</p>'
    lines = text.split("\n")
    rows = "".join(
        f'<li style="{write_in(NEVER if problem.level == "error" else WARNED)}">'
        f"line {problem.line}, column {problem.column}: {escape(problem.text)}"
        f"{_quote(lines, problem.line)}</li>"
        for problem in problems
    )
    look = "font:13px/1.5 Helvetica,Arial,sans-serif;padding-left:18px;overflow-wrap:anywhere"
    return f'<ul style="{look}">{rows}</ul>'


def _quote(lines: list[str], number: int) -> str:
    line = clip(lines[number - 1], 120) if 0 < number <= len(lines) else ""
    style = "font-family:monospace;overflow-wrap:anywhere"
    return f'<div style="{style}">{escape(line)}</div>' if line else ""
