"""Small charts, drawn by hand: nothing to install, sharp in print, the same on every machine."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workbench.show.axes import (
    COLORS,
    GRID,
    INK,
    QUIET,
    WIDE,
    choose_ticks,
    draw_frame,
    draw_rules,
    write,
)
from workbench.show.escape import clip, escape
from workbench.show.picture import Picture


@dataclass(frozen=True)
class Interval:
    """One measured value with its uncertainty."""

    name: str
    """What was measured, e.g. the condition "compiled"."""

    value: float | None
    """None: nothing could be scored, which is not zero."""

    low: float | None = None
    """Lower end of the interval. None: no interval."""

    high: float | None = None
    n: int | None = None
    """How many conversations it stands on."""

    group: str = ""
    """Rows of one group stand together under its name, e.g. the stratum "unseen"."""


def bars(counter: Mapping[str, float], title: str, limit: int = 40) -> Picture:
    """One bar for each of the first `limit` keys, in the mapping's order."""
    shown = list(counter.items())[:limit]
    most = max((count for _, count in shown), default=0) or 1
    left, top, step = 250, 46, 24
    drawn = []
    for row, (key, count) in enumerate(shown):
        y = top + row * step
        length = max(0, count) / most * (WIDE - left - 90)
        drawn += [
            write(left - 10, y + 13, clip(key, 32), anchor="end", tip=key),
            f'<rect x="{left}" y="{y}" width="{length:.1f}" height="17" rx="2" fill="{COLORS[0]}">'
            f"<title>{escape(f'{key}: {count:g}')}</title></rect>",
            write(left + length + 7, y + 13, f"{count:,g}", color=QUIET),
        ]
    height = top + len(shown) * step + 14
    if len(counter) > limit:
        drawn.append(write(left, height, f"and {len(counter) - limit} more", color=QUIET))
        height += 16
    text = "\n".join([title, *(f"{count:>10,g}  {key}" for key, count in counter.items())])
    return Picture(draw_frame(title, height, drawn), text)


