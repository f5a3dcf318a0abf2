"""Small documents that change in place: aliases, serving state, verdicts."""

import json

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError

# documents below it name artifacts, which a retention therefore keeps
ALIASES = "aliases/"
# what people decided, and on which charters: written once; a retention keeps those too
APPROVALS = "approvals/"
# submitted jobs: what they were asked, their logs and how they ended
JOBS = "jobs/"


class Document:
    """A small JSON document that changes by compare-and-swap only (aliases, serving state)."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self.bucket, self.key = bucket, key

    def read(self) -> tuple[dict[str, object] | None, str | None]:
        """The value and its version; (None, None) before the first write."""
        try:
            data, version = self.bucket.get_bytes(self.key)
        except ArtifactNotFoundError:
            return None, None
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CorruptedArtifactError(self.key, data[:40], "it is no JSON object", "Delete it from the bucket")
        return value, version

    def swap(self, value: dict[str, object], version: str | None) -> bool:
        """Write `value` if the document still has `version` (None: if it does not exist yet)."""
        data = json.dumps(value, indent=1).encode()
        return self.bucket.put_bytes(self.key, data, if_none_match=version is None, if_match=version) is not None
