"""Find the lines that many documents of a source repeat, over all shards at once."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.cleaning.boilerplate import REPEATED, RepeatedLine, line_key, line_keys
from include.data_preparation.config import BoilerplateConfig
from include.data_preparation.documents import Document, read_documents, write_rows

# 16 MB whatever the number of documents; lines that share a place are told apart when they are counted again
_PLACES = 1 << 22
SHOWN = 50


@step("dataset")
def find_boilerplate(work: Workspace, source: ArtifactRef, config: BoilerplateConfig) -> None:
    """repeated_lines.parquet: for each source the lines that at least `min_share` of its documents have.

    Memory holds one shard, a table of fixed size, and the lines that may be repeated.
    """
    paths = sorted(work.fetch(source, only="documents-").glob("documents-*.parquet"))
    documents, maybe = _count_roughly(paths, config)
    least = {name: max(config.min_documents, config.min_share * count) for name, count in documents.items()}
    rows = sorted(_count_exactly(paths, config, least, maybe), key=lambda row: (row.source, -row.documents, row.digest))
    write_rows(work.output / REPEATED, RepeatedLine, rows)
    work.metrics.update(
        lines=len(rows),
        documents=sum(documents.values()),
        min_words=config.min_words,
        by_source=dict(sorted(Counter(row.source for row in rows).items())),
    )
    Report("Repeated lines").text(
        f"A line is boilerplate of a source where at least {config.min_documents} of its documents, and "
        f"{config.min_share:.1%} of them, have it in a text of more than one line; digits and case do not count. "
        "Lines are not shown, as they may hold personal data: look into the document that is named."
    ).table(
        ["source", "documents", "share", "words", "one that has it"],
        [(row.source, row.documents, f"{row.share:.1%}", row.words, row.example) for row in rows[:SHOWN]],
        f"Repeated lines, {len(rows)} in all",
    ).write(work.output)


def _count_roughly(paths: list[Path], config: BoilerplateConfig) -> tuple[Counter[str], "_Places"]:
    """Documents by source, and for each place of the table how many documents have a line that belongs there."""
    documents: Counter[str] = Counter()
    places = _Places()
    for document in _documents(paths):
        documents[document.source] += 1
        for key in line_keys(document.source, document.text, config.min_words):
            places.add(key)
    return documents, places


def _count_exactly(
    paths: list[Path], config: BoilerplateConfig, least: Mapping[str, float], maybe: "_Places"
) -> Iterator[RepeatedLine]:
    found: defaultdict[str, Counter[bytes]] = defaultdict(Counter)
    first: dict[bytes, tuple[str, int]] = {}
    documents: Counter[str] = Counter()
    for document in _documents(paths):
        documents[document.source] += 1
        lines = (line for line in document.text.splitlines() if line.strip())
        words = {line_key(document.source, line, config.min_words): len(line.split()) for line in lines}
        for key in line_keys(document.source, document.text, config.min_words):
            if maybe.count(key) >= least[document.source]:
                found[document.source][key] += 1
                first[key] = min(first.get(key, (document.id, words[key])), (document.id, words[key]))
    for source, counts in found.items():
        for key, count in counts.items():
            if count >= least[source]:
                example, length = first[key]
                yield RepeatedLine(source, key.hex(), count, round(count / documents[source], 4), length, example)


def _documents(paths: list[Path]) -> Iterator[Document]:
    for path in paths:
        yield from read_documents(path)


class _Places:
    """A table of counts of fixed size: never less than the true count of a key."""

    def __init__(self) -> None:
        import numpy

        self._counts = numpy.zeros(_PLACES, dtype="uint32")

    def add(self, key: bytes) -> None:
        self._counts[int.from_bytes(key, "big") % _PLACES] += 1

    def count(self, key: bytes) -> int:
        return int(self._counts[int.from_bytes(key, "big") % _PLACES])
