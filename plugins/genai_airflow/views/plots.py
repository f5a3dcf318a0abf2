"""Lines over one axis as an inline picture, with the same in words and as a table."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from genai_airflow.views.words import LARGEST, number

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 220, 50, 14, 28, 42
# of the picture, for the template: its size, and the ends of the axis
BOX = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "foot": HEIGHT - BOTTOM}
# a fifth would repeat a colour and a dash
MOST_LINES = 4
MOST_DOTS = 12
TICKS = 5
# of the largest value: what lies closer together is drawn as a flat line, for floats tell no marks between apart
NARROWEST = 1e-9
Points = Sequence[tuple[float, float]]


class Tick(NamedTuple):
    """A mark on an axis: where it is on the picture, and what it says."""

    at: float
    text: str


class Line(NamedTuple):
    """A line's name, its points as SVG has them, and where it has dots: a line of few points is read by them."""

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]


class Plot(NamedTuple):
    """What the page draws, and its script draws anew: see `plot` in parts.html."""

    id: str
    title: str
    description: str
    x: str
    y: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """With its parts as objects, too."""
        parts = {name: [one._asdict() for one in getattr(self, name)] for name in ("lines", "x_ticks", "y_ticks")}
        return self._asdict() | parts


def lines_plot(name: str, title: str, series: Mapping[str, Points], x: str, y: str, *, zero: bool = False) -> Plot:
    """Up to MOST_LINES lines; `zero`: the upright axis begins there. `x` and `y` name the axes, with their units.

    Points that are no numbers are left out; without any the picture is empty.
    """
    shown = {one: _finite(points) for one, points in list(series.items())[:MOST_LINES]}
    points = [point for values in shown.values() for point in values]
    across = _axis([at for at, _ in points], zero=False)
    up = _axis([value for _, value in points], zero=zero)

    def place(at: float, value: float) -> tuple[float, float]:
        wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + wide * _part(at, across), HEIGHT - BOTTOM - high * _part(value, up)

    placed = {one: [place(*point) for point in values] for one, values in shown.items()}
    return Plot(
        id=name,
        title=title,
        description=". ".join(_told(one, values, x) for one, values in shown.items() if values) or "Nothing yet",
        x=x,
        y=y,
        lines=tuple(_line(one, drawn) for one, drawn in placed.items()),
        x_ticks=tuple(Tick(round(place(at, up[0])[0], 1), _short(at)) for at in across if points),
        y_ticks=tuple(Tick(round(place(across[0], value)[1], 1), _short(value)) for value in up if points),
        headers=(x, *shown),
        rows=_table(shown),
    )


def _line(name: str, drawn: Points) -> Line:
    points = tuple((round(left, 1), round(top, 1)) for left, top in drawn)
    return Line(name, " ".join(f"{left},{top}" for left, top in points), points if len(points) <= MOST_DOTS else ())


def _short(value: float) -> str:
    """A mark's text, which has little room: 20k, 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (abs(value) >= size > 1e3):
            return f"{value / size:g}{unit}"
    return number(value)


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(at, value) for at, value in points if abs(at) < LARGEST and abs(value) < LARGEST]


def _part(value: float, ticks: Sequence[float]) -> float:
    return (value - ticks[0]) / (ticks[-1] - ticks[0])


def _axis(values: Sequence[float], *, zero: bool) -> list[float]:
    """Round marks that hold all values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low, high = (min(0.0, low), max(0.0, high)) if zero else (low, high)
    size = max(abs(low), abs(high), 1.0)
    if high - low <= NARROWEST * max(abs(low), abs(high), 1 / LARGEST):
        low, high = (low - size / 2, low + size / 2) if not zero else (0.0, 1.0)
    rough = (high - low) / TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * part for part in (1, 2, 5, 10) if unit * part >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{step * index:.12g}") for index in range(first, max(last, first + 1) + 1)]


def _told(name: str, points: Points, x: str) -> str:
    (first, begins), (last, ends) = points[0], points[-1]
    lowest, highest = min(value for _, value in points), max(value for _, value in points)
    return (
        f"{name}: from {number(begins)} at {x} {number(first)} to {number(ends)} at {number(last)}, "
        f"between {number(lowest)} and {number(highest)}"
    )


def _table(series: Mapping[str, Points]) -> tuple[tuple[str, ...], ...]:
    """A row a place on the axis."""
    values = sorted((at, name, value) for name, points in series.items() for at, value in points)
    rows = []
    for at, found in groupby(values, key=lambda one: one[0]):
        here = {name: value for _, name, value in found}
        rows.append((number(at), *(number(here.get(name)) for name in series)))
    return tuple(rows)
