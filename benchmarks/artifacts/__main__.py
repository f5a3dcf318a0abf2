"""The artifact store beside minio-py's own fput_object and fget_object, on one server in one run.

`upload` hashes every byte (SHA-256, in blocks) before it sends it, `fetch` verifies every byte. They are compared with
minio-py's plain call, which leaves no digest and verifies none, and with the call and a SHA-256 of the file.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.artifacts import large, many
from benchmarks.artifacts.server import ObjectStore
from include.artifacts.store import ArtifactStore

UPLOAD, DOWNLOAD = 0.95, 2.5
# MB that a file of four times the size may add to the peak memory
MEMORY = 32


def main() -> None:
    """Measure, print tables, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.artifacts", description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MB of the large file")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--files", type=int, default=10_000, help="files of the artifact of many files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="artifacts-benchmark-") as name, ObjectStore(Path(name)) as address:
        folder = Path(name)
        times = large.measure(ArtifactStore(address), folder, arguments.size, arguments.rounds)
        memory = {size: large.peak_memory(address, folder, size) for size in (arguments.size // 4, arguments.size)}
        operations = many.measure(address, folder, arguments.files)
    _print(times, arguments.size, memory, operations)
    print(json.dumps(_result(times, arguments, memory, operations)))


def _print(times: large.Times, size: int, memory: dict[int, int], operations: dict[str, many.Many]) -> None:
    print(f"{size} MB file{'':<12} {'MB/s':>9} {'fastest':>9} {'slowest':>9}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:<22} {size / median:>9.0f} {size / min(seconds):>9.0f} {size / max(seconds):>9.0f}")
    print(f"\n{'many files':<22} {'seconds':>9} {'requests':>9} {'listings':>9}")
    for name, found in operations.items():
        print(f"{name:<22} {found.seconds:>9.1f} {found.requests:>9} {found.listings:>9}")
    print("\nmemory that a file adds: " + ", ".join(f"{added} MB for {size} MB" for size, added in memory.items()))


def _result(
    times: large.Times, arguments: argparse.Namespace, memory: dict[int, int], operations: dict[str, many.Many]
) -> dict[str, object]:
    upload = large.ratio(times, "fput_object", "upload")
    download = large.ratio(times, "fget_object", "fetch")
    small, big = memory.values()
    listings = max(found.listings for found in operations.values())
    bounded = big <= small + MEMORY
    return {
        "benchmark": "artifacts",
        "mb": arguments.size,
        "rounds": arguments.rounds,
        "upload_ratio": upload,
        "upload_ratio_with_sha256": large.ratio(times, "fput_object + sha256", "upload"),
        "download_ratio": download,
        "download_ratio_with_sha256": large.ratio(times, "fget_object + sha256", "fetch"),
        "memory_mb": memory,
        "files": arguments.files,
        "commit_seconds": round(operations["commit"].seconds, 1),
        "fetch_seconds": round(operations["fetch"].seconds, 1),
        "listings": listings,
        "targets": {"upload_ratio": UPLOAD, "download_ratio": DOWNLOAD},
        "passed": upload >= UPLOAD and download >= DOWNLOAD and bounded and listings <= 2,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
