"""Lines over one axis as a picture of a report."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 250, 48, 26, 10, 42
# lines beyond would repeat a colour
MOST_LINES = 4


def lines_block(
    series: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str, heading: str, steps: bool
) -> dict[str, object]:
    """What the page draws: a line a series through its (x, y) points, from zero up; `steps` holds each value."""
    points = [point for values in series.values() for point in values]
    if not points or len(series) > MOST_LINES:
        raise ValueError(f"{len(points)} points in {len(series)} lines: at least one point, at most {MOST_LINES} lines")
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    top = max(0.0, *(value for _, value in points)) or 1.0
    wide, high = (WIDTH - LEFT - RIGHT) / ((last - first) or 1), (HEIGHT - TOP - BOTTOM) / top

    def drawn(values: Sequence[tuple[float, float]]) -> str:
        held = [(at, before) for (_, before), (at, _) in pairwise(values)] if steps else []
        whole = [point for pair in zip(values, [*held, values[-1]], strict=True) for point in pair] if held else values
        return " ".join(f"{LEFT + wide * (at - first):.1f},{HEIGHT - BOTTOM - high * value:.1f}" for at, value in whole)

    return {
        "kind": "lines",
        "heading": heading,
        "x": x,
        "y": y,
        "lines": [drawn(values) for values in series.values() if values],
        "legend": [(name, LEFT + 165 * place) for place, name in enumerate(series)],
        "top": f"{top:.3g}",
        "ends": (f"{first:.4g}", f"{last:.4g}"),
        "description": ". ".join(
            f"{name}: from {values[0][1]:.3g} to {values[-1][1]:.3g}, at most {max(v for _, v in values):.3g}"
            for name, values in series.items()
            if values
        ),
    }
