"""A folder as a committed artifact, and the requests that it took."""

import hashlib
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from include.artifacts.history import now
from include.artifacts.manifest import FingerprintParts, Manifest
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.store import ArtifactStore

STEP = "benchmarks.artifact"


def commit(store: ArtifactStore, name: str, folder: Path, *, fresh: bool = False) -> ArtifactRef:
    """Upload a folder and make it visible."""
    fingerprint = hashlib.sha256(name.encode()).hexdigest()
    attempt, files = store.upload(artifact_prefix(STEP, fingerprint), folder, fresh=fresh)
    manifest = Manifest(
        kind="dataset",
        step=STEP,
        fingerprint=fingerprint,
        attempt=attempt,
        parts=FingerprintParts(code={}, libraries={}, config={"name": name}, inputs={}),
        inputs={},
        files=files,
        metrics={},
        created_at=now(),
        created_by="benchmark",
        seconds=0,
    )
    return store.commit(manifest).ref


class Requests:
    """Counts what a store's client sends, where it leaves for the network."""

    def __init__(self, store: ArtifactStore) -> None:
        self.all = self.lists = 0
        self._pool, self._lock = store.bucket.client._http, threading.Lock()
        self._original = self._pool.urlopen
        self._pool.urlopen = self._urlopen

    def _urlopen(self, method: str, url: str, **options: Any) -> Any:
        query = parse_qs(urlsplit(url).query, keep_blank_values=True)
        with self._lock:
            self.all += 1
            self.lists += method == "GET" and bool({"list-type", "uploads"} & query.keys())
        return self._original(method, url, **options)
