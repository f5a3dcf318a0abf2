"""Documents of shard files, read as often as needed and never held: shard by shard, or by rank."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from include.data_preparation.config.sources import GENERATORS
from include.data_preparation.documents import Document, rank
from include.data_preparation.row_files import read_batches

Made = TypeVar("Made")
# documents of a rank that are held at once, at most
MOST = 1 << 16


class Place(NamedTuple):
    """What tells whether a document is wanted, without its text."""

    id: str
    source: str
    generated: bool

    @property
    def made(self) -> bool:
        """Whether nobody wrote it: by its mark, or by where it comes from."""
        return self.generated or self.source in GENERATORS


class DocumentShards:
    """The documents of all shard files of some folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.files = [path for folder in folders for path in sorted(folder.glob("documents-*.parquet"))]

    def read(self, wanted: Callable[[Place], bool] = lambda _: True) -> Iterator[Document]:
        """Those that are wanted, shard by shard."""
        for path in self.files:
            for batch in read_batches(path):
                places = map(Place, *(batch.column(name).to_pylist() for name in Place._fields))
                rows = [row for row, place in enumerate(places) if wanted(place)]
                if rows:
                    yield from (Document(**row) for row in batch.take(rows).to_pylist())


def by_rank(
    shards: DocumentShards,
    seed: int,
    wanted: Callable[[Place], bool],
    make: Callable[[Document], Made | None],
    count: int,
    last: int | None = None,
) -> Iterator[Made]:
    """What `make` gives of the documents that are wanted, in the order of their ranks, up to that of rank `last`.

    About `count` are expected to be needed: as many are held, and the shards are read once more for those that follow.
    """
    held, after = min(count, MOST), -1
    while held:
        window = _lowest(shards, seed, wanted, make, held, (after, last))
        yield from (made for _, made in window if made is not None)
        if len(window) < held:
            return
        after, held = window[-1][0], min(2 * held, MOST)


def rank_number(seed: int, name: str) -> int:
    """The rank of a document as a number of 64 bits."""
    return int(rank(seed, name)[:16], 16)


def _lowest(
    shards: DocumentShards,
    seed: int,
    wanted: Callable[[Place], bool],
    make: Callable[[Document], Made | None],
    count: int,
    between: tuple[int, int | None],
) -> list[tuple[int, Made | None]]:
    """Rank and what is made of the first documents after a rank."""
    after, last = between
    # the highest rank first, to be replaced by a lower one
    heap: list[tuple[int, str, Made | None]] = []

    def is_low(place: Place) -> bool:
        number = rank_number(seed, place.id)
        inside = number > after and (last is None or number <= last)
        return inside and (len(heap) < count or -number > heap[0][0]) and wanted(place)

    for document in shards.read(is_low):
        entry = (-rank_number(seed, document.id), document.id, make(document))
        if len(heap) < count:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)
    return [(-number, made) for number, _, made in sorted(heap, reverse=True)]
