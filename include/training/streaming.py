"""Rows of a packed dataset, streamed from the store: the files of one window are on disk, those of the next come."""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.ref import ArtifactRef
from include.core.errors import ModelError
from include.distributed.job import Job
from include.training.order import Order
from include.training.shards import Index, shard_name

# a rank may let go of a file as often as ranks of a host need it
_TRIES = 100


class _File(NamedTuple):
    folder: Path
    rows: Any


class RowStream:
    """The rows of one part, by their position in the order of training.

    Files come in the background, a window ahead, verified and once on each host. Ranks move through the positions
    together, so a host holds the files of two windows, and for a step those of a third.
    """

    def __init__(self, job: Job, packed: ArtifactRef, index: Index, part: str, window: int, seed: int) -> None:
        self.job, self.packed, self.part, self.length = job, packed, part, index.length
        self.order = Order(index.parts[part].rows, window, seed)
        self._files: dict[int, Future[_File]] = {}
        self._needed: list[int] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"rows-{part}")

    def read(self, first: int, count: int) -> Any:
        """An int64 tensor of `count` rows from position `first`."""
        import numpy as np
        import torch

        self._need(first, first + count - 1)
        rows = np.empty((count, self.length), dtype=np.int64)
        for number in range(count):
            place = self.order.at(first + number)
            rows[number] = self._files[place.shard].result().rows[place.row]
        return torch.from_numpy(rows)

    def close(self) -> None:
        """Let go of all files; nothing is read any more."""
        self._pool.shutdown()
        for shard in list(self._files):
            self._let_go(shard)

    def _need(self, first: int, last: int) -> None:
        """Ask for the files of the positions and of the window after them, and let go of all others."""
        needed, position = self.order.shards_at(first), first
        while position <= last:
            position = self.order.end_of_window(position)
            needed = [*needed, *self.order.shards_at(position)]
        if needed == self._needed:
            return
        self._needed = needed
        for shard in self._files.keys() - set(needed):
            self._let_go(shard)
        for shard in needed:
            if shard not in self._files:
                self._files[shard] = self._pool.submit(self._open, shard)

    def _open(self, shard: int) -> "_File":
        import numpy as np

        name = shard_name(self.part, shard)
        for _ in range(_TRIES):
            folder = self.job.fetch(self.packed, only=name)
            try:
                return _File(folder, np.load(folder / name, mmap_mode="r"))
            except FileNotFoundError:
                # another rank of this host has just let go of it
                continue
        raise ModelError(name, str(self.packed), "the packed dataset has no such file", "Run training.pack anew")

    def _let_go(self, shard: int) -> None:
        # what is open, here or in another rank, can still be read
        shutil.rmtree(self._files.pop(shard).result().folder, ignore_errors=True)
