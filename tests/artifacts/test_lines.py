"""Lines over one axis, as a page draws them."""

import re

import pytest

from include.artifacts.report import Report


def test_lines_share_axes_and_steps_hold_their_value() -> None:
    lines = {"load": [(0.0, 0.0), (2.0, 4.0)], "servers": [(0.0, 1.0), (1.0, 2.0), (2.0, 2.0)]}
    straight = re.findall(r'points="([^"]+)"', Report("r").lines(lines, "hours", "a second", "h").page())
    held = re.findall(r'points="([^"]+)"', Report("r").lines(lines, "hours", "a second", "h", steps=True).page())

    assert straight == ["48.0,208.0 710.0,26.0", "48.0,162.5 379.0,117.0 710.0,117.0"]
    assert held[1].startswith("48.0,162.5 379.0,162.5 379.0,117.0")


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="5 lines"):
        Report("r").lines({str(number): [(0.0, 1.0)] for number in range(5)}, "x", "y", "h")
