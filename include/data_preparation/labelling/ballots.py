"""The votes on all documents, kept by what was said and not by document."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.documents import Document, read_documents
from include.data_preparation.labelling.label_model import LabelModel, Pattern, fit
from include.data_preparation.labelling.labels import Taxonomies


class Ballot(NamedTuple):
    """The taxonomy of a document, empty where none is for it, and what was said."""

    taxonomy: str
    pattern: Pattern


@dataclass(frozen=True)
class FunctionFigures:
    """How one labelling function voted.

    `coverage` is its share of the documents that it is for, `overlap` and `conflict` the shares of its votes beside
    which another function votes at all, and otherwise; `accuracy` is what the label model estimates.
    """

    votes: int
    coverage: float
    overlap: float
    conflict: float
    accuracy: float


class Ballots:
    """Ballots of all shards: an index a document, and each distinct ballot once."""

    def __init__(self, taxonomies: Taxonomies) -> None:
        self._taxonomies = taxonomies
        self._shards: list[Any] = []
        self._known: dict[Ballot, int] = {}
        self.counts: Counter[Ballot] = Counter()

    def add(self, documents: Sequence[Document], people: Callable[[Document], tuple[str, ...]]) -> None:
        """Take the votes of one more shard; `people` gives the labels that annotators gave a document."""
        shard = array("I")
        votes = self._taxonomies.votes(documents)
        for document, (taxonomy, said) in zip(documents, votes, strict=True):
            ballot = Ballot(taxonomy, Pattern(said, people(document)))
            self.counts[ballot] += 1
            shard.append(self._known.setdefault(ballot, len(self._known)))
        self._shards.append(shard)

    def of_shard(self, number: int) -> list[Ballot]:
        """The ballots of a shard's documents, in their order."""
        distinct = list(self._known)
        return [distinct[index] for index in self._shards[number]]

    @property
    def documents(self) -> Counter[str]:
        """How many documents each taxonomy labels."""
        found: Counter[str] = Counter()
        for ballot, count in self.counts.items():
            if ballot.taxonomy:
                found[ballot.taxonomy] += count
        return found

    def models(self, prior_votes: float) -> dict[str, LabelModel]:
        """A label model for each taxonomy that labels a document."""
        found: dict[str, Counter[Pattern]] = {name: Counter() for name in self.documents}
        for ballot, count in self.counts.items():
            if ballot.taxonomy:
                found[ballot.taxonomy][ballot.pattern] += count
        expected = self._taxonomies.expected
        return {name: fit(counts, expected, prior_votes) for name, counts in sorted(found.items())}

    def figures(self, models: Mapping[str, LabelModel]) -> dict[str, dict[str, Any]]:
        """Labelling function -> its figures, in the order of taxonomies and functions."""
        told = {name: accuracy for model in models.values() for name, accuracy in model.accuracy.items()}
        return {name: asdict(self._figures(name, told[name])) for name in self._taxonomies.expected if name in told}

    def _figures(self, name: str, accuracy: float) -> FunctionFigures:
        mine = {ballot: count for ballot, count in self.counts.items() if name in dict(ballot.pattern.votes)}
        votes = sum(mine.values())
        (taxonomy,) = {ballot.taxonomy for ballot in mine}
        overlap = sum(count for ballot, count in mine.items() if len(ballot.pattern.votes) > 1)
        conflict = sum(count for ballot, count in mine.items() if len(set(dict(ballot.pattern.votes).values())) > 1)
        return FunctionFigures(
            votes,
            round(votes / self.documents[taxonomy], 4),
            round(overlap / votes, 4),
            round(conflict / votes, 4),
            accuracy,
        )


def collect(paths: Iterable[Path], taxonomies: Taxonomies, people: Callable[[Document], tuple[str, ...]]) -> Ballots:
    """The ballots of all shards, read one at a time."""
    ballots = Ballots(taxonomies)
    for path in paths:
        ballots.add(read_documents(path), people)
    return ballots
