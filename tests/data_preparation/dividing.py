"""Documents, divided by way of shards as the step does."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.data_preparation.config import SplitConfig
from include.data_preparation.division.document_shards import DocumentShards
from include.data_preparation.division.questions import Question
from include.data_preparation.documents import Document, read_table
from include.data_preparation.split import divide
from include.evaluation.contamination.protected import Guard
from tests.data_preparation.shards import write_shards


def divided(
    documents: Sequence[Document], config: SplitConfig, guard: Guard | None = None, shards: int = 2
) -> tuple[list[Question], list[Question], list[dict[str, Any]]]:
    """Train, heldout and the rows of the corpus."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder, documents, shards)
        found = divide(DocumentShards([folder]), config, guard or Guard(), folder / "corpus.parquet", folder / "texts")
        corpus = read_table(folder / "corpus.parquet")
    assert (found.corpus, found.documents) == (len(corpus), len(documents))
    return found.train, found.heldout, corpus
