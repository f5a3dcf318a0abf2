"""Rows in order, however many they are: sorted runs wait on disk, and are merged as they are read."""

import heapq
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

# what is in memory before it becomes a run, in characters, and what a row takes beside its texts
HELD_CHARACTERS, ROW = 32 << 20, 500
# runs that are read at once: of each, a row is in memory
MERGED = 32

Row = list[Any]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SortedRows:
    """Takes rows of JSON's values in any order, and gives them back sorted, value by value.

    Runs are files in `scratch`, which stay until whoever owns it removes them.
    """

    def __init__(self, scratch: Path, name: str) -> None:
        self._paths = (scratch / f"{name}-{number}.jsonl" for number in count())
        self._runs: list[Path] = []
        self._held: list[Row] = []
        self._size = 0

    def add(self, row: Row) -> None:
        """Take a row; where two are equal up to a value, these must be of one type."""
        self._held.append(row)
        self._size += ROW + sum(len(value) for value in row if isinstance(value, str))
        if self._size >= HELD_CHARACTERS:
            self._runs.append(self._written(sorted(self._held)))
            self._held, self._size = [], 0

    def __iter__(self) -> Iterator[Row]:
        while len(self._runs) > MERGED:
            first = self._runs[:MERGED]
            self._runs = [*self._runs[MERGED:], self._written(heapq.merge(*map(_read, first)))]
            for path in first:
                path.unlink()
        yield from heapq.merge(sorted(self._held), *map(_read, self._runs))

    def _written(self, rows: Iterator[Row] | list[Row]) -> Path:
        path = next(self._paths)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{_encode(row)}\n" for row in rows)
        return path


def _read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
