"""The annotations that count for a dataset, and those that do not and why."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from include.data_preparation.documents import Document, text_digest
from include.data_preparation.labelling.agreement import agreements, overall
from include.data_preparation.labelling.annotations import Annotation, standing
from include.data_preparation.labelling.labels import Taxonomies


class Reviewed:
    """Looks up what people said of a document, and remembers what was not taken over.

    An annotation counts for the text that it was given for, and where its label is one of those to choose from.
    """

    def __init__(self, annotations: Iterable[Annotation], taxonomies: Taxonomies) -> None:
        self.annotations, self._taxonomies = list(annotations), taxonomies
        self._by_document: dict[str, list[Annotation]] = defaultdict(list)
        for one in standing(self.annotations):
            self._by_document[one.document].append(one)
        self.labelled: dict[str, tuple[str, ...]] = {}
        self.changed: list[str] = []
        self.unknown: list[str] = []

    def people(self, document: Document) -> tuple[str, ...]:
        """The labels that annotators gave a document, sorted."""
        found = self._by_document.get(document.id)
        if not found:
            return ()
        taxonomy = self._taxonomies.of(document)
        digest, known = text_digest(document), taxonomy.choices if taxonomy else ()
        same = [one for one in found if one.digest == digest]
        if len(same) < len(found):
            self.changed.append(document.id)
        if any(one.label not in known for one in same):
            self.unknown.append(document.id)
        labels = tuple(sorted(one.label for one in same if one.label in known))
        if labels:
            self.labelled[document.id] = labels
        return labels

    def metrics(self, least: float) -> dict[str, Any]:
        """Counts, and the agreement with a warning for each taxonomy where it is below `least`."""
        found = agreements(self.annotations)
        low = [one.words for one in found if one.value is not None and one.value < least]
        seen = {*self.labelled, *self.changed, *self.unknown}
        return {
            "annotations": sum(map(len, self.labelled.values())),
            "documents": len(self.labelled),
            "changed": len(self.changed),
            "unknown_labels": len(self.unknown),
            "absent": sum(document not in seen for document in self._by_document),
            "agreement": overall(found).model_dump(),
            "agreements": [one.model_dump() for one in found],
            "warning": f"annotators agree too little (at least {least} is wanted): {'; '.join(low)}" if low else "",
        }
