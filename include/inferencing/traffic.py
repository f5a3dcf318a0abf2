"""What the gateways have answered: a small document an hour and gateway, minute by minute, for whoever decides by it.

Each gateway alone writes its own documents, so that no condition is needed.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError

TRAFFIC = "serving/traffic/"
# of gateways that do not tell theirs
PATIENCE = 30.0
# upper bounds of the bins, in seconds, each 1.35 times the one before: 1 ms to 110 s, and one bin for what is above
BOUNDS = tuple(round(0.001 * 1.35**n, 6) for n in range(40))


class Times(BaseModel):
    """A histogram of durations over BOUNDS, in seconds."""

    model_config = ConfigDict(extra="forbid")
    counts: list[int] = Field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Count a duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += count
        self.total += seconds * count

    def merge(self, other: "Times") -> None:
        """Add another histogram to this one."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bin in which `share` of the durations is reached; None where there are none."""
        wanted, seen = share * self.count, 0
        if not self.count:
            return None
        for count, bound in zip(self.counts, (*BOUNDS, BOUNDS[-1] * 2), strict=True):
            seen += count
            if seen >= wanted:
                return bound
        return BOUNDS[-1] * 2


class ModelTraffic(BaseModel):
    """One model's requests in one minute; a request counts in the minute in which it ended."""

    model_config = ConfigDict(extra="forbid")
    requests: int = Field(0, description="All that were sent to the model.")
    failed: int = Field(0, description="Of those, ended by an error that is not the client's.")
    cancelled: int = Field(0, description="Of those, given up by the client, or at its own deadline.")
    refused: int = Field(0, description="Of those, that it called wrong: the client's fault.")
    retried: int = Field(
        0, description="Attempts that it failed, or alone refused, before anything was sent: made again elsewhere."
    )
    begun: int = Field(
        0, description="Attempts that were sent to it, when they were; without those given up for no fault of its own."
    )
    empty: int = Field(0, description="Answers without any text.")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    queue: Times = Field(default_factory=Times, description="Waited in the gateway.")
    first_token: Times = Field(default_factory=Times, description="From the request's arrival to its first token.")
    token_gap: Times = Field(default_factory=Times, description="Between two tokens.")
    whole: Times = Field(default_factory=Times, description="From the request's arrival to its last token.")
    given_up: Times = Field(default_factory=Times, description="From the request's arrival to its client's giving up.")
    tenants: dict[str, int] = Field(default_factory=dict, description="Tokens of prompts and answers, by tenant.")

    def merge(self, other: "ModelTraffic") -> None:
        """Add another's counts to these."""
        for name in type(self).model_fields:
            mine, its = getattr(self, name), getattr(other, name)
            if isinstance(mine, Times):
                mine.merge(its)
            elif isinstance(mine, dict):
                mine.update({tenant: mine.get(tenant, 0) + tokens for tenant, tokens in its.items()})
            else:
                setattr(self, name, mine + its)


class Minute(BaseModel):
    """What one gateway saw in one minute, which `at` begins (UTC, ISO 8601)."""

    model_config = ConfigDict(extra="forbid")
    at: str
    models: dict[str, ModelTraffic] = Field(default_factory=dict, description="By the model's name on Triton.")
    refused: dict[str, int] = Field(default_factory=dict, description="By status code: never reached a model.")
    arrived: int = Field(0, description="Requests for an answer that were let in.")
    in_flight: int = Field(0, description="Highest number of answers under way at once.")
    waiting: int = Field(0, description="Highest number of requests that waited for a place.")
    patience: float = Field(PATIENCE, description="Seconds of silence after which this gateway calls an answer failed.")


class TrafficReport(BaseModel):
    """One gateway's minutes of one hour."""

    model_config = ConfigDict(extra="forbid")
    gateway: str
    minutes: list[Minute]

    @property
    def hour(self) -> str:
        """The hour, as keys have it: 2026-11-28T09."""
        return self.minutes[0].at[:13]

    def write(self, bucket: Bucket) -> None:
        """Replace this gateway's document of the hour."""
        bucket.put_bytes(f"{TRAFFIC}{self.hour}/{self.gateway}.json", self.model_dump_json().encode())


def minute_of(moment: datetime) -> str:
    """The minute that a moment lies in."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00+00:00")


def read_traffic(bucket: Bucket, since: datetime, until: datetime) -> Iterator[tuple[str, Minute]]:
    """All gateways' minutes that begin in [since, until), each with the gateway's name; in the order of hours."""
    first, last = minute_of(since), minute_of(until)
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < until:
        for key in bucket.keys(f"{TRAFFIC}{hour.strftime('%Y-%m-%dT%H')}/"):
            try:
                report = TrafficReport.model_validate_json(bucket.get_bytes(key)[0])
            except ArtifactNotFoundError:
                continue
            yield from ((report.gateway, minute) for minute in report.minutes if first <= minute.at < last)
        hour += timedelta(hours=1)


def by_model(minutes: Iterator[tuple[str, Minute]]) -> dict[str, ModelTraffic]:
    """All minutes together, by model."""
    found: dict[str, ModelTraffic] = {}
    for _, minute in minutes:
        for name, traffic in minute.models.items():
            found.setdefault(name, ModelTraffic()).merge(traffic)
    return found
