"""A second look at the finished dataset, by other means than those that anonymized it: counts, never content."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.data_preparation.privacy.known_values import NUMBERS, candidates, digest
from include.privacy.pseudonyms import STANDS_FOR
from include.privacy.recognition.patterns import shaped
from include.privacy.recognition.predefined import certain

Rows = Sequence[Mapping[str, Any]]
COLUMNS = ("id", "question", "answer", "text", "chosen", "rejected")
PROVEN = (*NUMBERS, "IP_ADDRESS")


@dataclass(frozen=True)
class Audit:
    """Texts that were looked at, and findings by entity: `shapes`, `presidio`, and `known`: removed elsewhere."""

    texts: int
    shapes: dict[str, int]
    presidio: dict[str, int]
    known: dict[str, int]
    texts_with_known_names: int

    @property
    def numbers(self) -> int:
        """Findings that are numbers, mail or machine addresses."""
        return sum(
            count
            for found in (self.shapes, self.presidio, self.known)
            for entity, count in found.items()
            if entity in PROVEN
        )

    @property
    def by_entity(self) -> dict[str, int]:
        """The most that one detector found of each entity."""
        kinds = sorted(self.shapes.keys() | self.presidio.keys() | self.known.keys())
        return {kind: max(found.get(kind, 0) for found in (self.shapes, self.presidio, self.known)) for kind in kinds}


def texts_of(tables: Iterable[Rows], sources: Collection[str]) -> list[str]:
    """Each different text of the rows that come from `sources`, their ids among them."""
    found = {
        str(row[column])
        for rows in tables
        for row in rows
        if row["source"] in sources
        for column in COLUMNS
        if column in row
    }
    return sorted(found)


def audit(texts: Sequence[str], hidden: Collection[str], digests: Mapping[str, Collection[str]], key: bytes) -> Audit:
    """Look for the kinds `hidden` in `texts`: by shape, with Presidio's own recognizers, and by `digests` of values.

    `digests` holds the keyed digests of what anonymization removed anywhere, by entity.
    """
    shapes, presidio, known, named = Counter[str](), Counter[str](), Counter[str](), 0
    for whole in texts:
        text = STANDS_FOR.sub("\n", whole)
        shapes.update(entity for entity, _, _ in shaped(text) if entity in hidden)
        presidio.update(entity for entity, _, _ in certain(text, hidden))
        left = Counter(
            entity
            for entity, value, _, _ in set(candidates(whole))
            if entity in hidden and digest(key, entity, value) in digests.get(entity, ())
        )
        known.update(left)
        named += bool(left.keys() - set(PROVEN))
    found = (dict(sorted(counts.items())) for counts in (shapes, presidio, known))
    return Audit(len(texts), next(found), next(found), next(found), named)
