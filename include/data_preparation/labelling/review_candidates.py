"""Which documents people should look at: where the machinery is least sure, or contradicts itself."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

from include.data_preparation.config import LabelConfig
from include.data_preparation.config.labelling import OTHER
from include.data_preparation.documents import Document, rank, text_digest
from include.data_preparation.labelling.label_errors import CHARACTERS, LabelErrors, Labelled, Suspicion
from include.data_preparation.labelling.labels import Taxonomy
from include.data_preparation.labelling.lowest import Lowest

CANDIDATES = "candidates.parquet"
SUSPECTED, DISAGREEMENT, UNSURE = "suspected error", "classifier disagrees", "low confidence"


@dataclass(frozen=True)
class Candidate:
    """A document to be reviewed. `suggested` is the classifier's label, or the given one; `digest` is of its text.

    `choices` are the labels of its taxonomy with their descriptions, as a JSON object.
    """

    id: str
    label: str
    confidence: float
    suggested: str
    reason: str
    digest: str
    taxonomy: str
    choices: str


class Watch:
    """Sees every labelled document once, and keeps an even sample of each taxonomy's and the least sure ones.

    `documents` tells how many documents each taxonomy labels.
    """

    def __init__(self, config: LabelConfig, documents: Mapping[str, int]) -> None:
        self.config = config
        self._samples = {name: Lowest[_Seen](size) for name, size in shares(documents, config.examined).items()}
        self._unsure: Lowest[Candidate] = Lowest(config.review)

    def see(self, document: Document, taxonomy: Taxonomy, done: bool) -> None:
        """One more document that a taxonomy labels; `done`: enough people have looked at it."""
        drawn, confidence = rank(self.config.seed, document.id), document.label_confidence
        name, label, digest = document.id, document.label, text_digest(document)
        same = Candidate(name, label, confidence, label, UNSURE, digest, taxonomy.name, taxonomy.described)
        if label != OTHER:
            seen = _Seen(Labelled(name, label, document.text[:CHARACTERS]), same, done)
            self._samples[taxonomy.name].add(int(drawn[:12], 16), name, seen)
        if not done:
            # equally unsure ones in an order that is no alphabet's
            self._unsure.add(confidence, drawn, same)

    @property
    def samples(self) -> dict[str, list[Labelled]]:
        """Taxonomy -> labelled documents in which errors are looked for, by id."""
        found = {name: [seen.labelled for seen in sample.items()] for name, sample in self._samples.items()}
        return {name: sorted(sample) for name, sample in found.items()}

    def candidates(self, errors: LabelErrors) -> list[Candidate]:
        """Documents for review, the most urgent first: of each reason in turn."""
        seen = [one for sample in self._samples.values() for one in sample.items()]
        waiting = {one.candidate.id: one.candidate for one in seen if not one.done}
        suspected = {one.id for one in errors.suspicions}
        lists = (
            _of(errors.suspicions, waiting, SUSPECTED),
            _of((one for one in errors.disagreements if one.id not in suspected), waiting, DISAGREEMENT),
            self._unsure.items(),
        )
        chosen: dict[str, Candidate] = {}
        for turn in zip_longest(*lists):
            for candidate in filter(None, turn):
                chosen.setdefault(candidate.id, candidate)
        return list(chosen.values())[: self.config.review]


class _Seen(NamedTuple):
    labelled: Labelled
    candidate: Candidate
    done: bool


def shares(wanted: Mapping[str, int], total: int) -> dict[str, int]:
    """How many of `total` each gets: as much as the others, where it wants as many; what is left goes to those."""
    found: dict[str, int] = {}
    for place, (name, most) in enumerate(sorted(wanted.items(), key=lambda item: (item[1], item[0]))):
        found[name] = min(most, (total - sum(found.values())) // (len(wanted) - place))
    return found


def _of(found: Iterable[Suspicion], waiting: Mapping[str, Candidate], reason: str) -> Iterator[Candidate]:
    for one in found:
        if candidate := waiting.get(one.id):
            yield replace(candidate, suggested=one.suggested, reason=reason)
