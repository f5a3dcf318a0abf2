"""Sketch the texts of one shard, so that equal and similar ones can be found without reading the texts again."""

import json
from pathlib import Path

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.documents import shard_name
from include.data_preparation.duplicates.shingles import band_keys, shingled
from include.data_preparation.duplicates.sketch_files import MADE, SketchFiles, made_with, read_batches

READ = ("id", "source", "text", "generated", "event_time")
DOCUMENTS_A_BATCH = 2048


@step("dataset")
def sketch(work: Workspace, source: ArtifactRef, partitions: list[int], config: DeduplicateConfig) -> None:
    """Keys, shingles and bands of the texts of a cleaned shard; keys and bands are spread over the partitions.

    documents.parquet has a row a document, in its order in the shard; a text of several documents may have several
    rows in the other files.
    """
    path = work.fetch(source, only=shard_name(0)) / shard_name(0)
    files = write_sketch(path, work.output, len(partitions), config)
    work.metrics.update(documents=files.documents, distinct=files.distinct, bands=files.bands)
    Report("Sketches").text(
        f"{files.documents} documents with {files.distinct} texts in {files.bands} bands. Texts that share a band are "
        "compared."
    ).write(work.output)


def write_sketch(path: Path, folder: Path, partitions: int, config: DeduplicateConfig) -> SketchFiles:
    """The sketch of a file of documents, in a folder, and what it counted."""
    (folder / MADE).write_text(json.dumps(made_with(partitions, config)), encoding="utf-8")
    with SketchFiles(folder, partitions) as files:
        for batch in read_batches(path, READ, DOCUMENTS_A_BATCH):
            for first, found in shingled(batch.column("text").to_pylist(), config.shingle_words):
                distinct, order = files.add_documents(batch.slice(first, len(found.high)), found)
                files.add_texts(distinct, order, band_keys(distinct, config))
    return files
