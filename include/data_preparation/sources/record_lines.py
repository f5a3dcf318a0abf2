"""What a line of a record file says: a version of a record, a deletion, an erasure, or why it is none of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.core.errors import SourceError
from include.data_preparation.config import RecordsConfig
from include.data_preparation.documents import Document
from include.data_preparation.readers.parquet import TooLong
from include.data_preparation.sources.document_ids import document_id
from include.data_preparation.sources.point_in_time import Version, utc
from include.data_preparation.sources.quarantine import Quarantined

FIELD = "data_preparation.aggregate.records"
FIELDS = {"id", "event_time", "recorded_at", "text", "title", "license", "deleted", "erased", "label"}


@dataclass
class RecordLog:
    """All that a source's files say, of any time."""

    lines: int = 0
    files: int = 0
    erasures: int = 0
    versions: list[Version[Document]] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    quarantined: list[tuple[datetime | None, Quarantined]] = field(default_factory=list)
    foreign: list[Quarantined] = field(default_factory=list)
    """Files that say something of the others, and are no record files."""

    def quarantined_before(self, moment: datetime) -> list[Quarantined]:
        """Those recorded before a moment."""
        return sorted(line for recorded, line in self.quarantined if recorded and recorded < moment)

    @property
    def undated(self) -> list[Quarantined]:
        """Those that do not tell when they were recorded: they are of no moment, and of all."""
        return sorted(line for recorded, line in self.quarantined if recorded is None)


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
        log.erasures += 1
        log.erased.add(_encodable(str(name)))
    else:
        log.versions.append(_version(_encodable(str(name)), raw, source, place))


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
    if not (text["license"] or source.license):
        raise BadRecordError("no license, and the source names none")
    return Document(
        id=document_id("record", source.name, name, source.ids),
        source="records",
        title=_encodable(text["title"]) or name,
        text=_encodable(text["text"]),
        license=_encodable(text["license"]) or source.license,
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
