"""A plot that can be zoomed where plotly is drawn, and the same as a still picture elsewhere."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.show.axes import COLORS
from workbench.show.charts import Interval
from workbench.show.escape import escape
from workbench.show.picture import Picture, make_bundle
from workbench.show.talk import fold

PLOTLY = "application/vnd.plotly.v1+json"
"""What JupyterLab and Colab draw by themselves; a page of HTML takes the picture."""


@dataclass(frozen=True)
class Plot:
    """A figure of plotly with a picture that says the same."""

    figure: dict[str, Any]
    """Data and layout as plotly reads them; no script, nothing fetched."""

    still: Picture

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return {PLOTLY: self.figure, **self.still._repr_mimebundle_()}

    def _ipython_display_(self) -> None:
        """The figure, and its values in words below it: plotly has no place for them."""
        from IPython.display import display

        display(self._repr_mimebundle_(), raw=True)
        words = f'<pre style="white-space:pre-wrap">{escape(self.still)}</pre>'
        display(make_bundle(fold("The same in words", words), ""), raw=True)

    def __str__(self) -> str:
        return str(self.still)

    __repr__ = __str__


def plot_lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    still: Picture,
    x_name: str,
    y_name: str,
    marks: Mapping[str, tuple[float, float]] | None = None,
    is_log: bool = False,
) -> Plot:
    """The lines of a picture as a figure: one for each name through its (x, y) points.

    `marks` are single points with a name of their own.
    """
    import plotly.graph_objects as go

    scale = "log" if is_log else "linear"
    figure = go.Figure(
        [
            go.Scatter(
                x=[x for x, _ in way],
                y=[y for _, y in way],
                name=escape(name),
                mode="lines",
                line={"color": COLORS[number % len(COLORS)], "dash": "dash" if number else "solid"},
            )
            for number, (name, way) in enumerate(series.items())
        ]
    )
    for name, (x, y) in (marks or {}).items():
        figure.add_trace(
            go.Scatter(x=[x], y=[y], name=escape(name), mode="markers", marker={"size": 11})
        )
    figure.update_layout(
        title=escape(str(still).split("\n")[0]),
        xaxis={"title": {"text": escape(x_name)}, "type": scale},
        yaxis={"title": {"text": escape(y_name)}, "type": scale},
        template="plotly_white",
        hovermode="x",
    )
    return Plot(json.loads(figure.to_json()), still)


def plot_intervals(rows: Sequence[Interval], still: Picture, x_name: str) -> Plot:
    """The dots and intervals of a picture as a figure: a colour for each name, groups above it."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, name in enumerate(dict.fromkeys(row.name for row in rows)):
        own = [row for row in rows if row.name == name and row.value is not None]
        figure.add_trace(
            go.Scatter(
                x=[row.value for row in own],
                y=[escape(row.group) for row in own],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_reach(row.value, row.high) for row in own],
                    "arrayminus": [_reach(row.value, row.low) for row in own],
                },
                text=[f"n {row.n}" for row in own],
                name=escape(name),
                mode="markers",
                marker={"size": 10, "color": COLORS[number % len(COLORS)]},
            )
        )
    figure.update_layout(
        title=escape(str(still).split("\n")[0]),
        xaxis={"title": {"text": escape(x_name)}},
        yaxis={"autorange": "reversed"},
        # names side by side in a group, not one on the other
        scattermode="group",
        template="plotly_white",
    )
    return Plot(json.loads(figure.to_json()), still)


def _reach(value: float, end: float | None) -> float:
    return 0.0 if end is None else abs(end - value)
