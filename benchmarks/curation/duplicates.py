"""Near-duplicate search beside datatrove's MinHash pipeline, on one corpus in one run."""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.curation import datatrove_search
from benchmarks.curation.corpus import Corpus, write_corpus
from benchmarks.curation.search import Found, search

RATIO = 5.0
WORKERS = 2


def measure(documents: int) -> dict[str, Any]:
    """Documents a second and recall on planted pairs, of both; recall counts pairs of which one document went."""
    with tempfile.TemporaryDirectory(prefix="duplicates-benchmark-") as name:
        folder = Path(name)
        corpus = write_corpus(folder / "corpus", documents, WORKERS)
        for part in ("ours", "theirs"):
            (folder / part).mkdir()
        ours = search(corpus.shards, folder / "ours", WORKERS)
        theirs = datatrove_search.search(corpus.folder, folder / "theirs", WORKERS, WORKERS)
    print(f"{documents} documents{'':<14} {'documents/s':>12} {'CPU us each':>12} {'recall':>8} {'dropped':>8}")
    for label, found in (("this project", ours), ("datatrove", theirs)):
        each = 1e6 * found.processor_seconds / documents
        share = recall(corpus, found)
        print(f"{label:<30} {documents / found.seconds:>12.0f} {each:>12.0f} {share:>8.4f} {len(found.dropped):>8}")
    ratio = round(theirs.seconds / ours.seconds, 2)
    return {
        "documents": documents,
        "workers": WORKERS,
        "documents_per_second": round(documents / ours.seconds),
        "documents_per_second_datatrove": round(documents / theirs.seconds),
        "recall": recall(corpus, ours),
        "recall_datatrove": recall(corpus, theirs),
        "planted": len(corpus.near) + len(corpus.exact),
        "dropped": len(ours.dropped),
        "dropped_datatrove": len(theirs.dropped),
        "ratio": ratio,
        "processor_ratio": round(theirs.processor_seconds / ours.processor_seconds, 2),
        "targets": {"ratio": RATIO},
        "passed": ratio >= RATIO and recall(corpus, ours) >= recall(corpus, theirs),
    }


def recall(corpus: Corpus, found: Found) -> float:
    """Share of the planted pairs of which a document was dropped."""
    pairs = [*corpus.near, *corpus.exact]
    return round(sum(one in found.dropped or two in found.dropped for one, two in pairs) / max(1, len(pairs)), 5)
