"""Uploads and fetches one artifact and prints its peak memory: run as a process of its own."""

import sys
from pathlib import Path

from benchmarks.artifacts.artifact import commit
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.settings import settings


def main() -> None:
    """Arguments: name of the artifact, its folder, and a folder for the copy. Prints MB before and at the peak."""
    name, source, target = sys.argv[1:]
    store = ArtifactStore(StoreAddress.of(settings()))
    before = _peak()
    store.fetch(commit(store, name, Path(source)), Path(target))
    print(before, _peak())


def _peak() -> int:
    """MB of this program alone; getrusage would count the parent's before it became this program."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) >> 10


if __name__ == "__main__":
    main()
