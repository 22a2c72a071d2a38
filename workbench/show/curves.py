"""Curves of measured values with their intervals, and the bars they should reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.show.axes import COLORS, GRID, QUIET, WIDE, choose_ticks, draw_frame, write
from workbench.show.escape import clip, escape
from workbench.show.picture import Picture

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, WIDE - 170, 66, 330


@dataclass(frozen=True)
class CurvePoint:
    """One measured value on a curve."""

    x: float
    value: float
    low: float
    high: float
    n: int


def curves(
    series: Mapping[str, Sequence[CurvePoint]],
    title: str,
    x_name: str,
    y_name: str,
    levels: Mapping[str, float] | None = None,
) -> Picture:
    """A line with intervals for each name; `levels` has the bar of a line, drawn dashed.

    The values of x stand at equal distances, in order, whatever lies between them.
    """
    levels = {name: level for name, level in (levels or {}).items() if name in series}
    points = [point for way in series.values() for point in way]
    if not points:
        drawn = [write(16, 56, "nothing to draw: no values", color=QUIET)]
        return Picture(draw_frame(title, 76, drawn), f"{title}\nno values")
    xs = sorted({point.x for point in points})
    ys = choose_ticks(min(*(point.low for point in points), *levels.values(), 0.9), 1.0)
    floor, ceiling = ys[0], max(1.0, *(point.high for point in points))

    def across(x: float, number: int) -> float:
        # lines stand a little aside from each other, so that their intervals can be told apart
        shift = 7 * (number - (len(series) - 1) / 2)
        return _LEFT + (xs.index(x) + 0.5) / len(xs) * (_RIGHT - _LEFT) + shift

    def up(y: float) -> float:
        return _BOTTOM - (y - floor) / (ceiling - floor) * (_BOTTOM - _TOP)

    drawn = _draw_axes(xs, ys, ceiling, up, x_name, y_name)
    said, names = [title], []
    for number, (name, way) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        way = sorted(way, key=lambda point: point.x)
        drawn += _draw_way(name, way, color, number, across, up)
        if name in levels:
            y = up(levels[name])
            drawn.append(
                f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="{color}" stroke-width="1.4" '
                f'stroke-dasharray="2 4"><title>{escape(f"bar of {name}")}</title></path>'
            )
        names.append((up(way[-1].value) if way else _BOTTOM, name, color, levels.get(name)))
        said += _say(name, way, levels.get(name))
    drawn += _name_lines(names)
    return Picture(draw_frame(title, _BOTTOM + 52, drawn), "\n".join(said))


def _draw_axes(xs, ys, ceiling: float, up, x_name: str, y_name: str) -> list[str]:
    drawn = []
    for tick in ys:
        if tick <= ceiling:
            drawn.append(f'<path d="M{_LEFT} {up(tick):.1f}H{_RIGHT}" stroke="{GRID}"/>')
            drawn.append(write(_LEFT - 8, up(tick) + 4, f"{tick:g}", color=QUIET, anchor="end"))
    for place, x in enumerate(xs):
        middle = _LEFT + (place + 0.5) / len(xs) * (_RIGHT - _LEFT)
        drawn.append(write(middle, _BOTTOM + 18, f"{x:,g}", anchor="middle"))
    drawn.append(write((_LEFT + _RIGHT) / 2, _BOTTOM + 38, x_name, color=QUIET, anchor="middle"))
    return [*drawn, write(16, _TOP - 18, y_name, color=QUIET)]


def _draw_way(name: str, way: Sequence[CurvePoint], color: str, number: int, across, up):
    places = [(across(point.x, number), up(point.value)) for point in way]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    drawn = [f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="1.8"/>'] if way else []
    for (x, y), point in zip(places, way, strict=True):
        drawn.append(
            f'<path d="M{x:.1f} {up(point.low):.1f}V{up(point.high):.1f}'
            f'M{x - 4:.1f} {up(point.low):.1f}h8M{x - 4:.1f} {up(point.high):.1f}h8" '
            f'stroke="{color}" stroke-width="1.6" opacity="0.75"/>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color}" stroke="#FFFFFF">'
            f"<title>{escape(f'{name}: {_say_point(point)}')}</title></circle>"
        )
    return drawn


def _name_lines(names: list[tuple[float, str, str, float | None]]) -> list[str]:
    """Names at the lines' ends, each at least a line of writing below the one above it."""
    drawn, last = [], float("-inf")
    # where many lines end near the floor, their names start higher up
    start = _BOTTOM - 17 * (len(names) - 1)
    for place, (y, name, color, level) in enumerate(sorted(names)):
        last = max(min(y, start + 17 * place), last + 17)
        bar = "" if level is None else f" (bar {level:.2f})"
        drawn.append(write(_RIGHT + 8, last + 4, clip(f"{name}{bar}", 26), color=color, tip=name))
    return drawn


def _say(name: str, way: Sequence[CurvePoint], level: float | None) -> list[str]:
    bar = "" if level is None else f", bar {level:.2f}"
    return [f"{name}{bar}", *(f"  {point.x:,g}: {_say_point(point)}" for point in way)]


def _say_point(point: CurvePoint) -> str:
    return f"{point.value:.3f} [{point.low:.3f}, {point.high:.3f}], n {point.n:,}"
