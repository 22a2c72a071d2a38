"""The learning curve of several runs, as a picture and a table."""

from collections.abc import Sequence
from statistics import fmean, stdev

from workbench.evaluate.breakdown import BARS, Bar
from workbench.evaluate.curve import Point, bars_of, find_best, find_first
from workbench.show.curves import CurvePoint, curves
from workbench.show.figures import write_metric
from workbench.show.picture import Panel, Picture
from workbench.show.table import table


def draw_curve(
    points: Sequence[Point], measure: str = "ending_correct", bars: Sequence[Bar] = BARS
) -> Picture:
    """A measure of the compiled models over what they trained on, a line for each stratum.

    Where runs differ in epochs alone, the line goes over those; where they differ in both, each
    number of epochs has lines of its own. Bars are dashed.
    """
    own = [point for point in points if point["measure"] == measure and point["mean"] is not None]
    epochs = {point["epochs"] for point in own}
    is_by_epochs = len(epochs) > 1 and len({point["conversations"] for point in own}) == 1
    x = "epochs" if is_by_epochs else "conversations"
    series: dict[str, list[CurvePoint]] = {}
    levels: dict[str, float] = {}
    for point in own:
        name = point["stratum"]
        if len(epochs) > 1 and not is_by_epochs:
            name = f"{name}, {point['epochs']:g} epochs"
        ends = (point["mean"], point["low"], point["high"], point["n"])
        series.setdefault(name, []).append(CurvePoint(point[x], *ends))
        for bar in bars:
            if bar.where == ("conditions", "compiled", point["stratum"], measure):
                levels[name] = bar.wanted
    title = f"{measure} of the compiled model, with 95 % intervals clustered by path"
    return curves(series, title, f"{x} trained on", measure, levels)


def tabulate_curve(points: Sequence[Point], bars: Sequence[Bar] = BARS) -> Panel:
    """At which point of the curve each bar is met first, or how near it came."""
    rows = []
    for bar in bars_of(points, bars):
        first = find_first(points, bar)
        rows.append(
            {
                "bar": bar.name,
                "wanted": f"{100 * bar.wanted:.0f} %",
                "met first with": _say_training(first) if first else "not met",
                "reached": _say_point(first or find_best(points, bar)),
            }
        )
    return table(rows)


def tabulate_seeded(points: Sequence[Point]) -> Panel:
    """By sort of customers and measure how far trainings differ that differ in their seed alone.

    `points` are the figures of at least two runs.
    """
    found: dict[tuple[str, str], list[float]] = {}
    for point in points:
        if point["measure"] in ("ending_correct", "facts_right") and point["mean"] is not None:
            found.setdefault((point["stratum"], point["measure"]), []).append(point["mean"])
    return table(
        [
            {
                "customers": stratum,
                "measure": measure,
                "trainings": len(means),
                "mean": f"{100 * fmean(means):.1f} %",
                "spread": f"{100 * stdev(means):.1f}" if len(means) > 1 else None,
                "least": f"{100 * min(means):.1f} %",
                "most": f"{100 * max(means):.1f} %",
            }
            for (stratum, measure), means in found.items()
        ]
    )


def _say_training(point: Point) -> str:
    plural = "" if point["epochs"] == 1 else "s"
    return f"{point['conversations']:,} conversations, {point['epochs']:g} epoch{plural}"


def _say_point(point: Point | None) -> str:
    if point is None:
        return "not scored"
    return f"{write_metric(point['measure'], point)}, n {point['n']} ({_say_training(point)})"
