"""What conversations cost, as tables and pictures: seconds, dollars, break-even over the load."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from workbench.evaluate.costs import Fleet, break_even_load, draw_load
from workbench.evaluate.faults import is_instrument
from workbench.evaluate.pricing import Terms, find_pair, fleet_of
from workbench.show.axes import COLORS, GRID, QUIET, WIDE, draw_frame, write
from workbench.show.charts import bars
from workbench.show.escape import clip, escape
from workbench.show.picture import Panel, Picture
from workbench.show.plots import Plot, plot_lines
from workbench.show.table import table

OWN = "own machines"
LOADS = tuple(10 ** (step / 20) for step in range(20, 141))
"""Conversations a month that are drawn: 10 to 10 million."""

X, Y = "conversations a month", "$ a conversation"
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, WIDE - 215, 62, 330
_KINDS = {"api_usd": "no cache", "api_cached_usd": "cached"}


@dataclass(frozen=True)
class LoadView:
    """Own machines beside what rivals take for each conversation."""

    fleet: Fleet
    rivals: Mapping[str, float] = field(default_factory=dict)
    """Dollars a conversation by name, e.g. {"in_context, cached": 0.047}."""
    once_usd: float = 0.0
    months: float = 12.0
    """Over which what was spent once is spread."""

    def find_break_evens(self) -> dict[str, int | None]:
        """Least conversations a month at which own machines cost no more than each rival."""
        return {
            name: break_even_load(self.fleet, usd, self.once_usd, self.months)
            for name, usd in self.rivals.items()
        }

    def draw_ways(self) -> dict[str, list[tuple[float, float]]]:
        """(load, dollars a conversation) of own machines and of each rival."""
        flat = {name: [(LOADS[0], usd), (LOADS[-1], usd)] for name, usd in self.rivals.items()}
        return {OWN: draw_load(self.fleet, LOADS, self.once_usd, self.months), **flat}


def view_of(result: Mapping[str, Any]) -> LoadView | None:
    """The compiled model's machine beside the priced model, if an hour has a price."""
    dollars = result.get("dollars")
    own, _ = find_pair(result["cost"])
    if not (dollars and dollars["terms"]["hour_usd"] and own):
        return None
    terms, rival = Terms(**dollars["terms"]), dollars.get("rival")
    rivals = {}
    if rival:
        model, found = dollars["price"]["model"], dollars["conditions"][rival]
        rivals = {f"{model}, {said}": found[kind] for kind, said in _KINDS.items()}
    fleet = fleet_of(result["cost"][own], terms)
    return LoadView(fleet, rivals, sum(dollars["once"].values()), terms.months)


def draw_seconds(result: Mapping[str, Any]) -> Picture:
    """Seconds of the agent in a mean conversation of each condition that is measured."""
    seconds = {
        name: cost["seconds_per_conversation"]
        for name, cost in result["cost"].items()
        if not is_instrument(name) and cost.get("seconds_per_conversation")
    }
    return bars(seconds, "Seconds of the agent in a conversation")


def tabulate_dollars(result: Mapping[str, Any]) -> Panel:
    """Dollars of a thousand conversations of each condition, without caches and with them.

    "–" where no price is given, or where the speed is not known at which it reads.
    """
    names = {
        "own_uncached_usd": "this machine, no cache",
        "own_cached_usd": "this machine, cached",
        "api_usd": "API, no cache",
        "api_cached_usd": "API, cached",
    }
    return table(
        [
            {"$ for 1,000 conversations": name}
            | {said: _times(found.get(kind), 1000) for kind, said in names.items()}
            for name, found in result["dollars"]["conditions"].items()
        ]
    )


def tabulate_break_even(result: Mapping[str, Any]) -> Panel:
    """After how many conversations, and from which monthly load on, compiling costs no more."""
    return table(
        [
            {
                "beside the procedure in the prompt": f"API, {_KINDS[kind]}",
                "conversations until it pays": found["conversations"],
                "conversations a month, idle machines paid": found["a_month"],
            }
            for kind, found in result["dollars"].get("break_even", {}).items()
        ]
    )


def tabulate_multiple(result: Mapping[str, Any]) -> Panel:
    """What makes the compiled model cheaper, in the order in which it is taken, and the product."""
    ratios = result["dollars"].get("multiple", {})
    rows = [{"cause": name, "times cheaper": ratio} for name, ratio in ratios.items()]
    whole = {"cause": "all together", "times cheaper": math.prod(ratios.values())}
    return table([*rows, *([whole] if rows else [])])


