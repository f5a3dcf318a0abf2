"""One large file: this project's upload and download beside minio-py's, in turns on one server."""

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.artifacts.artifact import commit
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore

OBJECT = "benchmark/large.bin"
COPY = "large.bin"

Times = dict[str, list[float]]


def measure(store: ArtifactStore, folder: Path, size: int, rounds: int) -> Times:
    """Seconds of each way to upload and to download a file of `size` MB, a number a round.

    A first round warms the server up and does not count. Each round begins with another way.
    """
    source, copies = folder / "source" / COPY, folder / "copies"
    source.parent.mkdir()
    write_random(source, size)
    client, bucket = store.bucket.client, store.bucket.address.bucket
    ref = commit(store, "large", source.parent)
    uploads: dict[str, Callable[[], object]] = {
        "upload": lambda: store.upload(f"benchmark/{time.monotonic_ns()}", source.parent, fresh=True),
        "fput_object": lambda: client.fput_object(bucket, OBJECT, str(source)),
        "fput_object + sha256": lambda: (_sha256(source), client.fput_object(bucket, OBJECT, str(source))),
    }
    downloads: dict[str, Callable[[], object]] = {
        "fetch": lambda: store.fetch(ref, copies),
        "fget_object": lambda: client.fget_object(bucket, OBJECT, str(copies / COPY)),
        "fget_object + sha256": lambda: (
            client.fget_object(bucket, OBJECT, str(copies / COPY)),
            _sha256(copies / COPY),
        ),
    }
    times: Times = {name: [] for name in (*uploads, *downloads)}
    for number in range(rounds + 1):
        for ways in (uploads, downloads):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                seconds = _seconds(ways[name])
                shutil.rmtree(copies, ignore_errors=True)
                if number:
                    times[name].append(seconds)
            store.bucket.delete(key for key in store.bucket.keys("benchmark/") if key != OBJECT)
    return times


def peak_memory(address: StoreAddress, folder: Path, size: int) -> int:
    """MB that uploading and fetching a file of `size` MB adds to a process's peak."""
    source = folder / f"memory-{size}"
    source.mkdir()
    write_random(source / COPY, size)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.artifacts.memory", f"memory-{size}", source, folder / "memory-copy"],
        env=os.environ | address.environment(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.split()
    shutil.rmtree(source)
    shutil.rmtree(folder / "memory-copy")
    return int(told[1]) - int(told[0])


def write_random(path: Path, size: int) -> None:
    """A file of `size` MB that does not compress."""
    with path.open("wb") as file:
        for _ in range(size):
            file.write(os.urandom(1 << 20))


def ratio(times: Times, theirs: str, ours: str) -> float:
    """How many times as fast ours is, medians compared."""
    return round(statistics.median(times[theirs]) / statistics.median(times[ours]), 2)


def _seconds(call: Callable[[], object]) -> float:
    os.sync()  # what the call before left to be written does not count
    started = time.monotonic()
    call()
    return time.monotonic() - started


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
