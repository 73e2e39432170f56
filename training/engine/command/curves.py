"""Learning curves as one small SVG, which any browser shows; no plotting library."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 260, 64, 16, 36, 40
SMOOTHING = 20  # the smooth line's half-life is this part of all steps
STYLE = """
svg { font: 13px system-ui, sans-serif; background: #fff; color: #1a1a1a; }
text { fill: currentColor; } .title { font-weight: 600; } .small { font-size: 11px; opacity: .75; }
.grid { stroke: currentColor; opacity: .15; } .raw { stroke: #3b6fd4; opacity: .3; }
.smooth { stroke: #3b6fd4; stroke-width: 2; } .unseen { stroke: #c2570c; stroke-width: 2; }
.dot { fill: #c2570c; } .spot { fill: #3b6fd4; opacity: .3; }
path { fill: none; stroke-linejoin: round; }
@media (prefers-color-scheme: dark) { svg { background: #16181d; color: #e8e8e8; }
.raw, .smooth { stroke: #7ea6f4; } .spot { fill: #7ea6f4; }
.unseen { stroke: #f0955a; } .dot { fill: #f0955a; } }
"""

STEP = "step"

Point = tuple[float, float]
Place = Callable[[Point], str]


@dataclass(frozen=True)
class Panel:
    """One figure over the steps, and on validation data where it was asked for."""

    title: str
    points: Sequence[Point]  # (step, value), in the order of the steps
    validation: Sequence[Point] = ()
    across: str = STEP  # what is measured across, where it is something else: the points then are
    # dots, and the smooth line goes through them in the order of the steps


def draw_curves(path: Path, panels: Sequence[Panel]) -> None:
    """Write the panels, one below the other."""
    height = HEIGHT * len(panels)
    body = "".join(
        f'<g transform="translate(0 {HEIGHT * place})">{_panel(panel)}</g>'
        for place, panel in enumerate(panels)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img"><title>{escape(", ".join(each.title for each in panels))}'
        f"</title><style>{STYLE}</style>{body}</svg>\n"
    )


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Return the exponential mean of what came before each point, that point included."""
    keep = 0.5 ** (SMOOTHING / max(len(points), SMOOTHING))
    total = weight = 0.0
    found = []
    for step, value in points:
        total, weight = keep * total + value, keep * weight + 1
        found.append((step, total / weight))
    return found


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers within the range: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _panel(panel: Panel) -> str:
    everything = [*panel.points, *panel.validation]
    x_low, x_high = _range([x for x, _ in everything])
    y_low, y_high = _range([y for _, y in everything])

    def place(point: Point) -> str:
        x = LEFT + (point[0] - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        y = TOP + (y_high - point[1]) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f} {y:.1f}"

    parts = [f'<text class="title" x="{LEFT}" y="20">{escape(panel.title)}</text>']
    for value in ticks(y_low, y_high):
        start, end = place((x_low, value)), place((x_high, value))
        parts.append(f'<path class="grid" d="M{start}L{end}"/>')
        parts.append(_label(LEFT - 6, float(start.split()[1]) + 4, f"{value:g}"))
    for value in ticks(x_low, x_high):
        if value == int(value) or panel.across != STEP:
            x = float(place((value, y_low)).split()[0])
            parts.append(_label(x, HEIGHT - 22, f"{value:g}", "middle"))
    parts.append(_label(WIDTH - RIGHT, HEIGHT - 6, escape(panel.across)))
    return "".join([*parts, *_learned(panel, place), *_unseen(panel, place)])


def _learned(panel: Panel, place: Place) -> list[str]:
    """What was measured while learning, and the smooth line through it."""
    spots = [place(each) for each in panel.points]
    if panel.across == STEP:
        return [
            _line("raw", spots),
            _line("smooth", [place(each) for each in smoothed(panel.points)]),
        ]
    across, up = (
        smoothed([(place, each[axis]) for place, each in enumerate(panel.points)])
        for axis in (0, 1)
    )
    path = [(x, y) for (_, x), (_, y) in zip(across, up, strict=True)]
    return [*_dots("spot", spots), _line("smooth", [place(each) for each in path])]


def _unseen(panel: Panel, place: Place) -> list[str]:
    if not panel.validation:
        return []
    spots = [place(each) for each in panel.validation]
    line = [_line("unseen", spots)] if panel.across == STEP else []
    key = '<tspan class="dot">●</tspan> on validation data'
    return [*line, *_dots("dot", spots), _label(WIDTH - RIGHT, 20, key)]


def _dots(name: str, places: Sequence[str]) -> list[str]:
    found = []
    for each in places:
        x, y = each.split()
        found.append(f'<circle class="{name}" cx="{x}" cy="{y}" r="3"/>')
    return found


def _label(x: float, y: float, content: str, anchor: str = "end") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="small" text-anchor="{anchor}" {place}>{content}</text>'


def _line(name: str, places: Sequence[str]) -> str:
    return f'<path class="{name}" d="M{"L".join(places)}"/>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis: never one point, and a little room around what varies."""
    low, high = min(values), max(values)
    if high == low:
        return low - 0.5, high + 0.5
    return low, high
