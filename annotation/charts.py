"""Charts as geometry for SVG that the server writes: nothing inline, no script.

All are drawn on a ground of WIDTH by HEIGHT units, the origin at the upper left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 480, 150
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 22  # room for the words beside the axes


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Dot:
    """A point with the line of its interval; without an interval, ``low`` and ``high`` are y."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Line:
    name: str
    dots: list[Dot]
    marked: bool = True  # whether its dots are drawn too

    @property
    def points(self) -> str:
        return " ".join(f"{dot.x:g},{dot.y:g}" for dot in self.dots)


@dataclass(frozen=True)
class Tick:
    at: float
    words: str


@dataclass(frozen=True)
class Chart:
    bars: list[Bar]
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM


Point = tuple[float, float | None, float | None, str]  # value, low, high, title


def bars(values: Sequence[tuple[str, float]]) -> Chart:
    """One bar for each (name, value), from 0 to the greatest, or 1."""
    most = max([1.0, *(value for _, value in values)])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    drawn = []
    for place, (name, value) in enumerate(values):
        top = _y(value, 0, most)
        x = LEFT + place * step + step * 0.1
        high = HEIGHT - BOTTOM - top
        drawn.append(Bar(_r(x), _r(top), _r(step * 0.8), _r(high), f"{name}: {value:,.0f}"))
    centres = [bar.x + bar.width / 2 for bar in drawn]
    up = [Tick(_r(_y(each, 0, most)), f"{each:,.0f}") for each in (0, most)]
    return Chart(drawn, [], _across([name for name, _ in values], centres), up)


def lines(
    names: Sequence[str], series: Mapping[str, Sequence[Point | None]], low: float, high: float
) -> Chart:
    """A line for each series over the same places; None where a series has no value. Shares, from
    ``low`` to ``high``; what lies beyond is drawn at the edge."""
    step = (WIDTH - LEFT - RIGHT) / max(1, len(names))
    centres = [LEFT + (place + 0.5) * step for place in range(len(names))]

    def dot(x: float, point: Point) -> Dot:
        value, least, most, title = point
        ends = (value, value if least is None else least, value if most is None else most)
        y, under, over = (_r(_y(each, low, high)) for each in ends)
        return Dot(_r(x), y, under, over, title)

    drawn = [
        Line(name, [dot(x, point) for x, point in zip(centres, points, strict=True) if point])
        for name, points in series.items()
    ]
    up = [
        Tick(_r(_y(each, low, high)), f"{100 * each:.0f} %")
        for each in (low, (low + high) / 2, high)
    ]
    return Chart([], drawn, _across(names, centres), up)


def curve(points: Sequence[tuple[float, float]]) -> Chart:
    """A line through (x, y) in their order, plain numbers along both axes."""
    x_low, x_high = _room([x for x, _ in points])
    y_low, y_high = _room([y for _, y in points])
    width = WIDTH - LEFT - RIGHT

    def across(x: float) -> float:
        return _r(LEFT + (x - x_low) / (x_high - x_low) * width)

    dots = [
        Dot(across(x), top, top, top, "")
        for x, top in ((x, _r(_y(y, y_low, y_high))) for x, y in points)
    ]
    ticks = [(low, (low + high) / 2, high) for low, high in ((x_low, x_high), (y_low, y_high))]
    return Chart(
        [],
        [Line("", dots, marked=False)],
        [Tick(across(each), f"{each:.4g}") for each in ticks[0]],
        [Tick(_r(_y(each, y_low, y_high)), f"{each:.3g}") for each in ticks[1]],
    )


def _room(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis, never one point."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _y(value: float, low: float, high: float) -> float:
    share = (min(max(value, low), high) - low) / (high - low)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _across(names: Sequence[str], centres: Sequence[float]) -> list[Tick]:
    """The first, the last and the one in the middle: more would not fit on a telephone."""
    places = sorted({0, len(names) // 2, len(names) - 1}) if names else []
    return [Tick(_r(centres[place]), names[place]) for place in places]


def _r(number: float) -> float:
    return round(number, 1)
