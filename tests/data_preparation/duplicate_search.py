"""The search for duplicates on a few documents in memory, and what its answer is held against."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.deduplicate import find_dropped
from include.data_preparation.documents import (
    Document,
    shard_name,
    write_rows,
)
from include.data_preparation.duplicates.earlier_datasets import Earlier
from include.data_preparation.duplicates.shingles import read
from include.data_preparation.duplicates.sketch_files import DOCUMENTS
from include.data_preparation.match import Matched, write_matches
from include.data_preparation.sketch import write_sketch

CONFIG = DeduplicateConfig()
LONG = "The scheduler starts every job when its time has come and keeps a note of what it did in the log file. "


def doc(name: str, text: str) -> Document:
    return Document(f"docstring:{name}", "docstrings", name, text, "MIT")


def dropped_of(
    shards: Sequence[Sequence[Document]],
    config: DeduplicateConfig = CONFIG,
    earlier: Sequence[Sequence[Document]] = (),
) -> tuple[dict[str, str], list[Matched]]:
    """Ids of the documents that go with their reasons, and what each partition counted; as many as shards."""
    return found_in(shards, config, earlier)[:2]


def found_in(
    shards: Sequence[Sequence[Document]], config: DeduplicateConfig, earlier: Sequence[Sequence[Document]]
) -> tuple[dict[str, str], list[Matched], int]:
    """What `dropped_of` gives, and how many documents repeat an earlier dataset and are counted."""
    with TemporaryDirectory() as name:
        folders = [Path(name) / f"{kind}{part}" for kind in ("sketch", "match") for part in range(len(shards))]
        for folder in folders:
            folder.mkdir()
        sketches, matches = folders[: len(shards)], folders[len(shards) :]
        for folder, documents in zip(sketches, shards, strict=True):
            write_rows(folder / shard_name(0), Document, documents)
            write_sketch(folder / shard_name(0), folder, len(shards), config)
        before = [
            earlier_dataset(Path(name) / f"dataset{number}", documents) for number, documents in enumerate(earlier)
        ]
        counts = [
            write_matches(lambda file: [folder / file for folder in sketches], partition, folder, config, before)
            for partition, folder in enumerate(matches)
        ]
        found, again = find_dropped([folder / DOCUMENTS for folder in sketches], matches, config)
        gone = found.to_pylist()
    for row in gone:
        assert shards[row["shard"]][row["row"]].id == row["id"]
    return {row["id"]: row["reason"] for row in gone}, counts, again


def earlier_dataset(folder: Path, documents: Sequence[Document], partitions: int = 3) -> Earlier:
    """An earlier dataset of these documents."""
    folder.mkdir()
    write_rows(folder / shard_name(0), Document, documents)
    write_sketch(folder / shard_name(0), folder, partitions, CONFIG)
    return Earlier(folder.name, folder / DOCUMENTS, lambda name: [folder / name])


def spread(documents: Sequence[Document], shards: int) -> list[list[Document]]:
    return [[one for number, one in enumerate(documents) if number % shards == shard] for shard in range(shards)]


def jaccard(one: str, two: str) -> float:
    sets = []
    for text in (one, two):
        found = read(text).words
        sets.append({tuple(found[start : start + 3]) for start in range(max(1, len(found) - 2))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])
