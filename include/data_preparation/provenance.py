"""Where the documents of a dataset come from, in words that may be published."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from include.data_preparation.documents import Document


def provenance(name: str, location: str, documents: Sequence[Document], quarantined: int = 0) -> dict[str, Any]:
    """A source's row in the data card: location, licences, number of records, newest one, and digest of the records.

    The moment at which the source was read is no part of it: what was visible then is.
    """
    return {
        "name": name,
        "location": without_credentials(location),
        "licences": dict(sorted(Counter(document.license or "none named" for document in documents).items())),
        "records": len(documents),
        "quarantined": quarantined,
        "newest": max((document.event_time for document in documents), default=""),
        "digest": _digest(documents),
    }


def without_credentials(location: str) -> str:
    """An address without user, password, query and fragment; anything else as it is."""
    parts = urlsplit(location)
    if not parts.netloc:
        return location
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _digest(documents: Sequence[Document]) -> str:
    total = hashlib.sha256()
    for document in sorted(documents, key=lambda document: document.id):
        for part in (document.id, document.text, document.license):
            encoded = part.encode("utf-8", "surrogatepass")
            total.update(len(encoded).to_bytes(8, "big") + encoded)
    return total.hexdigest()
