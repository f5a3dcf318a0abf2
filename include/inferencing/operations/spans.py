"""What a use case was asked, span by span: minutes of the last hours, and hours of the last month.

Hours that are long over are kept together in `serving/<use case>/traffic/<day>.json`, so that a look at a month reads
a document a day. They are made of the gateways' documents alone: whoever is killed makes them again.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError
from include.inferencing.champion import model_prefix
from include.inferencing.traffic import BOUNDS, TRAFFIC, Minute, ModelTraffic, Times, read_traffic

MONTH, RECENT, HOUR = timedelta(days=30), timedelta(hours=6), timedelta(hours=1)
READERS = 8


class Span(BaseModel):
    """A use case's traffic in a minute or an hour that `at` begins (UTC, ISO 8601)."""

    model_config = ConfigDict(extra="forbid")
    at: str
    seconds: int
    models: dict[str, ModelTraffic] = Field(default_factory=dict, description="By the model's name on Triton.")
    refused: dict[str, float] = Field(default_factory=dict, description="By status code: its part of all refusals.")
    peak_requests: float = Field(0, description="Of its busiest minute, a second.")
    peak_tokens: float = Field(0, description="Written in its busiest minute, a second.")
    in_flight: int = Field(0, description="Of all use cases: most answers under way at once.")
    waiting: int = Field(0, description="Of all use cases: most requests that waited at once.")
    all_tokens: int = Field(0, description="Of all use cases: tokens read and written.")
    servers: float = Field(0, description="Servers that ran, on average.")

    @property
    def moment(self) -> datetime:
        """When it begins."""
        return datetime.fromisoformat(self.at)

    @property
    def traffic(self) -> ModelTraffic:
        """All models together."""
        return merged(self.models.values())


@dataclass(frozen=True)
class World:
    """What the spans of a use case are made with: how many servers ran at a moment, since when there is something to
    count, and its part of what cannot be told apart."""

    use_case: str
    servers: Callable[[datetime], float]
    began: datetime
    part: float = 1.0


_DAY = TypeAdapter(dict[str, Span])


def read_spans(bucket: Bucket, world: World, at: datetime) -> list[Span]:
    """Spans of the month before `at`, in their order; hours without traffic are there, minutes without are not."""
    recent = _hour(at - RECENT)
    first = max(_hour(at - MONTH), _hour(world.began))
    hours = [first + HOUR * n for n in range(max(0, int((recent - first) / HOUR)))]
    days = sorted({hour.date().isoformat() for hour in hours})
    with ThreadPoolExecutor(READERS) as pool:
        kept = dict(zip(days, pool.map(lambda day: _read_day(bucket, world.use_case, day), days), strict=True))
    missing = [hour for hour in hours if hour.isoformat() not in kept[hour.date().isoformat()]]
    if missing:
        _complete(bucket, world, missing, kept)
    old = [kept[hour.date().isoformat()][hour.isoformat()] for hour in hours]
    return [*old, *_spans(bucket, world, recent, at, 60)]


def since(spans: Sequence[Span], moment: datetime) -> list[Span]:
    """The spans that begin at a moment or later."""
    return [span for span in spans if span.moment >= moment]


def merged(traffic: Iterable[ModelTraffic]) -> ModelTraffic:
    """Traffic added up."""
    whole = ModelTraffic()
    for one in traffic:
        whole.merge(one)
    return whole


def within(times: Times, seconds: float) -> float:
    """How many durations were at most `seconds` long; inside a bin they are taken to lie evenly."""
    found, low = 0.0, 0.0
    for count, high in zip(times.counts, (*BOUNDS, BOUNDS[-1] * 2), strict=True):
        found += count * min(1.0, max(0.0, (seconds - low) / (high - low)))
        low = high
    return found


def _complete(bucket: Bucket, world: World, missing: list[datetime], kept: dict[str, dict[str, Span]]) -> None:
    """Make the hours that are not kept yet, and keep them."""
    written = {key.removeprefix(TRAFFIC)[:13] for key in bucket.keys(TRAFFIC)}
    for hour in missing:
        made = [Span(at=hour.isoformat(), seconds=3600, servers=world.servers(hour))]
        if hour.strftime("%Y-%m-%dT%H") in written:
            made = _spans(bucket, world, hour, hour + HOUR, 3600) or made
        kept[hour.date().isoformat()][hour.isoformat()] = made[0]
    for day in {hour.date().isoformat() for hour in missing}:
        bucket.put_bytes(_day_key(world.use_case, day), _DAY.dump_json(kept[day], exclude_defaults=True))


def _spans(bucket: Bucket, world: World, first: datetime, last: datetime, seconds: int) -> list[Span]:
    """Spans of so many seconds with traffic in [first, last)."""
    minutes: dict[str, list[Minute]] = {}
    for _, minute in read_traffic(bucket, first, last):
        minutes.setdefault(minute.at, []).append(minute)
    found: dict[str, Span] = {}
    for at in sorted(minutes):
        key = _hour(datetime.fromisoformat(at)).isoformat() if seconds == 3600 else at
        moment = datetime.fromisoformat(key)
        span = found.setdefault(key, Span(at=key, seconds=seconds, servers=world.servers(moment)))
        _add(span, minutes[at], world)
    return list(found.values())


def _add(span: Span, minutes: list[Minute], world: World) -> None:
    """Add what all gateways saw in one minute."""
    ours = re.compile(re.escape(model_prefix(world.use_case)) + r"[0-9a-f]{12}")
    mine, everything = ModelTraffic(), ModelTraffic()
    for minute in minutes:
        for name, traffic in minute.models.items():
            everything.merge(traffic)
            if ours.fullmatch(name):
                mine.merge(traffic)
                span.models.setdefault(name, ModelTraffic()).merge(traffic)
    part = mine.requests / everything.requests if everything.requests else world.part
    for minute in minutes:
        for code, count in minute.refused.items():
            span.refused[code] = span.refused.get(code, 0.0) + part * count
    span.peak_requests = max(span.peak_requests, mine.requests / 60)
    span.peak_tokens = max(span.peak_tokens, mine.completion_tokens / 60)
    span.in_flight = max(span.in_flight, sum(minute.in_flight for minute in minutes))
    span.waiting = max(span.waiting, sum(minute.waiting for minute in minutes))
    span.all_tokens += everything.prompt_tokens + everything.completion_tokens


def _read_day(bucket: Bucket, use_case: str, day: str) -> dict[str, Span]:
    """The hours that are kept of a day; none where they cannot be read: they are made again."""
    try:
        return _DAY.validate_json(bucket.get_bytes(_day_key(use_case, day))[0])
    except (ArtifactNotFoundError, ValidationError):
        return {}


def _day_key(use_case: str, day: str) -> str:
    return f"serving/{use_case}/traffic/{day}.json"


def day_of(key: str) -> str:
    """The day whose traffic is kept under a key; empty for any other key."""
    found = re.fullmatch(r"serving/[^/]+/traffic/(\d{4}-\d{2}-\d{2})\.json", key)
    return found[1] if found else ""


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
