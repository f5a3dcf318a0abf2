"""Bootstrap intervals: how far a mean, or the mean difference of two models, can be trusted."""

import random
from collections.abc import Sequence

from include.core.errors import ConfigurationError

RESAMPLES = 1000


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """(mean, low, high): the mean of `values` and its 95% percentile interval.

    The same values and seed give the same interval. ConfigurationError where there is no value.
    """
    if not values:
        raise ConfigurationError("values", 0, "there is nothing to average", "Give at least one value")
    draw = random.Random(seed)  # noqa: S311
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(resamples))
    return sum(values) / len(values), means[int(0.025 * resamples)], means[int(0.975 * resamples) - 1]


def paired_bootstrap(
    a: Sequence[float], b: Sequence[float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float, float]:
    """(mean difference, low, high) of b - a over pairs, with a 95% interval.

    `a[i]` and `b[i]` measure the same question, so the spread between questions cancels out.
    """
    if len(a) != len(b):
        raise ConfigurationError("b", len(b), f"there are {len(a)} values to pair with", "Pair answers by question id")
    return bootstrap_mean([after - before for before, after in zip(a, b, strict=True)], seed, resamples)
