"""Rows of parquet files, read and written a group at a time: no more is held, however large a file is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

# a row group at most, and what is read at once
GROUP_ROWS, GROUP_CHARACTERS = 1 << 13, 1 << 23
READ_ROWS = 1 << 8


class Rows(Protocol):
    """Rows of a table that can be counted, and read as often as needed."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Mapping[str, Any]]: ...


class RowFile:
    """Rows of a parquet file, which is read anew each time; or of one part of its row groups, of `parts`."""

    def __init__(self, path: Path, part: int = 0, parts: int = 1) -> None:
        self.path, self.part, self.parts = path, part, parts

    def __len__(self) -> int:
        import pyarrow.parquet

        found = pyarrow.parquet.read_metadata(self.path)
        return sum(found.row_group(group).num_rows for group in range(self.part, found.num_row_groups, self.parts))

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for batch in read_batches(self.path, part=self.part, parts=self.parts):
            yield from batch.to_pylist()


def read_batches(path: Path, columns: Sequence[str] | None = None, *, part: int = 0, parts: int = 1) -> Iterator[Any]:
    """All columns of a parquet file, or some, in Arrow batches of few rows; every `parts`-th row group from `part`."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        # a reader of several groups holds what it has read of each
        for group in range(part, file.num_row_groups, parts):
            yield from file.iter_batches(READ_ROWS, row_groups=[group], columns=columns)


def write_row_groups(path: Path, rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> int:
    """Write rows as a parquet file with columns of these Arrow types; how many they are."""
    import pyarrow.parquet

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in types.items()])
    count = 0
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(value) for value in row.values() if isinstance(value, str))
        if len(group) == GROUP_ROWS or characters >= GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group