def histogram(values: Iterable[float], title: str, unit: str = "", limit: int = 24) -> Picture:
    """How often values occur, in at most `limit` equal bins; whole numbers get whole bins.

    Values that are not finite are counted in the title, not drawn.
    """
    values = list(values)
    real = sorted(value for value in values if math.isfinite(value))
    title = _count_lost(title, len(values) - len(real))
    if not real:
        return _say_nothing(title)
    low, wide = _choose_bins(real, limit)
    counts = Counter(int((value - low) / wide) for value in real)
    bins, most = max(counts) + 1, max(counts.values())
    left, top, bottom = 60, 50, 250
    step = (WIDE - left - 20) / bins
    drawn = draw_rules(0, most, left, top, bottom)
    for number in range(bins):
        start, height = low + number * wide, counts[number] / most * (bottom - top)
        drawn.append(
            f'<rect x="{left + number * step + 1:.1f}" y="{bottom - height:.1f}" '
            f'width="{max(step - 2, 1):.1f}" height="{height:.1f}" fill="{COLORS[0]}">'
            f"<title>{start:g} to {start + wide:g}: {counts[number]:,}</title></rect>"
        )
    # a bin that is one whole number has it in its middle
    shift = step / 2 if wide == 1 and all(float(value).is_integer() for value in real) else 0
    for number in range(0, bins + (not shift), math.ceil(bins / 10)):
        drawn.append(
            write(
                left + number * step + shift,
                bottom + 18,
                f"{low + number * wide:,g}",
                anchor="middle",
            )
        )
    drawn.append(write(WIDE / 2, bottom + 38, unit, color=QUIET, anchor="middle"))
    middle = real[len(real) // 2]
    text = (
        f"{title}\nn {len(real):,}, least {real[0]:g}, middle {middle:g}, most {real[-1]:g} {unit}"
    )
    return Picture(draw_frame(title, bottom + 52, drawn), text.rstrip())


def line(
    series: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    x_name: str,
    y_name: str,
    is_log: bool = False,
) -> Picture:
    """One line for each name through its (x, y) points, e.g. {"train": [(10, 2.1), (20, 1.4)]}.

    Points that are not finite are counted in the title and leave a gap. On a logarithmic scale
    (`is_log`) what is not above 0 lies on the lowest line.
    """
    points = [point for way in series.values() for point in way]
    real = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
    title = _count_lost(title, len(points) - len(real))
    if not real:
        return _say_nothing(title)
    left, right, top, bottom = 60, WIDE - 110, 66, 286
    xs = choose_ticks(min(x for x, _ in real), max(x for x, _ in real))
    is_log = is_log and any(y > 0 for _, y in real)
    low, high = (_enclose_log if is_log else _enclose)([y for _, y in real])

    def place(x, y):
        if is_log:
            y = math.log10(y) if y > 0 else low
        return (
            left + (x - xs[0]) / (xs[-1] - xs[0]) * (right - left),
            bottom - (y - low) / (high - low) * (bottom - top),
        )

    drawn = draw_rules(low, high, left, top, bottom, right, is_log)
    drawn += [write(place(x, 0)[0], bottom + 18, f"{x:,g}", anchor="middle") for x in xs]
    drawn.append(write((left + right) / 2, bottom + 38, x_name, color=QUIET, anchor="middle"))
    drawn.append(write(16, top - 14, y_name, color=QUIET))
    said, taken = [title], []
    for number, (name, way) in enumerate(series.items()):
        drawn += _draw_line(name, way, COLORS[number % len(COLORS)], number, place, taken)
        last = f"{way[0][1]:.3g} to {way[-1][1]:.3g}" if way else "no points"
        said.append(f"{name}: {last} over {len(way)} points")
    return Picture(draw_frame(title, bottom + 52, drawn), "\n".join(said))


def intervals(
    rows: Sequence[Interval], title: str, low: float = 0, high: float = 1, unit: str = ""
) -> Picture:
    """A forest plot: for each row a dot, its interval, and both in numbers; grouped, in order."""
    left, right, top, step = 200, WIDE - 210, 72, 26
    places = {name: place for place, name in enumerate(dict.fromkeys(row.name for row in rows))}

    def place(value):
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    drawn, said, y, group = [], [title], top, ""
    for number, row in enumerate(rows):
        if row.group != group:
            group, y = row.group, y + (10 if y > top else 0)
            drawn.append(write(16, y + 4, group, weight="bold"))
            said.append(group)
            y += step
        color = COLORS[places[row.name] % len(COLORS)]
        parts = _draw_interval(row, y, color, place, left, right)
        drawn += [_open_row(row, number, y), *parts, "</g>"]
        said.append(f"  {row.name}: {_say_interval(row)}")
        y += step
    ticks = [tick for tick in choose_ticks(low, high) if low <= tick <= high]
    rules = [
        f'<path d="M{place(tick):.1f} {top - 18}V{y - 10}" stroke="{GRID}"/>'
        + write(place(tick), top - 24, f"{tick:g}", color=QUIET, anchor="middle")
        for tick in ticks
    ]
    rules.append(write(right + 18, top - 24, unit or "value [interval], n", color=QUIET))
    return Picture(draw_frame(title, y + 8, rules + drawn), "\n".join(said))


def _open_row(row: Interval, number: int, y: float) -> str:
    """What the parts of a row stand in, so that it can be chosen as a whole: see `rows.js`."""
    name = ", ".join(filter(None, [row.group, row.name]))
    return (
        f'<g data-row="{number}"><title>{escape(f"{name}: {_say_interval(row)}")}</title>'
        f'<rect x="4" y="{y - 12}" width="{WIDE - 8}" height="24" rx="4" fill="none" '
        'pointer-events="all"/>'
    )


def _draw_interval(row: Interval, y: float, color: str, place, left, right) -> list[str]:
    drawn = [
        write(left - 14, y + 4, clip(row.name, 26), anchor="end", tip=row.name),
        write(right + 18, y + 4, _say_interval(row), color=INK if row.value is not None else QUIET),
    ]
    if row.low is not None and row.high is not None:
        drawn.append(
            f'<path d="M{place(row.low):.1f} {y}H{place(row.high):.1f}'
            f'M{place(row.low):.1f} {y - 5}v10M{place(row.high):.1f} {y - 5}v10" '
            f'stroke="{color}" stroke-width="2.2" fill="none"/>'
        )
    if row.value is not None:
        drawn.append(
            f'<circle cx="{place(row.value):.1f}" cy="{y}" r="5.5" fill="{color}" stroke="#FFFFFF">'
            f"<title>{escape(f'{row.name}: {_say_interval(row)}')}</title></circle>"
        )
    return drawn


def _say_interval(row: Interval) -> str:
    if row.value is None:
        return "not scored"
    said = f"{row.value:.2f}"
    if row.low is not None and row.high is not None:
        said += f" [{row.low:.2f}, {row.high:.2f}]"
    return said if row.n is None else f"{said}, n {row.n:,}"


def _enclose(values: list[float]) -> tuple[float, float]:
    ticks = choose_ticks(min(0, *values), max(values))
    return ticks[0], ticks[-1]


def _enclose_log(values: list[float]) -> tuple[float, float]:
    """Exponents of ten, so that what is above 0 lies between their powers."""
    exponents = [math.log10(value) for value in values if value > 0]
    low = math.floor(min(exponents))
    return low, max(math.ceil(max(exponents)), low + 1)


def _draw_line(name: str, way, color: str, number: int, place, taken: list[float]) -> list[str]:
    path, is_down, last = [], False, None
    for x, y in way:
        if not (math.isfinite(x) and math.isfinite(y)):
            is_down = False
            continue
        last = place(x, y)
        path.append(f"{'L' if is_down else 'M'}{last[0]:.1f} {last[1]:.1f}")
        is_down = True
    if last is None:
        return []
    dash = f' stroke-dasharray="{number * 3 + 3} 4"' if number else ""
    # the name stands at the line's end, below any name already there
    y = last[1]
    while any(abs(y - other) < 15 for other in taken):
        y += 1
    taken.append(y)
    return [
        f'<path d="{"".join(path)}" fill="none" stroke="{color}" stroke-width="2.2"{dash}/>',
        f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="3.5" fill="{color}"/>',
        write(last[0] + 9, y + 4, clip(name, 14), color=color, tip=name),
    ]


def _choose_bins(real: list[float], limit: int) -> tuple[float, float]:
    span = real[-1] - real[0]
    if all(float(value).is_integer() for value in real):
        return real[0], math.ceil((span + 1) / limit)
    ticks = choose_ticks(real[0], real[-1])
    return ticks[0], (ticks[1] - ticks[0]) / 4


def _count_lost(title: str, lost: int) -> str:
    return f"{title} ({lost:,} not finite, not drawn)" if lost else title


def _say_nothing(title: str) -> Picture:
    drawn = [write(16, 56, "nothing to draw: no values", color=QUIET)]
    return Picture(draw_frame(title, 76, drawn), f"{title}\nno values")
