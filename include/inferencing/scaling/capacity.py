"""What one engine (an instance of a model) yields under continuous batching, and how that is told from traffic.

A step writes one token for each of x streams and takes base + slope * x seconds: the weights are read once a step,
each stream adds its own attention and sampling. Throughput x / (base + slope * x) grows with x and saturates.
"""

from collections.abc import Sequence
from typing import NamedTuple

# weight of what is declared against what was measured: it decides only where traffic has one concurrency
PRIOR_SHARE = 0.05


class Capacity(NamedTuple):
    """One engine; seconds. `spread`: how much longer than the mean the answer is that the target's share reaches."""

    base: float
    slope: float
    prompt: float
    tokens: float
    most_streams: int
    spread: float = 1.5

    def step(self, streams: float) -> float:
        """Seconds between two tokens of each of `streams` answers."""
        return self.base + self.slope * streams

    def answer(self, streams: float) -> float:
        """Seconds of a mean answer beside `streams - 1` others."""
        return self.prompt + self.tokens * self.step(streams)

    def rate(self, streams: float) -> float:
        """Answers a second of `streams` at once."""
        return streams / self.answer(streams)

    def places(self, latency: float, first_token: float | None) -> int:
        """Answers at once that still come within the declared times; 1 where not even one alone does."""
        low, high = 1, self.most_streams
        while low < high:
            middle = (low + high + 1) // 2
            if self.in_time(middle, latency, first_token):
                low = middle
            else:
                high = middle - 1
        return low

    def in_time(self, streams: int, latency: float, first_token: float | None) -> bool:
        """Whether an answer beside `streams - 1` others comes within the declared times."""
        whole = self.prompt + self.spread * self.tokens * self.step(streams)
        first = self.prompt + self.step(streams)
        return whole <= latency and (first_token is None or first <= first_token)


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
    ends = (1.0, float(max(2, declared.most_streams)))
    weight = max(1.0, PRIOR_SHARE * total / len(ends))
    points = [(sample.streams, sample.gap, float(sample.tokens)) for sample in samples]
    points += [(end, scale * declared.step(end), weight) for end in ends]
    slope = max(0.0, _slope(points))
    mass = sum(w for _, _, w in points)
    base = (sum(w * y for _, y, w in points) - slope * sum(w * x for x, _, w in points)) / mass
    least = 1e-6
    return declared._replace(base=max(least, base), slope=slope)


def _slope(points: Sequence[tuple[float, float, float]]) -> float:
    mass = sum(w for _, _, w in points)
    middle_x = sum(w * x for x, _, w in points) / mass
    middle_y = sum(w * y for _, y, w in points) / mass
    spread = sum(w * (x - middle_x) ** 2 for x, _, w in points)
    return sum(w * (x - middle_x) * (y - middle_y) for x, y, w in points) / spread if spread else 0.0
