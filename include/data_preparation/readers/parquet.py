"""Parquet: rows in batches, of the columns that count, within memory that the pages' headers tell beforehand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.data_preparation.config.collections import LimitsConfig
from include.data_preparation.readers.found import (
    MIB,
    Found,
    Reading,
    Row,
    Unreadable,
    UnreadableError,
    is_of_the_system,
)
from include.data_preparation.readers.packed import Budget
from include.data_preparation.readers.pages import largest_pages

# a batch is in memory, however long its texts are: a file may hold one long text once for very many rows
BATCH, BATCH_BYTES = 64, 64 * MIB
# of all columns that are read together, packed and unpacked: what is decoded of them comes on top
MOST_PAGES = 256 * MIB
# a value of fixed size takes it where there is none, too
WIDEST = 64
# of the file's own description
MOST_DESCRIBED, MOST_PARTS = 16 * MIB, 100_000
DAMAGED = "the file is damaged"


@dataclass(frozen=True)
class TooLong:
    """Stands for a value that is longer than a record may be, by its bytes."""

    size: int


def read_parquet(path: Path, reading: Reading) -> Iterator[Found]:
    """A record a row."""
    wanted = {name for name in reading.columns.model_dump().values() if name}
    place = 0
    try:
        for rows in row_batches(path, wanted, reading.limits):
            for row in rows:
                place += 1
                long = next((value.size for value in row.values() if isinstance(value, TooLong)), 0)
                if long:
                    yield Unreadable(place, reading.too_long(long, "bytes"))
                else:
                    yield Row(place, reading.fields(row))
    except UnreadableError as error:
        if not place:
            raise
        yield Unreadable(place + 1, f"{error}; nothing after it is read", breaks=True)


def row_batches(path: Path, columns: set[str], limits: LimitsConfig) -> Iterator[Sequence[dict[str, Any]]]:
    """Rows, some at a time, of the columns that are there; times in microseconds, long values as TooLong.

    UnreadableError where the file is damaged, its pages need more than MOST_PAGES, or it is a bomb.
    """
    budget = Budget(path, limits)
    with _opened(path) as file:
        chosen = _chosen(file.schema_arrow, columns)
        Budget(path, limits).take_decoded(file.metadata.num_rows)
        for index in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(index)
            largest = _require_small_pages(path, group, chosen)
            size = max(1, min(BATCH, BATCH_BYTES // max(1, largest)))
            for batch in file.iter_batches(size, row_groups=[index], columns=chosen, use_threads=False):
                table = _plain(batch)
                budget.take_decoded(table.nbytes)
                yield _rows(table, 4 * limits.max_record_characters)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet

    try:
        # with a buffer, a column chunk is read a page at a time
        with pyarrow.parquet.ParquetFile(
            path,
            buffer_size=MIB,
            thrift_string_size_limit=MOST_DESCRIBED,
            thrift_container_size_limit=MOST_PARTS,
        ) as file:
            yield file
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        if is_of_the_system(error):
            raise
        raise UnreadableError(DAMAGED) from error


def _chosen(schema: Any, columns: set[str]) -> list[str]:
    """The columns that are there; UnreadableError where one holds lists, or values of a large fixed size."""
    import pyarrow

    chosen = [name for name in schema.names if name in columns]
    for name in dict.fromkeys(chosen):
        for index in schema.get_all_field_indices(name):
            kind = schema.types[index]
            kind = kind.storage_type if isinstance(kind, pyarrow.BaseExtensionType) else kind
            wide = pyarrow.types.is_fixed_size_binary(kind) and kind.byte_width > WIDEST
            if wide or (pyarrow.types.is_nested(kind) and not pyarrow.types.is_dictionary(kind)):
                raise UnreadableError(f"its column {name} holds neither texts nor numbers")
    return chosen


def _require_small_pages(path: Path, group: Any, chosen: list[str]) -> int:
    """The largest size that a value of a row group may have; UnreadableError where its pages do not fit in memory."""
    chunks = [group.column(index) for index in range(group.num_columns)]
    pages = [largest_pages(path, chunk) for chunk in chunks if chunk.path_in_schema in chosen]
    needed = sum(one.memory for one in pages)
    if needed > MOST_PAGES:
        raise UnreadableError(f"its pages need {needed} bytes of memory, and {MOST_PAGES} are read: write smaller ones")
    return max((max(one.data, one.dictionary) for one in pages), default=0)


def _plain(batch: Any) -> Any:
    """A table of values that are not encoded, with times in microseconds: Python's have no nanoseconds."""
    import pyarrow

    table = pyarrow.Table.from_batches([batch])
    for index, column in enumerate(table.schema):
        kind, values = column.type, table.column(index)
        if pyarrow.types.is_dictionary(kind):
            values = values.cast(kind.value_type)
        if pyarrow.types.is_timestamp(values.type):
            values = values.cast(pyarrow.timestamp("us", values.type.tz), safe=False)
        table = table.set_column(index, column.name, values)
    return table


def _rows(table: Any, most: int) -> list[dict[str, Any]]:
    """The rows of a table; none of its values becomes Python's that is longer than `most` bytes."""
    import pyarrow.compute

    long = []
    for index, column in enumerate(table.schema):
        if not _has_length(column.type):
            continue
        values = table.column(index)
        sizes = pyarrow.compute.binary_length(values).to_pylist()
        if found := [(at, column.name, size) for at, size in enumerate(sizes) if size and size > most]:
            long += found
            short = pyarrow.array([not size or size <= most for size in sizes])
            values = pyarrow.compute.if_else(short, values, pyarrow.scalar(None, values.type))
            table = table.set_column(index, column.name, values)
    rows: list[dict[str, Any]] = table.to_pylist()
    for at, name, size in long:
        rows[at][name] = TooLong(size)
    return rows


def _has_length(kind: Any) -> bool:
    from pyarrow import types

    return any(
        is_kind(kind) for is_kind in (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    )
