"""Canaries among packed sequences: which row holds each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from include.training.shuffled import ShuffledTokens


class Planted:
    """Canaries as tokens. Whoever packs lets them be added, and noted on the way to the files."""

    def __init__(self, canaries: Sequence[list[int]]) -> None:
        self.canaries = [tuple(tokens) for tokens in canaries]
        self._places: dict[tuple[int, ...], int] = {}

    def add_to(self, sequences: ShuffledTokens) -> None:
        """Put them among others; they are no records of the dataset."""
        for number, tokens in enumerate(self.canaries):
            sequences.add(f"canary:{number}", list(tokens))

    def noted(self, sequences: Iterable[Any]) -> Iterator[Any]:
        """The sequences, one after another, of which it keeps where canaries begin."""
        wanted, sizes, place = set(self.canaries), set(map(len, self.canaries)), 0
        for sequence in sequences:
            if len(sequence) in sizes and (tokens := tuple(sequence.tolist())) in wanted:
                self._places[tokens] = place
            place += len(sequence)
            yield sequence

    def rows(self, length: int, count: int) -> tuple[int | None, ...]:
        """The row of each among `count` rows of `length` tokens; None where none holds it whole."""
        found = []
        for tokens in self.canaries:
            first, last = (place // length for place in (self._places[tokens], self._places[tokens] + len(tokens) - 1))
            found.append(first if first == last < count else None)
        return tuple(found)
