"""Documents spread over shard files as they come, with no more in memory than one shard."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.data_preparation.documents import Document, schema_of, shard_name, shard_of, write_table

HELD_CHARACTERS, HELD_DOCUMENTS = 16 << 20, 10_000


class ShardFiles:
    """Takes documents in any order and writes each shard sorted by id: equal bytes for equal documents.

    What is taken waits in `scratch`. `documents`, `words` and `by_license` count what was taken.
    """

    def __init__(self, folder: Path, shards: int, scratch: Path) -> None:
        self._folder, self._shards, self._scratch = folder, shards, scratch
        self._held: dict[int, list[Document]] = {}
        self._characters = self._count = 0
        self.documents = self.words = 0
        self.by_license: Counter[str] = Counter()

    def add(self, document: Document) -> None:
        """Take a document, whose id no other one has."""
        self._held.setdefault(shard_of(document.id, self._shards), []).append(document)
        self._characters += len(document.text)
        self._count += 1
        self.documents += 1
        self.words += len(document.text.split())
        self.by_license[document.license] += 1
        if self._characters > HELD_CHARACTERS or self._count > HELD_DOCUMENTS:
            self._spill()

    def close(self) -> None:
        """Write all shards, those without documents too."""
        self._spill()
        for shard in range(self._shards):
            write_table(self._folder / shard_name(shard), self._sorted(shard))

    def _spill(self) -> None:
        import pyarrow

        schema = schema_of(Document)
        for shard, documents in self._held.items():
            # a shard's file is a row of streams: a thousand shards are not a thousand open files
            with self._spilled(shard).open("ab") as file, pyarrow.ipc.new_stream(file, schema) as stream:
                stream.write_table(pyarrow.Table.from_pylist([asdict(one) for one in documents], schema=schema))
        self._held, self._characters, self._count = {}, 0, 0

    def _sorted(self, shard: int) -> Any:
        import pyarrow

        tables, path = [schema_of(Document).empty_table()], self._spilled(shard)
        if path.exists():
            size = path.stat().st_size
            with path.open("rb") as file:
                while file.tell() < size:
                    tables.append(pyarrow.ipc.open_stream(file).read_all())
            path.unlink()
        return pyarrow.concat_tables(tables).sort_by("id").combine_chunks()

    def _spilled(self, shard: int) -> Path:
        return self._scratch / f"shard-{shard:05d}.arrow"
