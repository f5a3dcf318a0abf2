"""The arrival rate to be ready for: what comes by the time that a server asked for now can answer.

A damped trend (Holt's linear smoothing; Gardner and McKenzie, 1985) over the last minutes, what has arrived in the
minute under way, and where there is history the same time of other days (a seasonal naive forecast, scaled to today).
"""

import math
from collections.abc import Sequence

LEVEL, TREND, DAMPING = 0.5, 0.2, 0.9
# deviations by which arrivals of the minute under way must exceed chance, and the least time they are counted over
CERTAIN, LEAST_SECONDS = 1.5, 8.0
MOST_SEASONAL = 4.0


def smoothed(rates: Sequence[float], ahead: float) -> float:
    """The rate `ahead` steps after the last of `rates`; 0 without any."""
    if not rates:
        return 0.0
    level, trend = rates[0], 0.0
    for rate in rates[1:]:
        before = level
        level = LEVEL * rate + (1 - LEVEL) * (level + DAMPING * trend)
        trend = TREND * (level - before) + (1 - TREND) * DAMPING * trend
    reach: float = DAMPING * (1 - DAMPING**ahead) / (1 - DAMPING)
    return max(0.0, level + reach * trend)


def surely(count: int, seconds: float) -> float:
    """The rate that `count` arrivals in the last `seconds` prove: chance alone rarely exceeds it.

    The root of a Poisson count has a deviation of one half at any rate (Anscombe).
    """
    root = max(0.0, math.sqrt(count) - CERTAIN / 2)
    return root * root / max(seconds, LEAST_SECONDS)


def expected_rate(
    rates: Sequence[float], count: int, seconds: float, ahead_seconds: float, season: tuple[float, float] | None
) -> tuple[float, str]:
    """Answers a second that are asked for `ahead_seconds` from now, and what says so.

    `rates` of whole minutes, oldest first; `count` in the `seconds` of the minute under way; `season`: the rate at
    this time and after `ahead_seconds` on other days.
    """
    trend = smoothed(rates, (seconds + ahead_seconds) / 60)
    found = [(trend, "trend"), (surely(count, seconds), "this minute")]
    if season and season[0] > 0 and rates:
        today = sum(rates[-5:]) / len(rates[-5:])
        found.append((today * min(MOST_SEASONAL, season[1] / season[0]), "time of day"))
    return max(found)
