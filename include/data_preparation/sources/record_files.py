"""Records from JSONL and Parquet files, in a folder or below a prefix of the store's bucket."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from include.artifacts.scratch import scratch_folder
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import BUCKET_PREFIX, LimitsConfig, RecordsConfig
from include.data_preparation.documents import Document
from include.data_preparation.locations.files import about, list_files, place_of
from include.data_preparation.readers import Reading, UnreadableError
from include.data_preparation.readers.json_text import json_value
from include.data_preparation.readers.packed import Budget, TooLargeError, unpacked
from include.data_preparation.readers.parquet import DAMAGED, TooLong, row_batches
from include.data_preparation.sources.document_ids import document_id
from include.data_preparation.sources.point_in_time import Version, utc

FIELD = "data_preparation.aggregate.records"
JSON_LINES, ZIPPED, PARQUET = ".jsonl", ".jsonl.gz", ".parquet"
KINDS = (JSON_LINES, ZIPPED, PARQUET)
FIELDS = {"id", "event_time", "recorded_at", "text", "title", "license", "deleted", "erased"}
# what writers of datasets leave beside them
MARKERS = ("_", ".")


@dataclass(frozen=True, order=True)
class Quarantined:
    """A line that is no record, and why; `line` counts from 1, and is 0 where it is the whole file."""

    file: str
    line: int
    reason: str


@dataclass
class RecordLog:
    """All that a source's files say, of any time."""

    lines: int = 0
    files: int = 0
    erasures: int = 0
    versions: list[Version[Document]] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    quarantined: list[tuple[datetime | None, Quarantined]] = field(default_factory=list)

    def quarantined_before(self, moment: datetime) -> list[Quarantined]:
        """Those recorded before a moment."""
        return sorted(line for recorded, line in self.quarantined if recorded and recorded < moment)

    @property
    def undated(self) -> list[Quarantined]:
        """Those that do not tell when they were recorded: they are of no moment, and of all."""
        return sorted(line for recorded, line in self.quarantined if recorded is None)


class _BadRecordError(ValueError):
    """Why a line is no record."""


def read_records(
    store: ArtifactStore, source: RecordsConfig, max_quarantined_share: float, moment: datetime, limits: LimitsConfig
) -> RecordLog:
    """Every version that the source's files hold.

    SourceError where there is no file, a file is damaged or unpacks to more than `limits`, an erasure names no record,
    or more than `max_quarantined_share` of the lines that were recorded before `moment`, of all lines without a time,
    or of the files are no records.
    """
    log = RecordLog()
    with scratch_folder("records") as scratch:
        for file, path in _files(store, source, scratch):
            log.files += 1
            for line, raw in _lines(file, path, Reading(scratch, limits)):
                log.lines += 1
                try:
                    _read_line(log, raw, source, f"{file}:{line}")
                except _BadRecordError as error:
                    log.quarantined.append((_recorded(raw), Quarantined(file, line, str(error))))
    known = sum(version.recorded_at < moment for version in log.versions)
    assert log.lines == len(log.versions) + log.erasures + len(log.quarantined)
    dated = log.quarantined_before(moment)
    whole = [line for line in log.undated if not line.line]
    if len(whole) > max_quarantined_share * log.files:
        raise _too_many(source, whole, f"{log.files} files", max_quarantined_share)
    for bad, lines in ((dated, known + len(dated)), (log.undated, log.lines)):
        if len(bad) > max_quarantined_share * lines:
            raise _too_many(source, bad, f"{lines} lines", max_quarantined_share)
    return log


def _too_many(source: RecordsConfig, bad: list[Quarantined], of: str, allowed: float) -> SourceError:
    first = "; ".join(f"{line.file}:{line.line} {line.reason}" for line in bad[:3])
    return SourceError(
        FIELD,
        source.location,
        f"{len(bad)} of {of} are no records (allowed: {allowed:.1%}): {first}",
        "Correct them, or raise data_preparation.aggregate.max_quarantined_share",
    )


def _files(store: ArtifactStore, source: RecordsConfig, scratch: Path) -> Iterator[tuple[str, Path | _BadRecordError]]:
    """Names, relative to the location, of its files, and where they lie on this machine, or why they are not read."""
    where = place_of(store, source.location)
    found = list_files(store, source.location, FIELD)
    if not (files := [file for file in found if not PurePosixPath(file.name).name.startswith(MARKERS)]):
        raise SourceError(
            FIELD,
            source.location,
            f"there are no record files in {where}",
            f"Put them there, or name another folder, or a prefix of the bucket as {BUCKET_PREFIX}<prefix>/",
        )
    for file in files:
        if file.unusable:
            yield file.name, _BadRecordError(file.unusable)
            continue
        with about(FIELD, where + file.name), file.local(scratch) as path:
            yield file.name, path


