"""Short documents with planted duplicates: generated, the same for the same size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy

from include.data_preparation.documents import Document, shard_name, write_rows

WORDS = 60_000
NEAR, EXACT = 0.1, 0.05
LEAST_SIMILAR = 0.8
SHINGLE = 3
# one document of so many is of a source that is anonymized
SENSITIVE = 10


@dataclass(frozen=True)
class Corpus:
    """A folder of Parquet files, the folders in it, one a shard, and ids of planted pairs, original first."""

    documents: int
    folder: Path
    shards: list[Path]
    near: list[tuple[str, str]]
    exact: list[tuple[str, str]]


def write_corpus(folder: Path, documents: int, shards: int) -> Corpus:
    """Write a corpus of 25 to 80 words a document, a tenth of them near duplicates of an earlier one, a twentieth equal
    to one; words are drawn as in a language. Near duplicates have 1 or 2 words changed and a Jaccard
    similarity of at least 0.8.
    """
    corpus = Corpus(documents, folder, [folder / f"shard-{shard}" for shard in range(shards)], [], [])
    folder.mkdir()
    texts = _texts(documents, corpus)
    for shard, target in enumerate(corpus.shards):
        target.mkdir()
        count = documents // shards + (shard < documents % shards)
        write_rows(target / shard_name(0), Document, [next(texts) for _ in range(count)])
    return corpus


def _texts(documents: int, corpus: Corpus) -> Iterator[Document]:
    random = numpy.random.default_rng(7)
    # Zipf's law as Mandelbrot has it: the most frequent word is every thirtieth or so
    frequency = numpy.cumsum(1 / (numpy.arange(WORDS) + 2.7))
    frequency /= frequency[-1]
    vocabulary = numpy.array([f"w{number:x}" for number in range(WORDS)])
    # chosen among the last: near duplicates lie far apart, without holding all
    recent: list[tuple[str, list[str]]] = []
    for number in range(documents):
        name, kind = f"d{number:07d}", random.random()
        if kind < NEAR + EXACT and recent:
            origin, words = recent.pop(int(random.integers(len(recent))))
            if kind < NEAR:
                words = _changed(words, random)
                corpus.near.append((origin, name))
            else:
                corpus.exact.append((origin, name))
        else:
            drawn = numpy.searchsorted(frequency, random.random(int(random.integers(25, 81))))
            words = vocabulary[drawn].tolist()
            if len(recent) < 50_000:
                recent.append((name, words))
        source = "wiki" if number % SENSITIVE else "records"
        yield Document(name, source, name, " ".join(words), "MIT")


def _changed(words: list[str], random: numpy.random.Generator) -> list[str]:
    while True:
        changed = list(words)
        for place in random.integers(len(words), size=int(random.integers(1, 3))):
            changed[place] = f"x{int(random.integers(1 << 30)):x}"
        one, two = (
            {tuple(text[start : start + SHINGLE]) for start in range(len(text) - SHINGLE + 1)}
            for text in (words, changed)
        )
        if len(one & two) >= LEAST_SIMILAR * len(one | two):
            return changed
