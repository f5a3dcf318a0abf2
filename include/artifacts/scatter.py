"""Points in a plane as a picture of a report."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 320, 60, 20, 130, 45


class Point(NamedTuple):
    """A named point; `group` says in a word what it is, and decides its colour."""

    name: str
    x: float
    y: float
    group: str


def scatter_block(
    points: Sequence[Point], x: str, y: str, heading: str, line: Sequence[Point] = ()
) -> dict[str, object]:
    """What the page draws: points with their names, at most four groups, and a line through some of them."""
    groups = list(dict.fromkeys(point.group for point in points))
    if not points or len(groups) > 4:
        raise ValueError(f"{len(points)} points in {len(groups)} groups: at least one point, at most four groups")
    place_x = _scale([point.x for point in points], LEFT, WIDTH - RIGHT)
    place_y = _scale([point.y for point in points], HEIGHT - BOTTOM, TOP)
    return {
        "kind": "scatter",
        "heading": heading,
        "x": x,
        "y": y,
        "points": [
            {
                "x": round(place_x(point.x), 1),
                "y": round(place_y(point.y), 1),
                "name": point.name,
                "series": groups.index(point.group),
                "title": f"{point.name} ({point.group}): {x} {point.x:.4g}, {y} {point.y:.4g}",
            }
            for point in points
        ],
        "line": " ".join(f"{place_x(point.x):.1f},{place_y(point.y):.1f}" for point in line),
        "legend": [(group, LEFT + 150 * index) for index, group in enumerate(groups)],
        "ends": [f"{end:.4g}" for end in (*_ends([p.x for p in points]), *_ends([p.y for p in points]))],
    }


def _scale(values: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    """Linear, from the ends of the values to the ends of the axis."""
    low, high = _ends(values)
    return lambda value: first + (last - first) * (value - low) / (high - low)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """A little beyond the least and the most, so that no point lies on an axis."""
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
    return low - margin, high + margin
