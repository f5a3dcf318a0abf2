"""What a line of a record file says: a version of a record, a deletion, an erasure, or why it is none of them."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.data_preparation.config import RecordsConfig
from include.data_preparation.documents import Document
from include.data_preparation.readers.parquet import TooLong
from include.data_preparation.sources.document_ids import document_id
from include.data_preparation.sources.licences import NOT_ONE, licence_of
from include.data_preparation.sources.point_in_time import Version, from_microseconds, microseconds, utc
from include.data_preparation.sources.quarantine import Quarantined
from include.data_preparation.sources.sorted_rows import Row, SortedRows
from include.data_preparation.sources.titles import title_of

FIELD = "data_preparation.aggregate.records"
FIELDS = {"id", "event_time", "recorded_at", "text", "title", "license", "deleted", "erased", "label"}
# an erasure comes before the versions of its record
_ERASURE, _VERSION = 0, 1


class RecordLog:
    """All that a source's files say up to a moment, sorted in `scratch`: no more than a part of it is in memory.

    `known` counts the versions that were recorded before the moment, `dated` the lines that are no records and were
    recorded before it, and `undated` those that do not tell when: they are of no moment, and of all. `unread` ones of
    them stand for files.
    """

    def __init__(self, moment: datetime, scratch: Path) -> None:
        self._moment = moment
        self._rows, self._bad = SortedRows(scratch, "versions"), SortedRows(scratch, "quarantined")
        self.lines = self.files = self.known = self.dated = self.undated = self.unread = 0
        self.foreign: list[Quarantined] = []
        """Files that say something of the others, and are no record files."""

    def erase(self, name: str) -> None:
        """Take an erasure, which is of every moment."""
        self._rows.add([name, _ERASURE])

    def add(self, version: Version[Document]) -> None:
        """Take a version."""
        if version.recorded_at < self._moment:
            self.known += 1
            # versions of one time and place are in the order of reading
            key = (_VERSION, microseconds(version.recorded_at), version.place, self.known)
            content = vars(version.content).values() if version.content else ()
            self._rows.add([version.id, *key, microseconds(version.event_time), *content])

    def quarantine(self, recorded_at: datetime | None, line: Quarantined) -> None:
        """Take a line that is no record."""
        if recorded_at is None or recorded_at < self._moment:
            self.undated += recorded_at is None
            self.unread += recorded_at is None and not line.line
            self.dated += recorded_at is not None
            self._bad.add([recorded_at is None, line.file, line.line, line.reason])

    def records(self) -> Iterator[tuple[bool, Iterator[Version[Document]]]]:
        """Whether it is erased, and its versions, of each record, by id."""
        for _, rows in groupby(self._rows, key=itemgetter(0)):
            first = next(rows)
            yield first[1] == _ERASURE, (_restored(row) for row in chain([first], rows) if row[1] == _VERSION)

    @property
    def quarantined(self) -> Iterator[tuple[bool, Quarantined]]:
        """Whether it tells no time, and what it is, of each line that is no record."""
        return ((undated, Quarantined(*line)) for undated, *line in self._bad)


def _restored(row: Row) -> Version[Document]:
    name, _, recorded_at, place, _, event, *content = row
    document = Document(*content) if content else None
    return Version(name, from_microseconds(event), from_microseconds(recorded_at), document, place)


class BadRecordError(ValueError):
    """Why a line is no record."""


def read_line(log: RecordLog, raw: Any, source: RecordsConfig, place: str) -> None:
    """Take what a line says into the log; BadRecordError where it says nothing, SourceError for a nameless erasure."""
    if isinstance(raw, BadRecordError):
        raise raw
    if not isinstance(raw, dict):
        raise BadRecordError("not an object")
    name = raw.get("id")
    if isinstance(name, float) and name.is_integer():
        # tables with a missing value somewhere hold whole numbers as floats
        name = int(name)
    has_name = isinstance(name, int | str) and not isinstance(name, bool) and name != ""
    # anything that is not plainly false erases: no misspelling keeps what the law has removed
    if raw.get("erased") and not has_name:
        raise SourceError(FIELD, place, "an erasure that names no record", "Give it the id of the record to erase")
    if not has_name:
        raise BadRecordError("no id")
    if raw.get("erased"):
        log.erase(_encodable(str(name)))
    else:
        log.add(_version(_encodable(str(name)), raw, source, place))


def _version(name: str, raw: dict[str, Any], source: RecordsConfig, place: str) -> Version[Document]:
    deleted = raw.get("deleted") or False
    if not isinstance(deleted, bool):
        raise BadRecordError("deleted is neither true nor false")
    event, recorded = _time(raw, "event_time"), _time(raw, "recorded_at")
    known = recorded or event
    if known is None or (event is None and not deleted):
        raise BadRecordError("no event_time")
    event = event or known
    return Version(name, event, known, None if deleted else _document(name, raw, source, event), place)


def _document(name: str, raw: dict[str, Any], source: RecordsConfig, event: datetime) -> Document:
    text = {key: raw.get(key) or "" for key in ("text", "title", "license")}
    for key, value in text.items():
        if isinstance(value, TooLong):
            raise BadRecordError(f"{key} is too long: {value.size} bytes")
        if not isinstance(value, str):
            raise BadRecordError(f"{key} is no text")
    if not text["text"].strip():
        raise BadRecordError("no text")
    licence = licence_of(_encodable(text["license"]), source.license)
    if not licence:
        raise BadRecordError(NOT_ONE if licence is None else "no license, and the source names none")
    return Document(
        id=document_id("record", source.name, name, source.ids),
        source="records",
        title=title_of(_encodable(text["title"]), name, source.ids),
        text=_encodable(text["text"]),
        license=licence,
        event_time=event.isoformat(),
        label=_encodable(str(label)) if isinstance(label := raw.get("label"), int | str) else "",
    )


def _time(raw: dict[str, Any], name: str) -> datetime | None:
    value = raw.get(name)
    if value is None:
        return None
    try:
        return utc(value)
    except ValueError:
        raise BadRecordError(f"{name} is no time in ISO 8601") from None


def recorded(raw: Any) -> datetime | None:
    """When a line that is no record was recorded, where it tells."""
    try:
        return (_time(raw, "recorded_at") or _time(raw, "event_time")) if isinstance(raw, dict) else None
    except BadRecordError:
        return None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
