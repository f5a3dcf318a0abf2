"""A source as it stood at a moment: the newest version of each record that was known then, and nothing from the future.

A record has two times: when it happened, and when the source learned of it. A correction is another version of the
record, recorded later; a deletion is a version without content.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Generic, TypeVar

from include.core.errors import SourceError
from include.data_preparation.sources.sorted_rows import SortedRows

Content = TypeVar("Content")
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True)
class Version(Generic[Content]):
    """What a source says of one record from `recorded_at` on: its content, or None once it is deleted."""

    id: str
    event_time: datetime
    recorded_at: datetime
    content: Content | None
    place: str = field(default="", compare=False)

    @property
    def said(self) -> tuple[datetime | None, Content | None]:
        """What counts of it; of a deletion, only that it is one."""
        return (self.event_time if self.content is not None else None), self.content


class Snapshot(Generic[Content]):
    """What is visible at a moment, and what became of other records: counts, whole once `of` has given all.

    `late` ones were recorded after a record that happened later; `corrected` ones had another version before;
    `deleted` and `erased` ones are left out for that. The newest times are of visible records; None without any.
    """

    def __init__(self, moment: datetime) -> None:
        self._moment = moment
        self.visible = self.late = self.corrected = self.deleted = self.erased = 0
        self.newest_event: datetime | None = None
        self.newest_recorded: datetime | None = None

    def of(
        self, records: Iterable[tuple[bool, Iterable[Version[Content]]]], scratch: Path
    ) -> Iterator[Version[Content]]:
        """Those that were visible: recorded and happened before the moment, the newest version of each record.

        A record is whether it is erased, and its versions by `recorded_at` and `place`. A newer version replaces an
        older one even where it moves the record past the moment. Erased records are left out at every moment,
        whenever they were erased. SourceError where two versions claim the same time of record.
        """
        times = SortedRows(scratch, "times")
        for erased, versions in records:
            said = _first_and_newest(version for version in versions if version.recorded_at < self._moment)
            if not said:
                continue
            first, newest = said
            if newest.content is None:
                self.deleted += newest is not first
            elif newest.event_time >= self._moment:
                continue
            elif erased:
                self.erased += 1
            else:
                self._count(newest, corrected=newest is not first)
                times.add([-microseconds(newest.event_time), -microseconds(first.recorded_at)])
                yield newest
        self.late = _late(times)

    def _count(self, version: Version[Content], *, corrected: bool) -> None:
        self.visible += 1
        self.corrected += corrected
        self.newest_event = max(self.newest_event or version.event_time, version.event_time)
        self.newest_recorded = max(self.newest_recorded or version.recorded_at, version.recorded_at)


def in_order(versions: Iterable[Version[Content]]) -> Iterator[tuple[bool, Iterator[Version[Content]]]]:
    """Versions that are all there as records, of which none is erased, by id."""
    ordered = sorted(versions, key=lambda version: (version.id, version.recorded_at, version.place))
    return ((False, mine) for _, mine in groupby(ordered, key=lambda version: version.id))


def microseconds(moment: datetime) -> int:
    """A time as a number, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """The time that a number stands for, in UTC."""
    return _EPOCH + number * _MICROSECOND


def utc(value: object) -> datetime:
    """A time in UTC from ISO 8601 text, a date or a datetime; one without an offset is UTC. ValueError otherwise."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError("not a time")
    try:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of the calendar") from error


def _first_and_newest(versions: Iterable[Version[Content]]) -> tuple[Version[Content], Version[Content]] | None:
    """A record's first version, and the one that said first what its last one says: the same where nothing changed."""
    first = newest = before = None
    for version in versions:
        changed = not before or before.said != version.said
        if before and before.recorded_at == version.recorded_at and changed:
            raise SourceError(
                f"record {version.id}",
                version.recorded_at.isoformat(),
                f"{before.place} and {version.place} differ, and both say that they were recorded then",
                "Give the correction its own recorded_at, or remove one of the two",
            )
        if changed:
            newest = version
        first, before = first or version, version
    return (first, newest) if first and newest else None


def _late(times: Iterable[Sequence[int]]) -> int:
    """How many were recorded after a record that happened later, of negative times of event and record in order."""
    late, latest = 0, None
    for _, recorded in times:
        late += latest is not None and recorded < latest
        latest = recorded if latest is None else max(latest, recorded)
    return late
