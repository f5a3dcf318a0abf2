"""Intervals: how far a mean, a share, or the mean difference of two models, can be trusted."""

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from include.core.errors import ConfigurationError

RESAMPLES = 1000
# of a normal distribution, 95% lie within so many standard errors
Z95 = 1.959964

T = TypeVar("T")


def bootstrap(
    values: Sequence[T], statistic: Callable[[Sequence[T]], float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """(statistic, low, high) of `values`, with its 95% percentile interval over resamples of them.

    The same values and seed give the same interval. ConfigurationError where there is no value.
    """
    if not values:
        raise ConfigurationError("values", 0, "there is nothing to average", "Give at least one value")
    draw = random.Random(seed)  # noqa: S311
    found = sorted(statistic(draw.choices(values, k=len(values))) for _ in range(resamples))
    return statistic(values), found[int(0.025 * resamples)], found[int(0.975 * resamples) - 1]


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """(mean, low, high): the mean of `values` and its 95% percentile interval, as `bootstrap` gives it."""
    return bootstrap(values, lambda some: sum(some) / len(some), seed, resamples)


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """(mean difference, low, high) of b - a over pairs, with a 95% interval.

    `a[i]` and `b[i]` measure the same question, so the spread between questions cancels out.
    """
    if len(a) != len(b):
        raise ConfigurationError("b", len(b), f"there are {len(a)} values to pair with", "Pair answers by question id")
    return bootstrap_mean([after - before for before, after in zip(a, b, strict=True)], seed, resamples)


def share_interval(successes: float, total: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval of a share, 95% unless `z` says otherwise: none of ten is not known to be none of all.

    A tie may be half a success.
    """
    share, spread = successes / total, z**2 / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
