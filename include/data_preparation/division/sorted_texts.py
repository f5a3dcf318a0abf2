"""Texts sorted by id whatever the shards they come from, by way of a file: few are held at once."""

import heapq
from collections.abc import Iterator, Mapping
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any

TEXT_TYPES = {"id": "string", "text": "string", "source": "string", "license": "string", "generated": "bool"}
# of each run a batch is held at once while runs are merged
BATCH_ROWS, BATCH_CHARACTERS = 1 << 6, 1 << 16


class SortedTexts:
    """Takes rows of `TEXT_TYPES`, and gives them back in the order of their ids.

    Rows that come in order are a run, such as those of a shard. Memory grows with the number of runs, by some 50 KB
    each, and not with their length.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow

        self._schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in TEXT_TYPES.items()])
        self._path, self._last = path, ""
        self._writer = pyarrow.ipc.new_file(path, self._schema)
        self._held: list[Mapping[str, Any]] = []
        self._characters = self._batches = 0
        self._starts = [0]

    def __enter__(self) -> "SortedTexts":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._writer.close()
        self._path.unlink()

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row."""
        if row["id"] < self._last:
            self._spill()
            self._starts.append(self._batches)
        self._last = row["id"]
        self._held.append(row)
        self._characters += len(row["text"])
        if len(self._held) == BATCH_ROWS or self._characters >= BATCH_CHARACTERS:
            self._spill()

    def in_order(self) -> Iterator[dict[str, Any]]:
        """All rows by id; none can be added after."""
        import pyarrow

        self._spill()
        self._writer.close()
        with pyarrow.OSFile(str(self._path)) as file, pyarrow.ipc.open_file(file) as reader:
            runs = [_run(reader, *ends) for ends in pairwise([*self._starts, self._batches])]
            yield from heapq.merge(*runs, key=itemgetter("id"))

    def _spill(self) -> None:
        import pyarrow

        if self._held:
            self._writer.write_batch(pyarrow.RecordBatch.from_pylist(self._held, schema=self._schema))
            self._batches += 1
        self._held, self._characters = [], 0


def _run(reader: Any, begin: int, end: int) -> Iterator[dict[str, Any]]:
    for batch in range(begin, end):
        yield from reader.get_batch(batch).to_pylist()
