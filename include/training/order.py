"""In which order packed rows are read: a pure function of seed and position, whatever the number of ranks."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Place(NamedTuple):
    """A row: the file that holds it, and where there."""

    shard: int
    row: int


class Order:
    """An endless sequence of rows, each once an epoch.

    An epoch takes the files in an order of its own, `window` of them together, and shuffles the rows of a window: so
    many files at most are needed at once. Position p is row p of the sequence; nothing before it is computed.
    """

    def __init__(self, rows: Sequence[int], window: int, seed: int) -> None:
        if not sum(rows):
            raise ValueError("there is no row to read")
        self.rows, self.window, self.seed = np.array(rows), window, seed
        self.size = int(self.rows.sum())
        self._epoch = lru_cache(2)(self._epoch_of)
        self._rows_of = lru_cache(2)(self._shuffled)

    def at(self, position: int) -> Place:
        """The row at a position, from 0."""
        epoch, offset = divmod(position, self.size)
        shards, ends = self._epoch(epoch)
        number = int(np.searchsorted(ends, offset, side="right"))
        start = int(ends[number - 1]) if number else 0
        place = int(self._rows_of(epoch, number)[offset - start])
        for shard in self._members(shards, number):
            if place < self.rows[shard]:
                break
            place -= int(self.rows[shard])
        return Place(int(shard), place)

    def shards_at(self, position: int) -> list[int]:
        """The files of the window that a position lies in."""
        epoch, offset = divmod(position, self.size)
        shards, ends = self._epoch(epoch)
        number = int(np.searchsorted(ends, offset, side="right"))
        return [int(shard) for shard in self._members(shards, number)]

    def end_of_window(self, position: int) -> int:
        """The first position after the window that a position lies in."""
        epoch, offset = divmod(position, self.size)
        _, ends = self._epoch(epoch)
        return epoch * self.size + int(ends[np.searchsorted(ends, offset, side="right")])

    def _members(self, shards: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        return shards[number * self.window : (number + 1) * self.window]

    def _epoch_of(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The files' order in an epoch, and how many rows end with each of its windows."""
        shards = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))
        ends = np.cumsum(self.rows[shards])
        last = np.minimum(np.arange(self.window, len(shards) + self.window, self.window), len(shards)) - 1
        return shards, ends[last]

    def _shuffled(self, epoch: int, number: int) -> NDArray[np.int64]:
        """The rows of a window, in their order."""
        shards, _ = self._epoch(epoch)
        size = int(self.rows[self._members(shards, number)].sum())
        return np.random.default_rng([self.seed, epoch, number + 1]).permutation(size)
