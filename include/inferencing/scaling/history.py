"""Traffic of the last hour and of this time on other days, each hour that is over read once."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError
from include.inferencing.scaling.decide import HISTORY
from include.inferencing.scaling.observe import AROUND
from include.inferencing.traffic import TRAFFIC, Minute, TrafficReport, minute_of

# other days that resemble this one
DAYS_BACK = (1, 7)
LONGEST_BOOT = timedelta(hours=1)


class Known(NamedTuple):
    """Minutes of the last hour, of about this time on other days, and when a gateway wrote last."""

    recent: list[Minute]
    other_days: list[Minute]
    written: datetime | None


class Traffic:
    """Reads documents of gateways; those of other days are kept."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.kept: dict[str, list[Minute]] = {}

    def read(self, now: datetime) -> Known:
        """What is known at `now`; `written` is None where no gateway wrote in the last hour."""
        since, recent, written = minute_of(now - timedelta(minutes=HISTORY)), [], None
        for hour in _hours(now - timedelta(minutes=HISTORY), now):
            for item in self.bucket.objects(f"{TRAFFIC}{hour}/"):
                written = max(written or item.modified, item.modified)
                recent += [minute for minute in self._report(item.key) if minute.at >= since]
        around, wanted = timedelta(minutes=AROUND), []
        for day in DAYS_BACK:
            then = now - timedelta(days=day)
            wanted += _hours(then - around, then + around + LONGEST_BOOT)
        self.kept = {hour: self._hour(hour) for hour in dict.fromkeys(wanted)}
        return Known(recent, [minute for minutes in self.kept.values() for minute in minutes], written)

    def _hour(self, hour: str) -> list[Minute]:
        if hour in self.kept:
            return self.kept[hour]
        return [minute for key in self.bucket.keys(f"{TRAFFIC}{hour}/") for minute in self._report(key)]

    def _report(self, key: str) -> list[Minute]:
        try:
            return TrafficReport.model_validate_json(self.bucket.get_bytes(key)[0]).minutes
        except ArtifactNotFoundError:
            return []


def _hours(since: datetime, until: datetime) -> list[str]:
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = []
    while hour <= until:
        found.append(hour.strftime("%Y-%m-%dT%H"))
        hour += timedelta(hours=1)
    return found
