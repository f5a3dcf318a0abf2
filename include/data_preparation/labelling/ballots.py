"""The votes on all documents, kept by what was said and not by document."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.documents import Document, read_documents
from include.data_preparation.labelling import labels
from include.data_preparation.labelling.label_model import LabelModel, Pattern, fit


class Ballot(NamedTuple):
    """The labels to choose from, and what was said."""

    choices: tuple[str, ...]
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


@dataclass
class Ballots:
    """Ballots of all shards: an index a document, and each distinct ballot once."""

    shards: list[Any] = field(default_factory=list)
    counts: Counter[Ballot] = field(default_factory=Counter)
    _known: dict[Ballot, int] = field(default_factory=dict)

    def add(self, documents: Iterable[Document], people: Callable[[Document], tuple[str, ...]]) -> None:
        """Take the votes of one more shard; `people` gives the labels that annotators gave a document."""
        shard = array("I")
        for document in documents:
            choices = labels.choices(document.source)
            ballot = Ballot(choices, Pattern(labels.votes(document), people(document)))
            self.counts[ballot] += 1
            shard.append(self._known.setdefault(ballot, len(self._known)))
        self.shards.append(shard)

    def of_shard(self, number: int) -> list[Ballot]:
        """The ballots of a shard's documents, in their order."""
        distinct = list(self._known)
        return [distinct[index] for index in self.shards[number]]

    def models(self, prior_votes: float) -> dict[tuple[str, ...], LabelModel]:
        """A label model for each set of labels to choose from."""
        expected = {function.__name__: accuracy for function, accuracy in labels.FUNCTIONS}
        found: dict[tuple[str, ...], Counter[Pattern]] = {}
        for ballot, count in self.counts.items():
            found.setdefault(ballot.choices, Counter())[ballot.pattern] += count
        return {choices: fit(counts, expected, prior_votes) for choices, counts in sorted(found.items())}

    def figures(self, models: Mapping[tuple[str, ...], LabelModel]) -> dict[str, dict[str, Any]]:
        """Labelling function -> its figures, in the order of the functions."""
        told = {name: accuracy for model in models.values() for name, accuracy in model.accuracy.items()}
        found = {}
        for function, _ in labels.FUNCTIONS:
            name = function.__name__
            if name in told:
                found[name] = asdict(self._figures(name, told[name]))
        return found

    def _figures(self, name: str, accuracy: float) -> FunctionFigures:
        mine = {ballot: count for ballot, count in self.counts.items() if name in dict(ballot.pattern.votes)}
        votes = sum(mine.values())
        open_to_it = {ballot.choices for ballot in mine}
        documents = sum(count for ballot, count in self.counts.items() if ballot.choices in open_to_it)
        overlap = sum(count for ballot, count in mine.items() if len(ballot.pattern.votes) > 1)
        conflict = sum(count for ballot, count in mine.items() if len(set(dict(ballot.pattern.votes).values())) > 1)
        return FunctionFigures(
            votes, round(votes / documents, 4), round(overlap / votes, 4), round(conflict / votes, 4), accuracy
        )


def collect(paths: Iterable[Path], people: Callable[[Document], tuple[str, ...]]) -> Ballots:
    """The ballots of all shards, read one at a time."""
    ballots = Ballots()
    for path in paths:
        ballots.add(read_documents(path), people)
    return ballots
