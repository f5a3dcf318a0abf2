"""Pairs of texts that may be similar, from the bands that they share, and which of them are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from include.data_preparation.duplicates.keys import distinct, group_starts
from include.data_preparation.duplicates.similarity import COMPARED, Bands, Pairs, Similarity

if TYPE_CHECKING:
    from include.data_preparation.duplicates.shingles import Array

# texts in a band up to which all of its pairs are looked at; above it, a text is held against the preferred ones
SMALL = 32
# files of texts of several documents, and of pairs of similar ones
REPEATED, SIMILAR = "repeated.parquet", "similar.parquet"
ROUNDS = 16


def in_company(band: "Array") -> Any:
    """Whether the band of a row is that of another row too."""
    import numpy

    rows = numpy.argsort(band, kind="stable")
    ordered = band[rows]
    same = ordered[1:] == ordered[:-1]
    shared = numpy.zeros(len(rows), dtype=bool)
    shared[rows[1:][same]] = True
    shared[rows[:-1][same]] = True
    return shared


def shared_bands(band: "Array", high: "Array", low: "Array", order: "Array", size: "Array") -> Bands:
    """What is left of the rows of a partition where bands of one text alone are left out."""
    import numpy

    rows = numpy.flatnonzero(in_company(band))
    by_text = rows[numpy.lexsort((order[rows], low[rows], high[rows]))]
    starts = group_starts(high[by_text], low[by_text])
    first = by_text[starts]
    preferred = numpy.lexsort((low[first], high[first], order[first]))
    number = numpy.empty(len(first), dtype=numpy.int64)
    number[preferred] = numpy.arange(len(first))
    text = numpy.repeat(number, numpy.diff(numpy.append(starts, len(by_text))))
    kept = first[preferred]
    both = numpy.lexsort((text, band[by_text]))
    text, band = text[both], band[by_text][both]
    once = group_starts(text, band)
    return Bands(high[kept], low[kept], size[kept].astype(numpy.int64), band[once], text[once])


def similar_pairs(bands: Bands, similarity: Similarity) -> tuple[Pairs, int]:
    """Pairs that share a band and are similar enough, sorted; and how many texts of crowded bands were held against no
    more than the first of it."""
    import numpy

    starts = group_starts(bands.band)
    sizes = numpy.diff(numpy.append(starts, len(bands.band)))
    found = [similarity.similar(codes) for codes in _pairs_of_small(bands, starts, sizes)]
    crowded = numpy.repeat(sizes > SMALL, sizes)
    band, text = bands.band[crowded], bands.text[crowded]
    for _ in range(ROUNDS):
        if not len(band):
            break
        starts = group_starts(band)
        sizes = numpy.diff(numpy.append(starts, len(band)))
        # each text of a band beside the preferred one that is left in it
        codes = numpy.repeat(text[starts], sizes) << 32 | text
        others = numpy.ones(len(band), dtype=bool)
        others[starts] = False
        found.append(similarity.similar(distinct(codes[others])))
        left = others & ~_among(codes, found[-1].codes)
        # one that is alone has been held against all
        left &= numpy.repeat(numpy.add.reduceat(left, starts) > 1, sizes)
        band, text = band[left], text[left]
    pairs = Pairs.joined(found)
    _, first = numpy.unique(pairs.codes, return_index=True)
    return Pairs(*(column[first] for column in pairs)), len(distinct(text))


def _among(codes: Any, ordered: Any) -> Any:
    """Which codes are among some that are sorted."""
    import numpy

    if not len(ordered):
        return numpy.zeros(len(codes), dtype=bool)
    place = numpy.minimum(numpy.searchsorted(ordered, codes), len(ordered) - 1)
    return ordered[place] == codes


def _pairs_of_small(bands: Bands, starts: Any, sizes: Any) -> Iterator[Any]:
    """All pairs of texts of bands that are not crowded, as `one << 32 | two`, in sorted pieces of bounded size."""
    import numpy

    codes = numpy.zeros(0, dtype=numpy.int64)
    for size in range(2, SMALL + 1):
        mine = starts[sizes == size] if len(starts) else starts
        left, right = numpy.triu_indices(size, 1)
        step = max(1, COMPARED // len(left))
        for begin in range(0, len(mine), step):
            texts = bands.text[mine[begin : begin + step][:, None] + numpy.arange(size)]
            # texts of a band are sorted: the preferred one is the left one
            codes = distinct(numpy.append(codes, (texts[:, left] << 32 | texts[:, right]).ravel()))
            if len(codes) > COMPARED:
                yield codes
                codes = codes[:0]
    if len(codes):
        yield codes
