"""What earlier datasets had: which ids, which texts, and where their sketches are."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.sketch_files import read_batches

# ids of the real documents that stayed, and the keys of their texts
INDEX = "index.parquet"
INDEX_COLUMNS = ("id", "high", "low")
ROWS = 1 << 18


class Earlier(NamedTuple):
    """An earlier dataset: the name that reasons give it, its index, and the files of a name of its sketches."""

    name: str
    stayed: Path
    files: Callable[[str], Iterable[Path]]


class Bearers(NamedTuple):
    """For each of some texts the number of the first dataset that had it, one above the last where none had, and the
    row of its document in that dataset's index."""

    dataset: Any
    row: Any


def first_known(ids: Any, earlier: Sequence[Earlier]) -> Any:
    """For each of some distinct ids the number of the first dataset that has it; one above the last: none has."""
    import numpy
    import pyarrow.compute

    known, unknown = numpy.full(len(ids), len(earlier)), numpy.arange(len(ids))
    for number, dataset in enumerate(earlier):
        asked = ids.take(unknown).combine_chunks()
        for batch in read_batches(dataset.stayed, ("id",), ROWS):
            found = pyarrow.compute.index_in(batch.column("id"), value_set=asked).drop_null()
            known[unknown[found.to_numpy()]] = number
        unknown = numpy.flatnonzero(known == len(earlier))
    return known


def first_bearers(keys: Keys, earlier: Sequence[Earlier]) -> Bearers:
    """Which dataset first had each of these texts, in a real document."""
    import numpy

    had = Bearers(numpy.full(len(keys.high), len(earlier)), numpy.zeros(len(keys.high), dtype=numpy.int64))
    for number, dataset in enumerate(earlier):
        begin = 0
        for batch in read_batches(dataset.stayed, INDEX_COLUMNS[1:], ROWS):
            text = keys.find(*(batch.column(half).to_numpy() for half in ("high", "low")))
            rows = numpy.flatnonzero(text >= 0)
            rows = rows[had.dataset[text[rows]] == len(earlier)]
            had.dataset[text[rows]], had.row[text[rows]] = number, begin + rows
            begin += len(batch)
    return had


def bearers_ids(had: Bearers, texts: Any, earlier: Sequence[Earlier]) -> Any:
    """The ids of the documents that first had some of the texts, which all have one."""
    import numpy
    import pyarrow.parquet

    ids, places = [pyarrow.array([], pyarrow.string())], [numpy.zeros(0, dtype=numpy.int64)]
    for number in numpy.unique(had.dataset[texts]):
        mine = numpy.flatnonzero(had.dataset[texts] == number)
        names = pyarrow.parquet.read_table(earlier[number].stayed, columns=["id"])["id"].combine_chunks()
        ids.append(names.take(pyarrow.array(had.row[texts[mine]])))
        places.append(mine)
    return pyarrow.concat_arrays(ids).take(pyarrow.array(numpy.argsort(numpy.concatenate(places))))
