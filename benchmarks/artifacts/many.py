"""An artifact of many small files: how long it takes, and how many requests."""

import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.artifacts.artifact import Requests, commit
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore

SIZE = 1000
FOLDERS = 100


class Many(NamedTuple):
    """One operation on an artifact of many files."""

    seconds: float
    requests: int
    listings: int


def measure(address: StoreAddress, folder: Path, files: int) -> dict[str, Many]:
    """Commit, fetch, and the fetch of a run that finds the artifact made; each with a client of its own."""
    source = folder / "many"
    for number in range(files):
        target = source / str(number % FOLDERS) / f"{number}.bin"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(number.to_bytes(4) * (SIZE // 4))
    ref = commit(ArtifactStore(address), "few", source / "0")
    found = {}
    for name in ("commit", "fetch", "fetch by a rerun"):
        store = ArtifactStore(address)
        requests, started = Requests(store), time.monotonic()
        if name == "commit":
            ref = commit(store, "many", source)
        else:
            manifest = store.find(ref.step, ref.fingerprint)
            assert manifest
            store.fetch(manifest.ref, folder / name)
        found[name] = Many(time.monotonic() - started, requests.all, requests.lists)
    return found
