"""The parts that charts are drawn from: frame, writing, round numbers, rules."""

import math

from workbench.show.escape import clip, escape

# told apart without colour vision too (Okabe and Ito, darkened to stand on white)
COLORS = ("#1F5A94", "#C65D00", "#0B7A5B", "#A6457F", "#44546A", "#8A6A00")
INK, QUIET, GRID = "#1F2933", "#5B6470", "#E1E5EA"
WIDE = 760


def write(x, y, text, color=INK, anchor="start", weight="normal", tip="") -> str:
    """A line of text whose baseline starts, ends or is centred at (x, y), in pixels."""
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{title}{escape(text)}</text>'
    )


def draw_frame(title: str, height: float, drawn: list[str]) -> str:
    """The SVG around what was drawn, with its title."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDE} {height:.0f}" font-family="Helvetica,Arial,sans-serif" '
        f'font-size="13"><title>{escape(title)}</title>'
        '<rect width="100%" height="100%" fill="#FFFFFF"/>'
        f'<text x="16" y="26" font-size="16" fill="{INK}">{escape(clip(title, 90))}</text>'
        f"{''.join(drawn)}</svg>"
    )


def draw_rules(
    low: float, high: float, left, top, bottom, right=WIDE - 20, is_log: bool = False
) -> list[str]:
    """Horizontal rules at round numbers; `low` lies at `bottom`, `high` at `top`.

    If `is_log`, both are exponents of ten, and so is where the rules lie.
    """
    powers = range(math.ceil(low), math.floor(high) + 1, max(1, round((high - low) / 6)))
    steps = powers if is_log else choose_ticks(low, high)
    return [
        f'<path d="M{left} {y:.1f}H{right}" stroke="{GRID}"/>'
        + write(left - 8, y + 4, f"{10**tick if is_log else tick:,g}", color=QUIET, anchor="end")
        for tick in steps
        if low <= tick <= high
        for y in [bottom - (tick - low) / (high - low) * (bottom - top)]
    ]


def choose_ticks(low: float, high: float) -> list[float]:
    """Round numbers that enclose low and high, about five. Example: 0, 7 -> [0, 2, 4, 6, 8]"""
    span = (high - low) or abs(high) or 1
    rough = span / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]
