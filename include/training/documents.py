"""The texts and questions of a dataset, streamed; what is kept to measure on apart from what is trained on."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.core.errors import SourceError
from include.evaluation.development import development_ids

READ_ROWS = 512
_RIGHTS = ("id", "source", "license")


@dataclass(frozen=True)
class Document:
    """A text of the corpus, or a question with its answer (`text` is empty then)."""

    id: str
    source: str
    license: str
    text: str
    question: str
    answer: str
    kept: bool
    """Not to be trained on."""


class Documents:
    """The rows of corpus.parquet and train.parquet, read anew each time and a few hundred at once.

    Kept are the development questions, a `share` of the texts, and what goes with either: ids decide.
    """

    def __init__(self, work: Workspace, dataset: ArtifactRef, share: float) -> None:
        self.corpus, self.train = (_file(work, dataset, name) for name in ("corpus.parquet", "train.parquet"))
        self.share = share
        ids = (row["id"] for row in _rows(self.train, ["id"]))
        self.development = development_ids(ids)

    @property
    def corpus_bytes(self) -> int:
        """About how many bytes of text the corpus has."""
        return _bytes(self.corpus, ["text"])

    @property
    def pairs_bytes(self) -> int:
        """About how many bytes the questions and answers have."""
        return _bytes(self.train, ["question", "answer"])

    def texts(self) -> Iterator[Document]:
        """The corpus, in the order of its file."""
        for row in _rows(self.corpus, [*_RIGHTS, "text"]):
            yield Document(row["id"], row["source"], row["license"], row["text"], "", "", self._keeps(row["id"]))

    def pairs(self) -> Iterator[Document]:
        """Questions and answers, in the order of their file."""
        for row in _rows(self.train, [*_RIGHTS, "question", "answer"]):
            question, answer, kept = row["question"], row["answer"], self._keeps(row["id"])
            yield Document(row["id"], row["source"], row["license"], "", question, answer, kept)

    def _keeps(self, id: str) -> bool:
        return id in self.development or place_of("validation", id) < self.share


def place_of(purpose: str, id: str) -> float:
    """A number from 0 to 1 that is spread evenly over ids, and independent for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{id}".encode()).digest()[:8]) / 2**64


def _file(work: Workspace, dataset: ArtifactRef, name: str) -> Path:
    import pyarrow.parquet as pq

    path = work.fetch(dataset, only=name) / name
    if not pq.read_metadata(path).num_rows:
        raise SourceError(name, 0, "the dataset has no row to train on", "Look at the data card of data_preparation")
    return path


def _bytes(path: Path, columns: Sequence[str]) -> int:
    import pyarrow.parquet as pq

    found = pq.read_metadata(path)
    places = [found.schema.names.index(name) for name in columns]
    groups = (found.row_group(number) for number in range(found.num_row_groups))
    return sum(group.column(place).total_uncompressed_size for group in groups for place in places)


def _rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        # a reader of several groups holds what it has read of each
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(READ_ROWS, row_groups=[group], columns=list(columns)):
                yield from batch.to_pylist()
