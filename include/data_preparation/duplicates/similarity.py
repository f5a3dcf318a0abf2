"""How similar pairs of texts are, by shingles that are read where they are needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from include.data_preparation.duplicates.keys import Keys, distinct
from include.data_preparation.duplicates.shingles import runs
from include.data_preparation.duplicates.sketch_files import read_batches

if TYPE_CHECKING:
    from include.data_preparation.duplicates.shingles import Array

# shingles that are held at once, 256 MB, and that are compared at once
HELD = 1 << 26
COMPARED = 1 << 21
ROWS = 4096


class Bands(NamedTuple):
    """Texts that share a band with another, the preferred first, and the rows (band, text), sorted by both."""

    high: "Array"
    low: "Array"
    sizes: Any
    band: "Array"
    text: Any


class Pairs(NamedTuple):
    """Pairs of texts, the preferred one first, as indexes into `Bands`, with their Jaccard similarity."""

    one: Any
    two: Any
    similarity: Any

    @property
    def codes(self) -> Any:
        """Each pair as one number."""
        return self.one << 32 | self.two

    @staticmethod
    def joined(parts: Sequence["Pairs"]) -> "Pairs":
        """All pairs, one part after another."""
        import numpy

        nothing = Pairs(*(numpy.zeros(0, kind) for kind in (numpy.int64, numpy.int64, numpy.float64)))
        return Pairs(*(numpy.concatenate(columns) for columns in zip(nothing, *parts, strict=True)))


class Similarity:
    """Tells the pairs of texts whose similarity is at least `least`; `compared` counts those that were looked at."""

    def __init__(self, bands: Bands, shingles: Callable[[], Iterable[Path]], least: float) -> None:
        """`shingles` gives the files of shingles, of which no more are taken than have to be read."""
        import numpy

        self.bands, self.shingles, self.least = bands, shingles, least
        self.compared = 0
        self._by_key = numpy.lexsort((bands.low, bands.high))
        self._keys = Keys(bands.high[self._by_key], bands.low[self._by_key])
        self._values, self._starts = self._nothing()

    def similar(self, codes: Any) -> Pairs:
        """Those of some pairs that are similar enough; each is given as `one << 32 | two`, sorted."""
        import numpy

        one, two, sizes = codes >> 32, codes & 0xFFFFFFFF, self.bands.sizes
        # the similarity of two sets is at most the ratio of their sizes
        small, large = numpy.minimum(sizes[one], sizes[two]), numpy.maximum(sizes[one], sizes[two])
        possible = small >= self.least * large
        one, two, work = one[possible], two[possible], (small + large)[possible]
        self.compared += len(one)
        found = []
        for block in pieces(work, HELD):
            self._hold(distinct(numpy.concatenate([one[block], two[block]])))
            for part in pieces(work[block], COMPARED):
                pairs = block[part]
                similarity = self._jaccard(one[pairs], two[pairs])
                near = similarity >= self.least
                found.append(Pairs(one[pairs][near], two[pairs][near], similarity[near]))
        return Pairs.joined(found)

    def _jaccard(self, one: Any, two: Any) -> Any:
        """Size of the intersections over that of the unions."""
        import numpy

        sizes, pair = self.bands.sizes, numpy.arange(len(one))
        coded = numpy.sort(
            numpy.concatenate(
                [
                    numpy.repeat(pair, sizes[text]).astype(numpy.uint64) << numpy.uint64(32)
                    | self._values[runs(self._starts[text], sizes[text])]
                    for text in (one, two)
                ]
            )
        )
        twice = coded[1:][coded[1:] == coded[:-1]] >> numpy.uint64(32)
        common = numpy.bincount(twice.astype(numpy.int64), minlength=len(one))
        return common / (sizes[one] + sizes[two] - common)

    def _hold(self, texts: Any) -> None:
        """Read the shingles of those texts that are not held yet."""
        import numpy

        missing = texts[self._starts[texts] < 0]
        if len(self._values) + self.bands.sizes[missing].sum() > HELD:
            self._values, self._starts = self._nothing()
            missing = texts
        if not len(missing):
            return
        wanted = numpy.zeros(len(self.bands.high), dtype=bool)
        wanted[missing] = True
        parts, end = [self._values], len(self._values)
        for batch in self._batches(wanted):
            rows, found = self._find(batch)
            rows, found = rows[wanted[found]], found[wanted[found]]
            lists = batch.column("shingles").take(rows)
            parts.append(lists.flatten().to_numpy())
            sizes = self.bands.sizes[found]
            self._starts[found] = end + numpy.cumsum(sizes) - sizes
            wanted[found] = False
            end += len(parts[-1])
        self._values = numpy.concatenate(parts)

    def _batches(self, wanted: Any) -> Iterator[Any]:
        """All batches of shingles, up to where no text is wanted any more."""
        for path in self.shingles():
            for batch in read_batches(path, ("high", "low", "shingles"), ROWS):
                yield batch
                if not wanted.any():
                    return

    def _find(self, batch: Any) -> tuple[Any, Any]:
        """The rows of a batch whose texts are among the candidates, each text once, and which these are."""
        import numpy

        found = self._keys.find(*(batch.column(name).to_numpy() for name in ("high", "low")))
        rows = numpy.flatnonzero(found >= 0)
        keys, first = numpy.unique(found[rows], return_index=True)
        return rows[first], self._by_key[keys]

    def _nothing(self) -> tuple[Any, Any]:
        import numpy

        return numpy.zeros(0, dtype=numpy.uint32), numpy.full(len(self.bands.high), -1)


def pieces(work: Any, most: int) -> Iterator[Any]:
    """Indexes of consecutive elements whose work adds up to about `most`."""
    import numpy

    if len(work):
        cuts = numpy.flatnonzero(numpy.diff((numpy.cumsum(work) - 1) // most)) + 1
        yield from numpy.split(numpy.arange(len(work)), cuts)
