"""The files of a sketch: keys and bands of texts, spread over partitions, and their shingles."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.duplicates.keys import group_starts
from include.data_preparation.duplicates.preference import preference
from include.data_preparation.duplicates.shingles import Shingled, band_keys, shingled

if TYPE_CHECKING:
    from include.data_preparation.duplicates.shingles import Array

DOCUMENTS, SHINGLES, MADE = "documents.parquet", "shingles.parquet", "made.json"
HALF = 32
PROBE = "Was Müller um 9 Uhr schrieb: a job (C++) ran all night at -5 °C and did not stop; für immer, for a lock 你好."
STRINGS = ("id", "source")
DOCUMENT_COLUMNS = ("id", "source", "order", "high", "low")
TEXT_COLUMNS = ("high", "low", "count")
BAND_COLUMNS = ("band", "high", "low", "order", "size")
WAITING = 1 << 20


def bands_name(partition: int) -> str:
    """Rows of a partition: a band, a text that has it, its preference, and how many shingles it has."""
    return f"bands-{partition:05d}.parquet"


def texts_name(partition: int) -> str:
    """Rows of a partition: a text, and in how many documents it stands."""
    return f"texts-{partition:05d}.parquet"


def made_with(partitions: int, config: DeduplicateConfig) -> dict[str, Any]:
    """What is told of a sketch: its partitions, and `kind`, a digest of what a fixed text becomes. Sketches of one kind
    can be compared, whatever settings and libraries they were made with."""
    ((_, probe),) = shingled([PROBE], config.shingle_words)
    columns = (probe.high, probe.low, probe.shingles, band_keys(probe, config))
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
    return {"kind": digest[:16], "partitions": partitions}


def read_made(path: Path) -> dict[str, Any]:
    """What `made_with` told of a sketch; nothing where that was made before sketches told it."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def partition_of(keys: "Array", partitions: int) -> "Array":
    """The partition of each key. Partitions are ranges of keys, so that those of sketches with another number of
    partitions overlap with few."""
    import numpy

    return ((keys >> numpy.uint64(HALF)) * numpy.uint64(partitions)) >> numpy.uint64(HALF)


def overlapping(partition: int, partitions: int, others: int) -> range:
    """Which of `others` partitions have keys of one of `partitions`."""
    # keys of a partition begin where `key * partitions` reaches it
    first, after = (-(-(one << HALF) // partitions) for one in (partition, partition + 1))
    return range((first * others) >> HALF, (((after - 1) * others) >> HALF) + 1)


def read_batches(path: Path, columns: tuple[str, ...], rows: int) -> Iterator[Any]:
    """Some columns of a parquet file, in Arrow batches of at most so many rows."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=rows, columns=list(columns))


@dataclass
class SketchFiles:
    """Writes a sketch a batch of documents at a time; no more than about a million rows are held at once."""

    folder: Path
    partitions: int
    documents: int = 0
    distinct: int = 0
    bands: int = 0
    _writers: dict[str, Any] = field(default_factory=dict)
    _texts: list[tuple[Any, ...]] = field(default_factory=list)
    _bands: list[tuple[Any, ...]] = field(default_factory=list)

    def __enter__(self) -> "SketchFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        for writer in self._writers.values():
            writer.close()

    def add_documents(self, batch: Any, found: Shingled) -> tuple[Shingled, "Array"]:
        """Keep the documents that these texts are of; the distinct texts among them, and their preference."""
        import numpy

        told = (batch.column(name).to_pylist() for name in ("id", "generated", "event_time"))
        order = numpy.array(list(map(preference, *told)), dtype=numpy.uint64)
        columns = {"id": batch.column("id"), "source": batch.column("source")}
        self._write(DOCUMENTS, columns | {"order": order, "high": found.high, "low": found.low})
        first, counts = _first_of_each(found.high, found.low, order)
        self._texts.append((found.high[first], found.low[first], counts))
        self.documents, self.distinct = self.documents + len(order), self.distinct + len(first)
        return found.take(first), order[first]

    def add_texts(self, found: Shingled, order: "Array", keys: "Array") -> None:
        """Keep distinct texts by their bands; `keys` has a row a text and a column a band."""
        import numpy
        import pyarrow

        shingles = pyarrow.LargeListArray.from_arrays(found.offsets.astype(numpy.int64), found.shingles)
        self._write(SHINGLES, {"high": found.high, "low": found.low, "shingles": shingles})
        columns = (found.high, found.low, order, found.sizes)
        self._bands.append((keys.ravel(), *(numpy.repeat(column, keys.shape[1]) for column in columns)))
        self.bands += keys.size
        if sum(len(columns[0]) for columns in self._bands) > WAITING:
            self._flush()

    def _flush(self) -> None:
        import numpy

        # an empty shard has all its files too
        for names, waiting, name in ((TEXT_COLUMNS, self._texts, texts_name), (BAND_COLUMNS, self._bands, bands_name)):
            nothing = (numpy.zeros(0, numpy.uint64),) * len(names)
            columns = [numpy.concatenate(parts) for parts in zip(nothing, *waiting, strict=True)]
            by = partition_of(columns[names.index("low") if names == TEXT_COLUMNS else 0], self.partitions)
            for partition in range(self.partitions):
                mine = by == partition
                self._write(name(partition), {key: column[mine] for key, column in zip(names, columns, strict=True)})
            waiting.clear()
        if not self._writers.keys() & {DOCUMENTS, SHINGLES}:
            self._write_nothing()

    def _write_nothing(self) -> None:
        self._write(DOCUMENTS, {name: [] for name in DOCUMENT_COLUMNS})
        self._write(SHINGLES, {name: [] for name in ("high", "low", "shingles")})

    def _write(self, name: str, columns: dict[str, Any]) -> None:
        import pyarrow
        import pyarrow.parquet

        kinds = dict.fromkeys(STRINGS, pyarrow.string()) | {"shingles": pyarrow.large_list(pyarrow.uint32())}
        schema = pyarrow.schema([(column, kinds.get(column, pyarrow.uint64())) for column in columns])
        if name not in self._writers:
            self._writers[name] = pyarrow.parquet.ParquetWriter(self.folder / name, schema, compression="zstd")
        self._writers[name].write_table(pyarrow.table(columns, schema=schema))


def _first_of_each(high: "Array", low: "Array", order: "Array") -> tuple[Any, "Array"]:
    """Indexes of the preferred row of each text, and how many rows have that text."""
    import numpy

    rows = numpy.lexsort((order, low, high))
    starts = group_starts(high[rows], low[rows])
    return rows[starts], numpy.diff(numpy.append(starts, len(rows))).astype(numpy.uint64)
