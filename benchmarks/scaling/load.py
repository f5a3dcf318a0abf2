"""What is asked for: a rate over time, arrivals drawn from it, and what goes wrong meanwhile."""

import bisect
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

HOUR, DAY = 3600.0, 86_400.0
# answers: lognormal around this mean, in tokens
MEAN_TOKENS, SIGMA = 160.0, 0.6


class Request(NamedTuple):
    """When it is asked, in seconds, and how many tokens answer it."""

    at: float
    tokens: float


class Trouble(NamedTuple):
    """`kill`: a server dies at `at`; `slow`: boots take `factor` times as long; `stale`: metrics stand still."""

    kind: str
    at: float
    until: float = 0.0
    factor: float = 4.0


@dataclass(frozen=True)
class Scenario:
    """A rate in requests a second over `seconds`, and troubles; `yesterday`: there is a day's history."""

    name: str
    seconds: float
    rate: Callable[[float], float]
    troubles: tuple[Trouble, ...] = ()
    yesterday: bool = False

    @property
    def rates(self) -> list[float]:
        """The rate in each minute."""
        return [self.rate(60.0 * minute + 30) for minute in range(int(self.seconds // 60))]

    def requests(self, seed: int) -> list[Request]:
        """A Poisson stream of that rate, by thinning."""
        draw = random.Random(seed)  # noqa: S311
        top = max(self.rates) * 1.05
        mean = math.log(MEAN_TOKENS) - SIGMA**2 / 2
        found, at = [], 0.0
        while (at := at + draw.expovariate(top)) < self.seconds:
            if draw.random() < self.rate(at) / top:
                found.append(Request(at, max(1.0, draw.lognormvariate(mean, SIGMA))))
        return found


def steady(hours: float = 2.0, rate: float = 4.0) -> Scenario:
    """The same rate all the time."""
    return Scenario("steady", hours * HOUR, lambda _: rate)


def daily(low: float = 0.4, high: float = 6.0) -> Scenario:
    """A working day: quiet at night, a peak before noon and one in the afternoon; the day before was alike."""

    def rate(at: float) -> float:
        hour = at / HOUR % 24
        day = math.exp(-(((hour - 10.5) / 2.2) ** 2)) + 0.85 * math.exp(-(((hour - 15.5) / 2.4) ** 2))
        return low + (high - low) * min(1.0, day)

    return Scenario("daily", DAY, rate, yesterday=True)


def bursty(seed: int, hours: float = 4.0, low: float = 1.0, high: float = 7.0) -> Scenario:
    """Every half an hour or so, within one to three minutes, several times the load, for five to fifteen minutes."""
    draw = random.Random(seed)  # noqa: S311
    bursts, at = [], draw.uniform(600, 1800)
    while at < hours * HOUR:
        bursts.append((at, draw.uniform(60, 180), draw.uniform(300, 900), draw.uniform(0.5, 1.0)))
        at += bursts[-1][2] + draw.uniform(900, 2400)
    starts = [burst[0] for burst in bursts]

    def rate(moment: float) -> float:
        place = bisect.bisect_right(starts, moment) - 1
        if place < 0:
            return low
        start, ramp, lasts, size = bursts[place]
        inside = min(1.0, (moment - start) / ramp, max(0.0, (start + lasts + ramp - moment) / ramp))
        return low + (high - low) * size * inside

    return Scenario("bursty", hours * HOUR, rate)


def failing(hours: float = 3.0, rate: float = 4.0) -> Scenario:
    """Steady but for what fails: servers die, boots are slow, metrics stand still while the load doubles."""
    hour = HOUR

    def load(at: float) -> float:
        return rate * (1.8 if 1.55 * hour < at < 1.9 * hour else 1.0)

    troubles = (
        Trouble("kill", 0.4 * hour),
        Trouble("kill", 0.45 * hour),
        Trouble("slow", 0.9 * hour, until=1.2 * hour),
        Trouble("kill", 1.0 * hour),
        Trouble("stale", 1.5 * hour, until=1.6 * hour),
        Trouble("kill", 2.3 * hour),
    )
    return Scenario("failing", hours * hour, load, tuple(t for t in troubles if t.at < hours * hour))
