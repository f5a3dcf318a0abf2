"""Records from JSONL and Parquet files, in a folder or below a prefix of the store's bucket."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import LimitsConfig, RecordsConfig
from include.data_preparation.readers import Reading, Unreadable, UnreadableError
from include.data_preparation.readers.json_text import json_value
from include.data_preparation.readers.packed import Budget, TooLargeError, unpacked
from include.data_preparation.readers.parquet import DAMAGED, row_batches
from include.data_preparation.sources.quarantine import Quarantined
from include.data_preparation.sources.record_lines import FIELD, FIELDS, BadRecordError, RecordLog, read_line, recorded
from include.outside_files import BUCKET_PREFIX, about, list_files, place_of

JSON_LINES, ZIPPED, PARQUET = ".jsonl", ".jsonl.gz", ".parquet"
KINDS = (JSON_LINES, ZIPPED, PARQUET)
# what writers of datasets leave beside them
MARKERS = ("_", ".")
NOTES = (
    "README",
    "LICENSE",
    "LICENCE",
    "NOTICE",
    "COPYING",
    "CHANGELOG",
    "AUTHORS",
    "CITATION",
    "SHA256SUMS",
    "MD5SUMS",
)


def read_records(
    store: ArtifactStore,
    source: RecordsConfig,
    max_quarantined_share: float,
    moment: datetime,
    limits: LimitsConfig,
    scratch: Path,
) -> RecordLog:
    """What the source's files say up to `moment`; it lies in `scratch`.

    SourceError where there is no file, a file is damaged or unpacks to more than `limits`, an erasure names no record,
    or more than `max_quarantined_share` of the lines that were recorded before `moment`, of all lines without a time,
    or of the files are no records.
    """
    log = RecordLog(moment, scratch)
    for file, path in _files(store, source, scratch):
        if is_note(file):
            log.foreign.append(Quarantined(file, 0, "a note that is no record file"))
            continue
        log.files += 1
        for line, raw in _lines(file, path, Reading(scratch, limits)):
            log.lines += 1
            try:
                read_line(log, raw, source, f"{file}:{line}")
            except BadRecordError as error:
                log.quarantine(recorded(raw), Quarantined(file, line, str(error)))
    log.foreign.sort()
    _require_enough(log, source, max_quarantined_share)
    return log


def _require_enough(log: RecordLog, source: RecordsConfig, allowed: float) -> None:
    shares: list[tuple[int, int, str, Callable[[bool, int], bool]]] = [
        (log.unread, log.files, "files", lambda undated, line: undated and not line),
        (log.dated, log.known + log.dated, "lines", lambda undated, _: not undated),
        (log.undated, log.lines, "lines", lambda undated, _: undated),
    ]
    for bad, total, of, is_meant in shares:
        if bad > allowed * total:
            meant = (line for undated, line in log.quarantined if is_meant(undated, line.line))
            first = "; ".join(f"{line.file}:{line.line} {line.reason}" for line in islice(meant, 3))
            raise SourceError(
                FIELD,
                source.location,
                f"{bad} of {total} {of} are no records (allowed: {allowed:.1%}): {first}",
                "Correct them, or raise data_preparation.aggregate.max_quarantined_share",
            )


def is_note(name: str) -> bool:
    """Whether a file is what people write about a folder of records: any other may hold records, or erasures."""
    path = PurePosixPath(name)
    about_files = path.stem.upper() in NOTES and path.suffix.lower() in ("", ".txt", ".rst", ".html", ".pdf")
    return about_files or path.suffix.lower() == ".md"


def _files(store: ArtifactStore, source: RecordsConfig, scratch: Path) -> Iterator[tuple[str, Path | BadRecordError]]:
    """Names, relative to the location, of its files, and where they lie on this machine, or why they are not read."""
    where = place_of(store, source.location)
    found = list_files(store, source.location, FIELD)
    files = [file for file in found if not PurePosixPath(file.name).name.startswith(MARKERS)]
    if all(is_note(file.name) for file in files):
        raise SourceError(
            FIELD,
            source.location,
            f"there are no record files in {where}",
            f"Put them there, or name another folder, or a prefix of the bucket as {BUCKET_PREFIX}<prefix>/",
        )
    for file in files:
        if file.unusable:
            yield file.name, BadRecordError(file.unusable)
            continue
        with about(FIELD, where + file.name), file.local(scratch) as path:
            yield file.name, path


def _lines(file: str, path: Path | BadRecordError, reading: Reading) -> Iterator[tuple[int, Any]]:
    """Line numbers and what they hold: a value, or the reason why it cannot be read as one."""
    if isinstance(path, BadRecordError):
        yield 0, path
    elif file.endswith(PARQUET):
        yield from enumerate(_parquet_rows(file, path, reading.limits), 1)
    elif file.endswith(ZIPPED):
        with _unzipped(file, path, reading) as target:
            yield from _json_lines(target, reading)
    elif file.endswith(JSON_LINES):
        yield from _json_lines(path, reading)
    else:
        yield 0, BadRecordError(f"not a {JSON_LINES}, {ZIPPED} or {PARQUET} file")


@contextmanager
def _unzipped(file: str, path: Path, reading: Reading) -> Iterator[Path]:
    try:
        with about(FIELD, file), unpacked(path, "gzip", reading, Budget(path, reading.limits)) as target:
            yield target
    except TooLargeError as error:
        raise SourceError(FIELD, file, str(error), "Split it, or raise data_preparation.aggregate.limits") from error
    except UnreadableError as error:
        raise _damaged(file, str(error)) from error


def _json_lines(path: Path, reading: Reading) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(reading.lines(file.readline), 1):
            if isinstance(line, Unreadable):
                yield number, BadRecordError(line.reason)
            elif (text := line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")).strip():
                yield number, _json(text.removesuffix(b"\n"))


def _json(line: bytes) -> Any:
    try:
        return json_value(line.decode())
    except UnicodeDecodeError:
        return BadRecordError("not UTF-8")
    except UnreadableError as error:
        return BadRecordError(str(error))


def _parquet_rows(file: str, path: Path, limits: LimitsConfig) -> Iterator[dict[str, Any]]:
    try:
        for rows in row_batches(path, FIELDS, limits):
            yield from rows
    except UnreadableError as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: str, problem: str) -> SourceError:
    told = problem if problem.startswith(DAMAGED) else f"{DAMAGED}: {problem}"
    return SourceError(FIELD, file, told, "Replace it by a whole one")