def plot_load(view: LoadView) -> Plot:
    """Dollars a conversation over the load, to be zoomed, or as a picture."""
    marks = {
        f"break-even, {name}": (load, view.rivals[name])
        for name, load in view.find_break_evens().items()
        if load
    }
    return plot_lines(view.draw_ways(), draw_view(view), X, Y, marks, is_log=True)


def draw_view(view: LoadView) -> Picture:
    """The same as a picture: both axes in powers of ten, break-even marked."""
    title = "What a conversation costs, idle machines paid"
    ways, marks = view.draw_ways(), view.find_break_evens()
    values = [y for way in ways.values() for _, y in way if y > 0]
    said = [title, *_say_view(view, marks)]
    if not values:
        drawn = [write(16, 56, "nothing to draw: all costs are zero", color=QUIET)]
        return Picture(draw_frame(title, 76, drawn), "\n".join(said))
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    def across(x: float) -> float:
        ends = math.log10(LOADS[0]), math.log10(LOADS[-1])
        return _LEFT + (math.log10(x) - ends[0]) / (ends[1] - ends[0]) * (_RIGHT - _LEFT)

    def up(y: float) -> float:
        return _BOTTOM - (math.log10(y) - low) / (high - low) * (_BOTTOM - _TOP)

    drawn = _draw_axes(low, high, across, up)
    names = []
    for number, (name, way) in enumerate(ways.items()):
        color = COLORS[number % len(COLORS)]
        places = [(across(x), up(y)) for x, y in way if y > 0]
        if places:
            drawn.append(_draw_way(places, color, number))
            names.append((places[-1][1], name, color))
        mark = marks.get(name)
        if mark and places and LOADS[0] <= mark <= LOADS[-1]:
            drawn.append(_mark(across(mark), places[-1][1], color, f"{name}: {mark:,} a month"))
    return Picture(draw_frame(title, _BOTTOM + 52, [*drawn, *_name(names)]), "\n".join(said))


def _draw_axes(low: int, high: int, across, up) -> list[str]:
    drawn = []
    for power in range(low, high + 1):
        y = up(10.0**power)
        drawn.append(f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="{GRID}"/>')
        drawn.append(write(_LEFT - 8, y + 4, f"{10.0**power:,g}", color=QUIET, anchor="end"))
    for power in range(1, 8):
        x = across(10.0**power)
        drawn.append(f'<path d="M{x:.1f} {_TOP}V{_BOTTOM}" stroke="{GRID}"/>')
        drawn.append(write(x, _BOTTOM + 18, f"{10**power:,}", anchor="middle", color=QUIET))
    drawn.append(write((_LEFT + _RIGHT) / 2, _BOTTOM + 38, X, color=QUIET, anchor="middle"))
    return [*drawn, write(16, _TOP - 14, Y, color=QUIET)]


def _draw_way(places: Sequence[tuple[float, float]], color: str, number: int) -> str:
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dash = f' stroke-dasharray="{3 * number + 3} 4"' if number else ""
    return f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="2.2"{dash}/>'


def _mark(x: float, y: float, color: str, tip: str) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#FFFFFF" stroke="{color}" '
        f'stroke-width="2.4"><title>{escape(tip)}</title></circle>'
    )


def _name(names: list[tuple[float, str, str]]) -> list[str]:
    """Names at the lines' ends, each at least a line of writing below the one above it."""
    names = sorted(names)
    places = [min(y, _BOTTOM - 17 * (len(names) - 1 - row)) for row, (y, _, _) in enumerate(names)]
    for row, (above, below) in enumerate(pairwise(places)):
        places[row + 1] = max(below, above + 17)
    return [
        write(_RIGHT + 8, y + 4, clip(name, 28), color=color, tip=name)
        for y, (_, name, color) in zip(places, names, strict=True)
    ]


def _say_view(view: LoadView, marks: Mapping[str, int | None]) -> list[str]:
    fleet = view.fleet
    lines = [
        f"{OWN}: ${fleet.month_usd:,.2f} a month each, {fleet.each:,.0f} conversations at most,"
        f" ${view.once_usd:,.2f} spent once over {view.months:g} months"
    ]
    for name, usd in view.rivals.items():
        mark = marks[name]
        pays = "never pays" if mark is None else f"pays from {mark:,} a month on"
        lines.append(f"beside {name} at ${usd:.3g}: {pays}")
    return lines


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
