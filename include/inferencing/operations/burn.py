"""How fast an error budget burns, and when that is worth a person's attention.

The multi-window, multi-burn-rate alerts of the Google SRE Workbook (Beyer et al. 2018, chapter 5, "Alerting on SLOs",
table 5-8): a burn rate of 1 spends the budget of the whole period exactly; the long window shows that it matters, the
short one that it has not stopped.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from include.evaluation.statistics import share_interval
from include.inferencing.operations.spans import Span, merged, since, within

Severity = Literal["page", "ticket"]
WINDOWS = {
    "5 min": timedelta(minutes=5),
    "30 min": timedelta(minutes=30),
    "1 h": timedelta(hours=1),
    "6 h": timedelta(hours=6),
    "3 d": timedelta(days=3),
    "30 d": timedelta(days=30),
}
PERIOD = "30 d"


class Rule(NamedTuple):
    """Alert where both windows burn at `rate` or faster."""

    severity: Severity
    long: str
    short: str
    rate: float


RULES = (Rule("page", "1 h", "5 min", 14.4), Rule("page", "6 h", "30 min", 6.0), Rule("ticket", "3 d", "6 h", 1.0))


class Count(BaseModel):
    """Events of a window, and the bad ones among them."""

    model_config = ConfigDict(frozen=True)
    total: float
    bad: float

    @property
    def share(self) -> float:
        """Of the events, that were bad."""
        return self.bad / self.total if self.total else 0.0


class Objective(BaseModel):
    """One objective: what counts, the share of good events it asks for, and what was counted by window."""

    model_config = ConfigDict(frozen=True)
    name: str
    wanted: float = Field(gt=0, lt=1)
    counts: dict[str, Count]

    def burn(self, window: str) -> float:
        """How many times faster than allowed the budget is spent."""
        return self.counts[window].share / (1 - self.wanted)

    @property
    def spent(self) -> float:
        """Part of the period's budget that is spent; above 1 there is none left."""
        return self.burn(PERIOD)

    @property
    def burnt(self) -> bool:
        """Whether the budget is spent beyond chance: a single failure among few requests is no proof."""
        whole = self.counts[PERIOD]
        return self.spent >= 1 and share_interval(whole.bad, round(whole.total))[0] > 1 - self.wanted

    def alerts(self, least: int) -> list[Rule]:
        """The rules that hold; none on fewer than `least` events in the longer window."""
        return [
            rule
            for rule in RULES
            if self.counts[rule.long].total >= least and min(self.burn(rule.long), self.burn(rule.short)) >= rule.rate
        ]


def answered(spans: Sequence[Span], at: datetime, wanted: float) -> Objective:
    """Requests answered: what failed, or was refused by a fault of the server's, is bad; given up by clients, none."""
    return Objective(name="answered", wanted=wanted, counts=_by_window(spans, at, _answered))


def in_time(spans: Sequence[Span], at: datetime, wanted: float, seconds: float) -> Objective:
    """Answers whose last token came within the declared latency; a client that gave up after that got a late one."""

    def counted(some: Sequence[Span]) -> Count:
        traffic = merged(one for span in some for one in span.models.values())
        late, waited = (max(0.0, one.count - within(one, seconds)) for one in (traffic.whole, traffic.given_up))
        return Count(total=traffic.whole.count + waited, bad=late + waited)

    return Objective(name="in time", wanted=wanted, counts=_by_window(spans, at, counted))


def _by_window(spans: Sequence[Span], at: datetime, count: Callable[[Sequence[Span]], Count]) -> dict[str, Count]:
    return {name: count(since(spans, at - length)) for name, length in WINDOWS.items()}


def _answered(spans: Sequence[Span]) -> Count:
    traffic = merged(one for span in spans for one in span.models.values())
    refused = sum(count for span in spans for code, count in span.refused.items() if code >= "500")
    asked = max(0, traffic.requests - traffic.cancelled)
    bad = min(asked, traffic.failed) + refused
    return Count(total=asked + refused, bad=bad)
