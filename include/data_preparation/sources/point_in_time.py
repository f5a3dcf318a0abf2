"""A source as it stood at a moment: the newest version of each record that was known then, and nothing from the future.

A record has two times: when it happened, and when the source learned of it. A correction is another version of the
record, recorded later; a deletion is a version without content.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Generic, TypeVar

from include.core.errors import SourceError

Content = TypeVar("Content")


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


@dataclass(frozen=True)
class Snapshot(Generic[Content]):
    """The records that are visible at a moment, by id, and what became of others.

    `late` ones were recorded after a record that happened later; `corrected` ones had another version before;
    `deleted` and `erased` ones are left out for that.
    """

    visible: tuple[Version[Content], ...]
    late: int
    corrected: int
    deleted: int
    erased: int

    @property
    def contents(self) -> list[Content]:
        """What the visible records hold."""
        return [version.content for version in self.visible if version.content is not None]

    @property
    def newest(self) -> dict[str, str]:
        """When the last visible record happened, and when the last one was recorded; ISO 8601, empty without any."""
        if not self.visible:
            return {"event": "", "recorded": ""}
        return {
            "event": max(version.event_time for version in self.visible).isoformat(),
            "recorded": max(version.recorded_at for version in self.visible).isoformat(),
        }

    @property
    def digest(self) -> str:
        """SHA-256 over all of the above, whatever order the versions came in."""
        digest = hashlib.sha256(f"{self.late} {self.corrected} {self.deleted} {self.erased}".encode())
        for version in self.visible:
            row = repr((version.id, version.event_time.isoformat(), version.recorded_at.isoformat(), version.content))
            digest.update(hashlib.sha256(row.encode()).digest())
        return digest.hexdigest()


def as_of(versions: Iterable[Version[Content]], erased: Collection[str], moment: datetime) -> Snapshot[Content]:
    """What was visible at `moment`: recorded and happened before it, the newest version of each record.

    A newer version replaces an older one even where it moves the record past the moment. `erased` records are left
    out at every moment, whenever they were erased. SourceError where two versions claim the same time of record.
    """
    known: defaultdict[str, list[Version[Content]]] = defaultdict(list)
    for version in versions:
        if version.recorded_at < moment:
            known[version.id].append(version)
    visible: list[Version[Content]] = []
    first_recorded: dict[str, datetime] = {}
    corrected = deleted = gone = 0
    for name in sorted(known):
        said = _changes(known[name])
        newest = said[-1]
        if newest.content is None:
            deleted += len(said) > 1
        elif newest.event_time >= moment:
            continue
        elif name in erased:
            gone += 1
        else:
            visible.append(newest)
            first_recorded[name] = said[0].recorded_at
            corrected += len(said) > 1
    return Snapshot(tuple(visible), _late(visible, first_recorded), corrected, deleted, gone)


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


def _changes(versions: list[Version[Content]]) -> list[Version[Content]]:
    """A record's versions in the order of their recording, without those that repeat what was said before."""
    changes: list[Version[Content]] = []
    before: Version[Content] | None = None
    for version in sorted(versions, key=lambda version: (version.recorded_at, version.place)):
        if before and before.recorded_at == version.recorded_at and before.said != version.said:
            raise SourceError(
                f"record {version.id}",
                version.recorded_at.isoformat(),
                f"{before.place} and {version.place} differ, and both say that they were recorded then",
                "Give the correction its own recorded_at, or remove one of the two",
            )
        if not before or before.said != version.said:
            changes.append(version)
        before = version
    return changes


def _late(visible: list[Version[Content]], first_recorded: dict[str, datetime]) -> int:
    """How many were recorded after a record that happened later."""
    times = sorted(((version.event_time, first_recorded[version.id]) for version in visible), reverse=True)
    late, earliest = 0, None
    for _, recorded in times:
        late += earliest is not None and recorded > earliest
        earliest = min(earliest or recorded, recorded)
    return late
