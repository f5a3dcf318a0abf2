"""The dataset as tokens in a file that ranks map into memory: written once on each host."""

import fcntl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from include.distributed.job import Job

IGNORED = -100
ROWS_A_BATCH = 500

Row = tuple[list[int], list[int]]


def mapped_rows(job: Job, name: str, rows: Callable[[], Iterable[Row]]) -> Any:
    """A datasets.Dataset of `rows` (input_ids, labels), made by the first rank of this host that asks."""
    import datasets

    path = job.scratch / f"{name}.arrow"
    with path.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not path.exists():
            partial = path.with_suffix(".partial")
            _write(partial, rows())
            partial.rename(path)
    return datasets.Dataset.from_file(str(path))


def _write(path: Path, rows: Iterable[Row]) -> None:
    import pyarrow as pa

    tokens = pa.list_(pa.int32())
    schema = pa.schema([("input_ids", tokens), ("labels", tokens)])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in _batches(rows):
            columns = [pa.array([row[column] for row in batch], tokens) for column in (0, 1)]
            writer.write_batch(pa.record_batch(columns, schema=schema))


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
