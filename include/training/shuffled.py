"""Sequences of tokens in an order that their ids decide, on disk: more of them than memory holds."""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# what is sorted at once, and the files that each of the four parts may have open at once
HEAP_BYTES, MOST_HEAPS = 64 << 20, 192
_HEAD = struct.Struct("<16sI")


class ShuffledTokens:
    """Takes sequences in any order and gives them back in the order of a digest of their ids.

    `expected` is about how many bytes are coming: they go to heaps of about HEAP_BYTES, each sorted in memory.
    """

    def __init__(self, folder: Path, dtype: str, expected: int) -> None:
        self.folder, self.dtype = folder, dtype
        self.count = min(MOST_HEAPS, 1 + expected // HEAP_BYTES)
        folder.mkdir(parents=True)
        self._open = ExitStack()
        self._heaps = [self._open.enter_context(self._path(heap).open("wb")) for heap in range(self.count)]

    def add(self, id: str, tokens: list[int]) -> None:
        """Take one sequence."""
        import numpy as np

        key = hashlib.sha256(f"order:{id}".encode()).digest()[:16]
        data = np.array(tokens, dtype=self.dtype).tobytes()
        heap = self._heaps[int.from_bytes(key[:8]) * self.count >> 64]
        heap.write(_HEAD.pack(key, len(data)))
        heap.write(data)

    def in_order(self) -> Iterator[Any]:
        """All sequences as arrays, once: the heaps are removed on the way."""
        import numpy as np

        self._open.close()
        for heap in range(self.count):
            path = self._path(heap)
            data = path.read_bytes()
            path.unlink()
            for _, start, size in sorted(_parts(data)):
                yield np.frombuffer(data, dtype=self.dtype, count=size // np.dtype(self.dtype).itemsize, offset=start)

    def _path(self, heap: int) -> Path:
        return self.folder / f"{heap:03}.heap"


def _parts(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Key, first byte and size of each sequence."""
    at = 0
    while at < len(data):
        key, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield key, at, size
        at += size
