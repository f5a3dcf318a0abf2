"""Pairs that people have put into files."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.customization.config import PreferencesConfig
from include.customization.config.preferences import PairFilesConfig
from include.customization.preferences.pairs import NoPairError, Pair, pair_of
from include.outside_files import PARQUET, ZIPPED, about, list_row_files, place_of

FIELD = "customization.preferences.files"


class NoPair(NamedTuple):
    """A row that holds no pair, and why; `line` counts from 1."""

    source: str
    file: str
    line: int
    reason: str


def states(store: ArtifactStore, config: PreferencesConfig) -> dict[str, dict[str, str]]:
    """Name -> file -> what differs where its bytes do; SourceError where there are none or they cannot be read."""
    found = {}
    for one in config.files:
        with about(FIELD, place_of(store, one.location)):
            found[one.name] = {file.name: file.state() for file in list_row_files(store, one.location, FIELD)}
    return found


def read_pairs(store: ArtifactStore, config: PreferencesConfig, scratch: Path) -> tuple[list[Pair], list[NoPair]]:
    """All pairs of the use case's files, each once, and the rows that are none.

    Of two rows that call the same two answers better and worse the other way round, the second is none. SourceError
    where a file is damaged, or more than `max_quarantined_share` of the rows of a source are no pairs.
    """
    pairs: list[Pair] = []
    bad: list[NoPair] = []
    for one in config.files:
        rows, before = 0, len(bad)
        seen: set[tuple[str, str, str]] = set()
        for file, line, row in _rows(store, one, scratch):
            rows += 1
            try:
                id = f"{one.name}:{file}:{line}"
                pair = pair_of(row, id, one.name, one.license, config.max_characters)
                _require_new(pair, seen)
                pairs.append(pair)
            except NoPairError as error:
                bad.append(NoPair(one.name, file, line, str(error)))
        _require_enough(store, one, rows, bad[before:], config.max_quarantined_share)
    return _drawn(pairs, config), bad


def _require_new(pair: Pair, seen: set[tuple[str, str, str]]) -> None:
    if (pair.question, pair.chosen, pair.rejected) in seen:
        raise NoPairError("the same pair again")
    if (pair.question, pair.rejected, pair.chosen) in seen:
        raise NoPairError("an earlier row calls the other answer better")
    seen.add((pair.question, pair.chosen, pair.rejected))


def _drawn(pairs: list[Pair], config: PreferencesConfig) -> list[Pair]:
    """The first `most_pairs` by a digest of seed and id, in the order that they were read."""
    rank = {pair.id: hashlib.sha256(f"{config.seed}:{pair.id}".encode()).digest() for pair in pairs}
    kept = set(sorted(rank, key=lambda id: rank[id])[: config.most_pairs])
    return [pair for pair in pairs if pair.id in kept]


def _require_enough(store: ArtifactStore, one: PairFilesConfig, rows: int, bad: list[NoPair], allowed: float) -> None:
    if len(bad) > allowed * rows:
        first = "; ".join(f"{row.file}:{row.line} {row.reason}" for row in bad[:3])
        raise SourceError(
            FIELD,
            place_of(store, one.location),
            f"{len(bad)} of {rows} rows are no pairs (allowed: {allowed:.1%}): {first}",
            "Correct them, or raise customization.preferences.max_quarantined_share",
        )


def _rows(store: ArtifactStore, one: PairFilesConfig, scratch: Path) -> Iterator[tuple[str, int, Any]]:
    """File, line and what it holds; what cannot be read as JSON is None."""
    import pyarrow

    for file in list_row_files(store, one.location, FIELD):
        where = place_of(store, one.location) + file.name
        with about(FIELD, where), file.local(scratch) as path:
            try:
                rows = _parquet_rows(path) if file.name.endswith(PARQUET) else _json_rows(file.name, path)
                yield from ((file.name, line, row) for line, row in rows)
            except (EOFError, gzip.BadGzipFile, zlib.error, pyarrow.ArrowException) as error:
                raise SourceError(FIELD, where, f"it is damaged: {error}", "Replace it by a whole one") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        names = [name for name in ("prompt", "question", "chosen", "rejected") if name in file.schema_arrow.names]
        rows = (row for batch in file.iter_batches(256, columns=names) for row in batch.to_pylist())
        yield from enumerate(rows, 1)


def _json_rows(name: str, path: Path) -> Iterator[tuple[int, Any]]:
    with gzip.open(path, "rb") if name.endswith(ZIPPED) else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None
