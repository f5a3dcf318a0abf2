"""Documents spread over shard files as they come, with no more in memory than one shard."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.data_preparation.documents import Document, schema_of, shard_name, shard_of, write_table

HELD_CHARACTERS, HELD_DOCUMENTS = 16 << 20, 10_000
MOST_SHARDS = 1000  # below Airflow's default of what a task may be mapped over
ROW = 1000  # what a document takes in memory beside its text, in bytes


class ShardFiles:
    """Takes documents in any order and writes each shard sorted by id: equal bytes for equal documents.

    There are `least` shards, or a multiple of that: as many as keep the average shard below `megabytes`. What is taken
    waits in `scratch`. `documents`, `words` and `by_license` count what was taken; `shards` is known after `close`.
    """

    def __init__(self, folder: Path, least: int, megabytes: int, scratch: Path) -> None:
        self._folder, self._scratch = folder, scratch
        self._least, self._megabytes = least, megabytes
        self.shards = self._size = 0
        self._held: dict[int, list[Document]] = {}
        self._characters = self._count = 0
        self.documents = self.words = 0
        self.by_license: Counter[str] = Counter()

    def add(self, document: Document) -> None:
        """Take a document, whose id no other one has."""
        self._held.setdefault(shard_of(document.id, self._least), []).append(document)
        self._characters += len(document.text)
        self._size += len(document.text) + ROW
        self._count += 1
        self.documents += 1
        self.words += len(document.text.split())
        self.by_license[document.license] += 1
        if self._characters > HELD_CHARACTERS or self._count > HELD_DOCUMENTS:
            self._spill()

    def close(self) -> None:
        """Write all shards, those without documents too; SourceError where there would be too many."""
        import pyarrow

        self._spill()
        parts = max(1, math.ceil(self._size / (self._least * self._megabytes * 1_000_000)))
        self.shards = self._least * parts
        if parts > 1 and self.shards > MOST_SHARDS:
            raise SourceError(
                "data_preparation.aggregate.shard_megabytes",
                self._megabytes,
                f"{self._size / 1e9:,.0f} GB of documents would be {self.shards:,} shards, more than {MOST_SHARDS:,}",
                "Give a shard more megabytes, and its tasks more memory",
            )
        for first in range(self._least):
            # the remainder by a multiple of `least` tells the remainder by `least`
            paths = self._divided(first) if parts > 1 else {first: self._waiting(first)}
            for shard in range(first, self.shards, self._least):
                tables = self._tables(paths[shard]) if shard in paths else ()
                table = pyarrow.concat_tables([schema_of(Document).empty_table(), *tables])
                write_table(self._folder / shard_name(shard), table.sort_by("id").combine_chunks())

    def _spill(self) -> None:
        import pyarrow

        schema = schema_of(Document)
        for shard, documents in self._held.items():
            table = pyarrow.Table.from_pylist([asdict(one) for one in documents], schema=schema)
            _append(self._waiting(shard), table)
        self._held, self._characters, self._count = {}, 0, 0

    def _divided(self, first: int) -> dict[int, Path]:
        """The files of the shards that the documents waiting as `first` belong to."""
        import pyarrow

        paths: dict[int, Path] = {}
        for table in self._tables(self._waiting(first)):
            rows: dict[int, list[int]] = {}
            for row, name in enumerate(table["id"].to_pylist()):
                rows.setdefault(shard_of(name, self.shards), []).append(row)
            for shard, mine in rows.items():
                path = paths.setdefault(shard, self._scratch / f"shard-{shard:05d}.arrow")
                _append(path, table.take(pyarrow.array(mine)))
        return paths

    def _waiting(self, shard: int) -> Path:
        return self._scratch / f"waiting-{shard:05d}.arrow"

    @staticmethod
    def _tables(path: Path) -> Iterator[Any]:
        """What was appended to a file, which is gone afterwards."""
        import pyarrow

        if not path.exists():
            return
        size = path.stat().st_size
        with path.open("rb") as file:
            while file.tell() < size:
                yield pyarrow.ipc.open_stream(file).read_all()
        path.unlink()


def _append(path: Path, table: Any) -> None:
    """A file is a row of streams, so that a thousand shards are not a thousand open files."""
    import pyarrow

    with path.open("ab") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
