"""Leave one of equal and of nearly equal texts."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.documents import (
    DROPPED,
    Document,
    Dropped,
    read_all,
    read_planted,
    write_planted,
    write_rows,
    write_shards,
)


@step("dataset")
def deduplicate(work: Workspace, sources: list[ArtifactRef], config: DeduplicateConfig) -> None:
    """All cleaned shards without duplicates, in as many shards; the first id in order of preference stays."""
    folders = [work.fetch(source) for source in sources]
    documents = sorted(
        (document for folder in folders for document in read_all(folder)),
        # a real text outlives a generated one, a short id (the public name) a long one
        key=lambda document: (document.generated, len(document.id), document.id),
    )
    if not documents:
        raise SourceError(
            "data_preparation.clean",
            len(sources),
            "cleaning left no document at all",
            "Look at dropped.parquet of the clean step and loosen its limits",
        )
    distinct, exact = drop_exact(documents)
    kept, near = drop_near(distinct, config)
    dropped = exact + near
    write_shards(work.output, kept, len(sources))
    write_rows(work.output / DROPPED, Dropped, sorted(dropped, key=lambda row: row.id))
    planted = {key: value for folder in folders for key, value in read_planted(folder).items()}
    write_planted(work.output, planted, kept)
    work.metrics.update(
        documents=len(kept), exact=len(exact), near=len(near), dropped=len(dropped), shards=len(sources)
    )
    work.metrics["by_source"] = dict(sorted(Counter(row.source for row in dropped).items()))
    Report("Deduplication").bars(
        {"read": len(documents), "after exact": len(distinct), "after near": len(kept)}, "Documents"
    ).table(
        ["document", "reason"], [(row.id, row.reason) for row in (*exact[:20], *near[:30])], "Some that were dropped"
    ).write(work.output)


def drop_exact(documents: Iterable[Document]) -> tuple[list[Document], list[Dropped]]:
    """Documents whose normalised text is new, and the others with the id that stays."""
    seen: dict[bytes, str] = {}
    kept: list[Document] = []
    dropped: list[Dropped] = []
    for document in documents:
        key = hashlib.sha256(" ".join(_words(document.text)).encode()).digest()
        if key in seen:
            dropped.append(Dropped(document.id, document.source, "deduplicate", f"same text as {seen[key]}"))
        else:
            seen[key] = document.id
            kept.append(document)
    return kept, dropped


def drop_near(documents: list[Document], config: DeduplicateConfig) -> tuple[list[Document], list[Dropped]]:
    """Documents unlike every kept one: candidates by MinHash, verified by the shingles' true Jaccard similarity."""
    from rensa import RMinHash, RMinHashLSH

    # four rows a band: a pair of similarity 0.8 is missed with probability (1 - 0.8^4)^32 < 1e-7
    index = RMinHashLSH(
        threshold=config.near_duplicate, num_perm=config.permutations, num_bands=config.permutations // 4
    )
    kept: list[Document] = []
    shingles: list[frozenset[str]] = []
    dropped: list[Dropped] = []
    for document in documents:
        mine = shingle(document.text, config.shingle_words)
        sketch = RMinHash(num_perm=config.permutations, seed=1)
        sketch.update(sorted(mine))
        best = max(((jaccard(mine, shingles[key]), -key) for key in index.query(sketch)), default=(0.0, 0))
        if best[0] >= config.near_duplicate:
            reason = f"near duplicate of {kept[-best[1]].id} ({best[0]:.2f})"
            dropped.append(Dropped(document.id, document.source, "deduplicate", reason))
            continue
        index.insert(len(kept), sketch)
        kept.append(document)
        shingles.append(mine)
    return kept, dropped


def shingle(text: str, words: int) -> frozenset[str]:
    """Runs of `words` words; the whole text where it is shorter."""
    found = _words(text)
    return frozenset(" ".join(found[start : start + words]) for start in range(max(1, len(found) - words + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over that of the union."""
    return len(one & other) / len(one | other)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
