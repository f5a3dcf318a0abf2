"""Which documents people should look at: where the machinery is least sure, or contradicts itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from include.data_preparation.config import LabelConfig
from include.data_preparation.documents import Document, rank, text_digest
from include.data_preparation.labelling.label_errors import CHARACTERS, LabelErrors, Labelled, Suspicion
from include.data_preparation.labelling.labels import OTHER
from include.data_preparation.labelling.lowest import Lowest

CANDIDATES = "candidates.parquet"
SUSPECTED, DISAGREEMENT, UNSURE = "suspected error", "classifier disagrees", "low confidence"


@dataclass(frozen=True)
class Candidate:
    """A document to be reviewed. `suggested` is the classifier's label, or the given one; `digest` is of its text."""

    id: str
    label: str
    confidence: float
    suggested: str
    reason: str
    digest: str


class Watch:
    """Sees every labelled document once, and keeps an even sample of them and the least sure ones."""

    def __init__(self, config: LabelConfig) -> None:
        self.config = config
        self._sample: Lowest[Labelled] = Lowest(config.examined)
        self._unsure: Lowest[Candidate] = Lowest(config.review)

    def see(self, document: Document, done: bool) -> None:
        """One more document; `done`: enough people have looked at it."""
        drawn, digest = rank(self.config.seed, document.id), text_digest(document)
        if document.label != OTHER:
            text, confidence = document.text[:CHARACTERS], document.label_confidence
            seen = Labelled(document.id, document.label, text, confidence, digest, done)
            self._sample.add(int(drawn[:12], 16), document.id, seen)
        if not done:
            # equally unsure ones in an order that is no alphabet's
            name, label, confidence = document.id, document.label, document.label_confidence
            self._unsure.add(confidence, drawn, Candidate(name, label, confidence, label, UNSURE, digest))

    @property
    def sample(self) -> list[Labelled]:
        """Labelled documents in which errors are looked for, by id."""
        return sorted(self._sample.items(), key=lambda seen: seen.id)

    def candidates(self, errors: LabelErrors) -> list[Candidate]:
        """Documents for review, the most urgent first: of each reason in turn."""
        seen = {one.id: one for one in self._sample.items() if not one.done}
        suspected = {one.id for one in errors.suspicions}
        lists = (
            _of(errors.suspicions, seen, SUSPECTED),
            _of((one for one in errors.disagreements if one.id not in suspected), seen, DISAGREEMENT),
            self._unsure.items(),
        )
        chosen: dict[str, Candidate] = {}
        for turn in zip_longest(*lists):
            for candidate in filter(None, turn):
                chosen.setdefault(candidate.id, candidate)
        return list(chosen.values())[: self.config.review]


def _of(found: Iterable[Suspicion], seen: dict[str, Labelled], reason: str) -> Iterator[Candidate]:
    for one in found:
        if document := seen.get(one.id):
            yield Candidate(one.id, one.label, document.confidence, one.suggested, reason, document.digest)
