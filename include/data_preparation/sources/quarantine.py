"""Places that hold no record: all in a file, few in memory.

Files have their true names, also where documents hide theirs: people have to find them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from include.data_preparation.documents import schema_of

QUARANTINE = "quarantined.parquet"
HELD, SHOWN = 10_000, 20
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, order=True)
class Quarantined:
    """A line that is no record, and why; `line` counts from 1, and is 0 where it is the whole file."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class QuarantinedOf:
    """A place that holds no record, of whichever source; see Quarantined."""

    source: str
    file: str
    line: int
    reason: str


class QuarantineFile:
    """Takes entries one by one; `shown` are the first of each source, `reasons` counts all, numbers aside."""

    def __init__(self, path: Path) -> None:
        self._path, self._held = path, list[QuarantinedOf]()
        self.shown: defaultdict[str, list[QuarantinedOf]] = defaultdict(list)
        self.reasons: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> Self:
        import pyarrow.parquet

        self._writer = pyarrow.parquet.ParquetWriter(self._path, schema_of(QuarantinedOf), compression="zstd")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._write()
        self._writer.close()

    def add(self, source: str, entries: Iterable[Quarantined]) -> None:
        """Take entries of a source."""
        for entry in entries:
            row = QuarantinedOf(source, entry.file, entry.line, entry.reason)
            self._held.append(row)
            self.reasons[source, _DIGITS.sub("N", entry.reason)] += 1
            if len(self.shown[source]) < SHOWN:
                self.shown[source].append(row)
            if len(self._held) >= HELD:
                self._write()

    def _write(self) -> None:
        import pyarrow

        if self._held:
            rows = [asdict(one) for one in self._held]
            self._writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema_of(QuarantinedOf)))
        self._held = []
