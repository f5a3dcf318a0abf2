"""Cost and memory of curation by size: shards of the same size, ten times as many of them."""

import multiprocessing
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.curation import stages
from benchmarks.curation.corpus import write_corpus
from benchmarks.curation.duplicates import WORKERS, recall
from benchmarks.curation.search import search

SHARD = 50_000
# a document at the largest size may cost so many times one at the size before
LINEAR = 1.5
MEMORY = 1024


def measure(sizes: list[int]) -> dict[str, Any]:
    """Processor microseconds a document of the search, split and check, and the peak memory of each stage's largest
    process, by size."""
    print(f"{'documents':<12} {'seconds':>9} {'recall':>8}   CPU us each, and peak MB, by stage")
    rows = {documents: _measure(documents) for documents in sizes}
    costs = [row["processor_us_per_document"] for row in rows.values()]
    growth = {part: round(costs[-1][part] / costs[-2][part], 2) if len(costs) > 1 else 1.0 for part in costs[-1]}
    largest = max(peak for row in rows.values() for peak in row["peak_mb"].values())
    return {
        "shard": SHARD,
        "sizes": rows,
        "growth": growth,
        "peak_mb": largest,
        "targets": {"growth": LINEAR, "peak_mb": MEMORY},
        "passed": max(growth.values()) <= LINEAR and largest <= MEMORY,
    }


def _measure(documents: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="scale-benchmark-") as name:
        folder = Path(name)
        corpus = write_corpus(folder / "corpus", documents, -(-documents // SHARD))
        (folder / "search").mkdir()
        found = search(corpus.shards, folder / "search", WORKERS)
        with multiprocessing.get_context("forkserver").Pool(1, maxtasksperchild=1) as pool:
            split = pool.apply(stages.split, (folder / "search", folder / "split"))
            check = pool.apply(stages.check, (folder / "split", folder / "check", documents))
    seconds = {"search": found.processor_seconds, "split": split.seconds, "check": check.seconds}
    costs = {part: round(1e6 * some / documents, 1) for part, some in seconds.items()}
    peaks = found.peaks | {"split": split.peak, "check": check.peak}
    told = "; ".join(", ".join(f"{part} {figure}" for part, figure in some.items()) for some in (costs, peaks))
    print(f"{documents:<12} {found.seconds:>9.1f} {recall(corpus, found):>8.4f}   {told}", flush=True)
    return {
        "seconds": round(found.seconds, 1),
        "processor_us_per_document": costs,
        "recall": recall(corpus, found),
        "peak_mb": peaks,
    }
