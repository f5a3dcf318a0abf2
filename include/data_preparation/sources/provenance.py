"""Where the documents of a dataset come from, in words that may be published."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from include.data_preparation.documents import Document

MOST, OTHERS = 20, "others"


class Provenance:
    """A source's row in the data card, while its documents come in whatever order."""

    def __init__(self, name: str, location: str) -> None:
        self._name, self._location = name, location
        self._licences: Counter[str] = Counter()
        self._newest, self._sum = "", 0

    def add(self, document: Document) -> None:
        """Count a document."""
        self._licences[document.license or "none named"] += 1
        self._newest = max(self._newest, document.event_time)
        digest = hashlib.sha256()
        for part in (document.id, document.text, document.license):
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        # a sum is the same in any order, and needs no list
        self._sum = (self._sum + int.from_bytes(digest.digest(), "big")) % (1 << 256)

    def row(self, quarantined: int = 0) -> dict[str, Any]:
        """Location, licences, number of records, newest one, and digest of the records.

        The moment at which the source was read is no part of it: what was visible then is.
        """
        return {
            "name": self._name,
            "location": without_credentials(self._location),
            "licences": by_licence(self._licences),
            "records": self._licences.total(),
            "quarantined": quarantined,
            "newest": self._newest,
            "digest": f"{self._sum:064x}",
        }


def provenance(name: str, location: str, documents: Sequence[Document], quarantined: int = 0) -> dict[str, Any]:
    """The row of a source whose documents are all there."""
    found = Provenance(name, location)
    for document in documents:
        found.add(document)
    return found.row(quarantined)


def without_credentials(location: str) -> str:
    """An address without user, password, query and fragment; anything else as it is."""
    parts = urlsplit(location)
    if not parts.netloc:
        return location
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def by_licence(counts: Counter[str]) -> dict[str, int]:
    """The most common licences first, and all others as one."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[MOST:])
    return dict(ordered[:MOST]) | ({OTHERS: rest} if rest else {})
