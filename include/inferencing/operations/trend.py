"""Where a daily figure is heading: a slope that outliers do not move, and whether it is more than chance.

The slope is the median of those between all pairs of days (Theil 1950, Sen 1968), the test Kendall's (Mann 1945). Both
are short, and scipy's take seconds to import in a task that looks every few minutes.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist, median
from typing import NamedTuple

LEAST_DAYS = 7


class Trend(NamedTuple):
    """Change a day, the level at the last day, and the probability of such a trend by chance."""

    slope: float
    level: float
    p: float

    def days_until(self, ceiling: float, chance: float = 0.05) -> float | None:
        """Days until the level reaches `ceiling`; None where no rise is shown. 0 where it has been reached."""
        if self.level >= ceiling:
            return 0.0
        return (ceiling - self.level) / self.slope if self.slope > 0 and self.p <= chance else None


def trend(values: Sequence[float]) -> Trend | None:
    """The trend of a value a day, the last day last; None for fewer than a week."""
    if len(values) < LEAST_DAYS:
        return None
    pairs = list(combinations(enumerate(values), 2))
    slope = median((later - earlier) / (j - i) for (i, earlier), (j, later) in pairs)
    level = median(value - slope * day for day, value in enumerate(values)) + slope * (len(values) - 1)
    rises = sum((later > earlier) - (later < earlier) for (_, earlier), (_, later) in pairs)
    return Trend(slope, level, _chance(rises, values))


def _chance(rises: int, values: Sequence[float]) -> float:
    """Two-sided, by Kendall's normal approximation with ties and a continuity correction."""
    n = len(values)
    ties = [values.count(one) for one in set(values)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    if variance <= 0 or not rises:
        return 1.0
    return 2 * (1 - NormalDist().cdf((abs(rises) - 1) / math.sqrt(variance)))
