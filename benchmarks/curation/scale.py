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
    """Processor microseconds a document and the peak memory of each stage's largest process, by size."""
    print(f"{'documents':<12} {'stage':<32} {'CPU us each':>12} {'peak MB':>8}")
    rows = {}
    for documents in sizes:
        with tempfile.TemporaryDirectory(prefix="scale-benchmark-") as name:
            corpus = write_corpus(Path(name) / "corpus", documents, -(-documents // SHARD))
            (Path(name) / "search").mkdir()
            found = search(corpus.shards, Path(name) / "search", WORKERS, again=True)
            divided = _divide(Path(name), documents)
        costs = found.costs | divided
        each = {stage: round(1e6 * cost.seconds / documents, 1) for stage, cost in costs.items()}
        for stage, cost in costs.items():
            print(f"{documents:<12} {stage:<32} {each[stage]:>12.1f} {cost.peak:>8}")
        seconds = found.processor_seconds + sum(cost.seconds for cost in divided.values())
        total = round(1e6 * seconds / documents, 1)
        print(f"{documents:<12} {'all, recall ' + str(recall(corpus, found)):<32} {total:>12.1f}", flush=True)
        rows[documents] = {
            "seconds": round(found.seconds, 1),
            "processor_us_per_document": total,
            "processor_us_by_stage": each,
            "recall": recall(corpus, found),
            "peak_mb": {stage: cost.peak for stage, cost in costs.items()},
        }
    costs = [row["processor_us_per_document"] for row in rows.values()]
    growth = round(costs[-1] / costs[-2], 2) if len(costs) > 1 else 1.0
    largest = max(peak for row in rows.values() for peak in row["peak_mb"].values())
    return {
        "shard": SHARD,
        "sizes": rows,
        "growth": growth,
        "peak_mb": largest,
        "targets": {"growth": LINEAR, "peak_mb": MEMORY},
        "passed": growth <= LINEAR and largest <= MEMORY,
    }


def _divide(folder: Path, documents: int) -> dict[str, stages.Cost]:
    """What it costs to divide what the search has left, and to check that; a process each."""
    with multiprocessing.get_context("forkserver").Pool(1, maxtasksperchild=1) as pool:
        split = pool.apply(stages.split, (folder / "search", folder / "split"))
        check = pool.apply(stages.check, (folder / "split", folder / "check", documents))
    return {"split": split, "check": check}
