"""Axes of pictures, for any numbers that a training may tell."""

import math
import sys

import pytest
from genai_airflow.views.plots import HEIGHT, WIDTH, lines_plot


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        (2.5, math.nextafter(2.5, 3)),
        (1e50, 1e50),
        (-3.0, -3.0),
        (0.0, sys.float_info.min),
        (0.0, 5e-324),
        (-9e99, 9e99),
        (1e-9, 1e9),
        (0.0, 0.0),
    ],
)
def test_lines_of_any_numbers_lie_within_the_picture(values: tuple[float, ...], zero: bool) -> None:
    plot = lines_plot("loss", "Loss", {"loss": list(enumerate(values))}, "step", "loss", zero=zero)

    places = [tuple(map(float, point.split(","))) for point in plot.lines[0].points.split()]
    assert len(places) == len(values)
    assert all(0 <= left <= WIDTH and 0 <= top <= HEIGHT for left, top in places)
    assert len({tick.text for tick in plot.y_ticks}) >= 2 and len(plot.y_ticks) <= 12