def _lines(file: str, path: Path | _BadRecordError, reading: Reading) -> Iterator[tuple[int, Any]]:
    """Line numbers and what they hold: a value, or the reason why it cannot be read as one."""
    if isinstance(path, _BadRecordError):
        yield 0, path
    elif file.endswith(PARQUET):
        yield from enumerate(_parquet_rows(file, path, reading.limits), 1)
    elif file.endswith(ZIPPED):
        with _unzipped(file, path, reading) as target:
            yield from _json_lines(target)
    elif file.endswith(JSON_LINES):
        yield from _json_lines(path)
    else:
        yield 0, _BadRecordError(f"not a {JSON_LINES}, {ZIPPED} or {PARQUET} file")


@contextmanager
def _unzipped(file: str, path: Path, reading: Reading) -> Iterator[Path]:
    try:
        with about(FIELD, file), unpacked(path, "gzip", reading, Budget(path, reading.limits)) as target:
            yield target
    except TooLargeError as error:
        raise SourceError(FIELD, file, str(error), "Split it, or raise data_preparation.aggregate.limits") from error
    except UnreadableError as error:
        raise _damaged(file, str(error)) from error


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if (text := line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")).strip():
                yield number, _json(text.removesuffix(b"\n"))


def _json(line: bytes) -> Any:
    try:
        return json_value(line.decode())
    except UnicodeDecodeError:
        return _BadRecordError("not UTF-8")
    except UnreadableError as error:
        return _BadRecordError(str(error))


def _parquet_rows(file: str, path: Path, limits: LimitsConfig) -> Iterator[dict[str, Any]]:
    try:
        for rows in row_batches(path, FIELDS, limits):
            yield from rows
    except UnreadableError as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: str, problem: str) -> SourceError:
    told = problem if problem.startswith(DAMAGED) else f"{DAMAGED}: {problem}"
    return SourceError(FIELD, file, told, "Replace it by a whole one")


def _read_line(log: RecordLog, raw: Any, source: RecordsConfig, place: str) -> None:
    if isinstance(raw, _BadRecordError):
        raise raw
    if not isinstance(raw, dict):
        raise _BadRecordError("not an object")
    name = raw.get("id")
    if isinstance(name, float) and name.is_integer():
        # tables with a missing value somewhere hold whole numbers as floats
        name = int(name)
    has_name = isinstance(name, int | str) and not isinstance(name, bool) and name != ""
    # anything that is not plainly false erases: no misspelling keeps what the law has removed
    if raw.get("erased") and not has_name:
        raise SourceError(FIELD, place, "an erasure that names no record", "Give it the id of the record to erase")
    if not has_name:
        raise _BadRecordError("no id")
    if raw.get("erased"):
        log.erasures += 1
        log.erased.add(_encodable(str(name)))
    else:
        log.versions.append(_version(_encodable(str(name)), raw, source, place))


def _version(name: str, raw: dict[str, Any], source: RecordsConfig, place: str) -> Version[Document]:
    deleted = raw.get("deleted") or False
    if not isinstance(deleted, bool):
        raise _BadRecordError("deleted is neither true nor false")
    event, recorded = _time(raw, "event_time"), _time(raw, "recorded_at")
    known = recorded or event
    if known is None or (event is None and not deleted):
        raise _BadRecordError("no event_time")
    event = event or known
    return Version(name, event, known, None if deleted else _document(name, raw, source, event), place)


def _document(name: str, raw: dict[str, Any], source: RecordsConfig, event: datetime) -> Document:
    text = {key: raw.get(key) or "" for key in ("text", "title", "license")}
    wrong = [key for key, value in text.items() if not isinstance(value, str)]
    if wrong and isinstance(text[wrong[0]], TooLong):
        raise _BadRecordError(f"{wrong[0]} of {text[wrong[0]].size} bytes")
    if wrong:
        raise _BadRecordError(f"{wrong[0]} is no text")
    if not text["text"].strip():
        raise _BadRecordError("no text")
    if not (text["license"] or source.license):
        raise _BadRecordError("no license, and the source names none")
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
        raise _BadRecordError(f"{name} is no time in ISO 8601") from None


def _recorded(raw: Any) -> datetime | None:
    """When a line that is no record was recorded, where it tells."""
    try:
        return (_time(raw, "recorded_at") or _time(raw, "event_time")) if isinstance(raw, dict) else None
    except _BadRecordError:
        return None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
