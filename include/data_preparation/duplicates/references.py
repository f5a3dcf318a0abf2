"""Texts of earlier datasets that share a band with a text of today's."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.duplicates.candidates import SMALL
from include.data_preparation.duplicates.earlier_datasets import ROWS, Earlier
from include.data_preparation.duplicates.keys import Keys, distinct, group_starts
from include.data_preparation.duplicates.shingles import runs
from include.data_preparation.duplicates.similarity import COMPARED, Bands, Pairs, Similarity, pieces
from include.data_preparation.duplicates.sketch_files import MADE, bands_name, overlapping, read_batches, read_made


class Rows(NamedTuple):
    """Rows of a band and a text that has it, with how many shingles that has."""

    band: Any
    high: Any
    low: Any
    size: Any

    @property
    def keys(self) -> Keys:
        """The texts' keys, a row each."""
        return Keys(self.high, self.low)

    def take(self, rows: Any) -> "Rows":
        """Some of the rows."""
        return Rows(*(column[rows] for column in self))


def made_of(dataset: Earlier) -> dict[str, Any]:
    """What is told of a dataset's sketches, which were all made alike; nothing where it has none."""
    first = next(iter(dataset.files(MADE)), None)
    return read_made(first) if first else {}


def gather(today: Rows, keys: Keys, earlier: Sequence[Earlier], partition: int, partitions: int) -> Rows:
    """Rows of a partition's bands from the sketches of earlier datasets, each once, sorted: those whose band a text of
    today's has, and whose text is none of `keys`."""
    import numpy

    bands, found = distinct(today.band), today.take(slice(0))
    for dataset in earlier:
        parts = [found]
        for other in overlapping(partition, partitions, made_of(dataset)["partitions"]):
            for path in dataset.files(bands_name(other)):
                parts += _unlike(path, bands, keys)
        rows = Rows(*(numpy.concatenate(columns) for columns in zip(*parts, strict=True)))
        rows = rows.take(numpy.lexsort((rows.low, rows.high, rows.band)))
        found = rows.take(group_starts(rows.band, rows.high, rows.low))
    return found


def _unlike(path: Path, bands: Any, keys: Keys) -> Iterator[Rows]:
    import numpy

    for batch in read_batches(path, Rows._fields, ROWS):
        rows = Rows(*(batch.column(name).to_numpy() for name in Rows._fields))
        place = numpy.minimum(numpy.searchsorted(bands, rows.band), max(len(bands) - 1, 0))
        rows = rows.take(bands[place] == rows.band if len(bands) else slice(0))
        yield rows.take(keys.find(*rows.keys) < 0)


def first_of_each_band(rows: Rows, dataset: Any) -> Rows:
    """Of each band no more texts than are all looked at: those that the earliest dataset had."""
    import numpy

    rows = rows.take(numpy.lexsort((rows.low, rows.high, dataset, rows.band)))
    starts = group_starts(rows.band)
    sizes = numpy.diff(numpy.append(starts, len(rows.band)))
    return rows.take(runs(starts, numpy.minimum(sizes, SMALL)))


def near_references(
    new: Rows, references: Rows, keys: Keys, shingles: Callable[[], Iterable[Path]], least: float
) -> tuple[Pairs, int]:
    """Pairs of a new text and a reference, as indexes of `keys`, that share a band and are similar enough; and how many
    were compared."""
    import numpy

    one, two = (keys.find(*rows.keys) for rows in (new, references))
    texts = distinct(numpy.concatenate([one, two]))
    sizes = numpy.zeros(len(keys.high), dtype=numpy.int64)
    sizes[one], sizes[two] = new.size, references.size
    nothing = one[:0]
    bands = Bands(*keys.take(texts), sizes[texts], nothing, nothing)
    similarity = Similarity(bands, shingles, least)
    left, right = numpy.searchsorted(texts, one), numpy.searchsorted(texts, two)
    begin = numpy.searchsorted(references.band, new.band, side="left")
    count = numpy.searchsorted(references.band, new.band, side="right") - begin
    found = []
    for rows in pieces(count, COMPARED):
        codes = numpy.repeat(left[rows], count[rows]) << 32 | right[runs(begin[rows], count[rows])]
        found.append(similarity.similar(distinct(codes)))
    pairs = Pairs.joined(found)
    _, first = numpy.unique(pairs.codes, return_index=True)
    return Pairs(texts[pairs.one[first]], texts[pairs.two[first]], pairs.similarity[first]), similarity.compared
