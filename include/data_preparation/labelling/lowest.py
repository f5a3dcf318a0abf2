"""The few of many: what has the lowest keys, in memory that does not grow with how many there are."""

import heapq
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lowest(Generic[T]):
    """Keeps the `size` items with the lowest (key, name); names are unique."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[_Entry[T]] = []

    def add(self, key: float, name: str, item: T) -> None:
        """Keep the item if it is among the lowest so far."""
        entry = _Entry((key, name), item)
        if len(self._heap) < self.size:
            heapq.heappush(self._heap, entry)
        elif self.size and self._heap[0] < entry:
            heapq.heapreplace(self._heap, entry)

    def items(self) -> list[T]:
        """What is kept, the lowest first."""
        return [entry.item for entry in sorted(self._heap, reverse=True)]


class _Entry(Generic[T]):
    """Compares the other way round: a heap gives up its smallest first."""

    def __init__(self, key: tuple[float, str], item: T) -> None:
        self.key, self.item = key, item

    def __lt__(self, other: "_Entry[Any]") -> bool:
        return self.key > other.key
