"""Parquet: rows in batches, of the columns that count."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from include.data_preparation.readers.found import (
    MIB,
    Found,
    Reading,
    Row,
    Unreadable,
    UnreadableError,
    is_of_the_system,
)

# a batch is in memory, however long its texts are: a file may hold one long text once for very many rows
BATCH = 64


def read_parquet(path: Path, reading: Reading) -> Iterator[Found]:
    """A record a row."""
    wanted = {name for name in reading.columns.model_dump().values() if name}
    place = 0
    try:
        for rows in row_batches(path, wanted, most_bytes=reading.limits.max_unpacked_mb * MIB):
            for row in rows:
                place += 1
                yield Row(place, reading.fields(row))
    except UnreadableError as error:
        if not place:
            raise
        yield Unreadable(place + 1, f"{error}; nothing after it is read", breaks=True)


def row_batches(
    source: Any, columns: set[str] | None = None, *, most_bytes: int = 0
) -> Iterator[Sequence[dict[str, Any]]]:
    """Rows of a path or a file object, some at a time, of some columns or all; times in microseconds.

    UnreadableError where it is damaged, or a row group has more than `most_bytes` (0: any number).
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(source) as file:
            groups = [file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups)]
            if most_bytes and max(groups, default=0) > most_bytes:
                raise UnreadableError(f"a row group of {max(groups)} bytes, and {most_bytes} are read")
            chosen = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
            for batch in file.iter_batches(batch_size=BATCH, columns=chosen, use_threads=False):
                yield _in_microseconds(pyarrow.Table.from_batches([batch])).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        if is_of_the_system(error):
            raise
        raise UnreadableError(f"the file is damaged: {error}" if columns is None else "the file is damaged") from error


def _in_microseconds(table: Any) -> Any:
    """Python's times have no nanoseconds."""
    import pyarrow

    for index, column in enumerate(table.schema):
        if pyarrow.types.is_timestamp(column.type):
            kind = pyarrow.timestamp("us", column.type.tz)
            table = table.set_column(index, column.name, table.column(index).cast(kind, safe=False))
    return table
