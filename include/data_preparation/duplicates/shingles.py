"""Texts as numbers: what tells equal ones, and what tells how similar two are."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.duplicates.keys import distinct
from include.evaluation.contamination.words import folded, words_and_signs

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.uint64]]
    Short = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.uint32]]

# a pair at the threshold that no band brings together, at most this often
MISSED = 1e-6
SEED = 1
BATCH_WORDS = 100_000


class Shingled(NamedTuple):
    """Some texts: the first 16 bytes of the SHA-256 of each as a whole in two halves, and the hashes of their distinct
    shingles, sorted, one text after another: text i has `shingles[offsets[i]:offsets[i + 1]]`."""

    high: "Array"
    low: "Array"
    shingles: "Short"
    offsets: "Array"

    @property
    def sizes(self) -> "Array":
        """How many distinct shingles each text has."""
        return self.offsets[1:] - self.offsets[:-1]

    def take(self, rows: Any) -> "Shingled":
        """Some of the texts."""
        import numpy

        sizes = self.sizes[rows]
        offsets = numpy.concatenate([numpy.zeros(1, numpy.uint64), numpy.cumsum(sizes)])
        return Shingled(self.high[rows], self.low[rows], self.shingles[runs(self.offsets[:-1][rows], sizes)], offsets)


class _Read(NamedTuple):
    """What equal texts have in common, and what the shingles of a text are made of."""

    whole: str
    words: list[str]


def read(text: str) -> _Read:
    """A text without case, in one spacing and one of Unicode's forms; and its words and signs, itself where it has
    none."""
    known = folded(text)
    whole = " ".join(known.split())
    return _Read(whole, words_and_signs(known) or [whole])


def shingled(texts: Sequence[str], length: int) -> Iterator[tuple[int, Shingled]]:
    """The texts in batches of bounded memory, each with the index of its first.

    A shingle is a run of `length` words, or the whole text where that is shorter; its hash has 32 bits.
    """
    first, batch, count = 0, list[_Read](), 0
    for index, text in enumerate(texts):
        batch.append(read(text))
        count += len(batch[-1].words)
        if count >= BATCH_WORDS or index == len(texts) - 1:
            yield first, _shingle(batch, length)
            first, batch, count = index + 1, [], 0


def bands(threshold: float, permutations: int) -> tuple[int, int]:
    """How many bands of how many rows: the most rows at which a pair of similarity `threshold` is still found.

    Two texts share a band of r rows with probability s**r, so none of b bands with (1 - s**r)**b (Leskovec, Rajaraman
    and Ullman, Mining of Massive Datasets, 3.4).
    """
    for rows in range(permutations, 1, -1):
        if (1 - threshold**rows) ** (permutations // rows) <= MISSED:
            return permutations // rows, rows
    return permutations, 1


def band_keys(found: Shingled, config: DeduplicateConfig) -> "Array":
    """A row a text and a column a band: texts that agree in one are candidates."""
    import numpy
    from rensa import RMinHash

    number, rows = bands(config.near_duplicate, config.permutations)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        found.shingles.astype(numpy.uint64), found.offsets, config.permutations, SEED
    )
    flat = numpy.fromiter(chain.from_iterable(matrix.to_rows()), numpy.uint64, len(found.high) * config.permutations)
    signatures = flat.reshape(-1, config.permutations)
    keys = numpy.broadcast_to(numpy.arange(1, number + 1, dtype=numpy.uint64), (len(signatures), number)).copy()
    for row in range(rows):
        keys = mix(keys ^ signatures[:, row : number * rows : rows])
    return keys


def mix(values: "Array") -> "Array":
    """Numbers spread over 64 bits, one to one: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)."""
    import numpy

    values = values + numpy.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return values ^ (values >> numpy.uint64(31))


def runs(starts: Any, sizes: Any) -> Any:
    """Indexes of runs of elements, one run after another."""
    import numpy

    starts, sizes = starts.astype(numpy.int64), sizes.astype(numpy.int64)
    ends = numpy.cumsum(sizes)
    return numpy.arange(ends[-1] if len(ends) else 0) + numpy.repeat(starts - ends + sizes, sizes)


def _shingle(batch: list[_Read], length: int) -> Shingled:
    import numpy

    digests = b"".join(hashlib.sha256(one.whole.encode()).digest()[:16] for one in batch)
    keys = numpy.frombuffer(digests, dtype=">u8").astype(numpy.uint64).reshape(-1, 2)
    padded = [one.words + [""] * (length - len(one.words)) for one in batch]
    numbers = {word: index for index, word in enumerate(dict.fromkeys(chain.from_iterable(padded)))}
    hashed = numpy.frombuffer(
        b"".join(hashlib.blake2b(word.encode(), digest_size=8).digest() for word in numbers), dtype="<u8"
    ).astype(numpy.uint64)
    sizes = numpy.array([len(found) for found in padded])
    line = hashed[numpy.fromiter((numbers[word] for found in padded for word in found), numpy.int64, sizes.sum())]
    rolled = line[: len(line) - length + 1]
    for ahead in range(1, length):
        rolled = mix(rolled) ^ line[ahead : len(line) - length + 1 + ahead]
    short = (mix(rolled) >> numpy.uint64(32)).astype(numpy.uint32)
    # runs that reach into the next text are none
    owner = numpy.repeat(numpy.arange(len(batch), dtype=numpy.uint64), sizes)[: len(short)]
    inside = numpy.arange(len(short)) + length <= numpy.cumsum(sizes)[owner]
    coded = distinct(owner[inside] << numpy.uint64(32) | short[inside])
    counts = numpy.bincount(coded >> numpy.uint64(32), minlength=len(batch))
    offsets = numpy.concatenate([[0], numpy.cumsum(counts)]).astype(numpy.uint64)
    return Shingled(keys[:, 0].copy(), keys[:, 1].copy(), coded.astype(numpy.uint32), offsets)
