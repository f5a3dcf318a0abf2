"""Texts by 128-bit keys, in two halves of 64 bits: columns of numbers are searched and sorted fast."""

from typing import Any, NamedTuple


def group_starts(*columns: Any) -> Any:
    """Where in sorted columns of equal length a row begins that is not as the one before."""
    import numpy

    new = numpy.ones(len(columns[0]), dtype=bool)
    if len(new):
        new[1:] = False
        for column in columns:
            new[1:] |= column[1:] != column[:-1]
    return numpy.flatnonzero(new)


def distinct(values: Any) -> Any:
    """The distinct ones of some numbers, sorted; by sorting, which is many times faster than the hash table that
    numpy.unique builds of millions."""
    import numpy

    ordered = numpy.sort(values)
    return ordered[group_starts(ordered)]


class Keys(NamedTuple):
    """Keys; to be found among, they are distinct and sorted."""

    high: Any
    low: Any

    @staticmethod
    def of(*keys: "Keys") -> "Keys":
        """The distinct ones of some keys, sorted."""
        import numpy

        high, low = (numpy.concatenate(halves) for halves in zip(*keys, strict=True))
        rows = numpy.lexsort((low, high))
        rows = rows[group_starts(high[rows], low[rows])]
        return Keys(high[rows], low[rows])

    def take(self, rows: Any) -> "Keys":
        """Some of the keys."""
        return Keys(self.high[rows], self.low[rows])

    def find(self, high: Any, low: Any) -> Any:
        """Where some keys are among these; -1: nowhere."""
        import numpy

        found = numpy.full(len(high), -1)
        if not len(self.high):
            return found
        place = numpy.searchsorted(self.high, high)
        # two keys may agree in one half
        for ahead in (0, 1):
            row = numpy.minimum(place + ahead, len(self.high) - 1)
            same = (self.high[row] == high) & (self.low[row] == low)
            found[same] = row[same]
        return found
