"""What one engine (an instance of a model) yields under continuous batching, and how that is told from traffic.

A step writes one token for each of x streams and takes base + slope * x seconds: the weights are read once a step,
each stream adds its own attention and sampling. Throughput x / (base + slope * x) grows with x and saturates.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

# weight of what is declared against what was measured, at half and twice the usual concurrency: it decides the slope
# only where traffic has one concurrency
DECLARED_SHARE = 0.01


class Capacity(NamedTuple):
    """One engine; seconds. Answers have `tokens` on the mean, lognormal with `sigma`."""

    base: float
    slope: float
    prompt: float
    tokens: float
    most_streams: int
    sigma: float = 0.6

    def step(self, streams: float) -> float:
        """Seconds between two tokens of each of `streams` answers."""
        return self.base + self.slope * streams

    def rate(self, streams: float) -> float:
        """Answers a second of `streams` at once."""
        return streams / (self.prompt + self.tokens * self.step(streams))

    def late(self, streams: float, latency: float, first_token: float | None) -> float:
        """Of the answers beside `streams - 1` others, the share that exceeds the declared times."""
        step = self.step(streams)
        if latency <= self.prompt or (first_token is not None and self.prompt + step > first_token):
            return 1.0
        longest = (latency - self.prompt) / (self.tokens * step)
        if self.sigma <= 0:
            return float(longest < 1)
        return 0.5 * math.erfc((math.log(longest) / self.sigma + self.sigma / 2) / math.sqrt(2))

    def places(self, late: float, latency: float, first_token: float | None) -> int:
        """The most answers at once of which no more than a share `late` exceeds the declared times; 0: not even one."""
        low, high = 0, self.most_streams
        while low < high:
            middle = (low + high + 1) // 2
            if self.late(middle, latency, first_token) <= late:
                low = middle
            else:
                high = middle - 1
        return low


def sigma_of(spread: float, share: float) -> float:
    """Sigma of a lognormal whose quantile `share` is `spread` times its mean."""
    z = NormalDist().inv_cdf(share)
    return z - math.sqrt(max(0.0, z * z - 2 * math.log(max(1.0, spread))))


class Sample(NamedTuple):
    """One minute of one model: streams of an engine (Little's law), mean seconds between tokens, how many tokens."""

    streams: float
    gap: float
    tokens: int


def measured(declared: Capacity, samples: Sequence[Sample]) -> Capacity:
    """`declared` with base and slope as traffic shows them: weighted least squares.

    The declaration gives only the shape where all traffic had one concurrency: it is scaled to what was measured,
    and counts as a small share of it.
    """
    total = sum(sample.tokens for sample in samples)
    if not total:
        return declared
    expected = sum(sample.tokens * declared.step(sample.streams) for sample in samples)
    scale = sum(sample.tokens * sample.gap for sample in samples) / expected
    usual = sum(sample.tokens * sample.streams for sample in samples) / total
    ends = (usual / 2, usual * 2)
    weight = DECLARED_SHARE * total / len(ends)
    points = [(sample.streams, sample.gap, float(sample.tokens)) for sample in samples]
    points += [(end, scale * declared.step(end), weight) for end in ends]
    slope = max(0.0, _slope(points))
    mass = sum(w for _, _, w in points)
    base = (sum(w * y for _, y, w in points) - slope * sum(w * x for x, _, w in points)) / mass
    return declared._replace(base=max(1e-6, base), slope=slope)


def _slope(points: Sequence[tuple[float, float, float]]) -> float:
    mass = sum(w for _, _, w in points)
    middle_x = sum(w * x for x, _, w in points) / mass
    middle_y = sum(w * y for _, y, w in points) / mass
    spread = sum(w * (x - middle_x) ** 2 for x, _, w in points)
    return sum(w * (x - middle_x) * (y - middle_y) for x, y, w in points) / spread if spread else 0.0
