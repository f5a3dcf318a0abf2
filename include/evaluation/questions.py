"""The questions of a dataset that models are measured on."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from include.core.errors import SourceError
from include.evaluation.development import development_ids

Split = Literal["heldout", "development"]
FILES: dict[Split, str] = {"heldout": "heldout.parquet", "development": "train.parquet"}
REMEDIES: dict[Split, str] = {
    "heldout": "Hold out more: data_preparation.split",
    "development": "Ten questions to train on, or more, have one: data_preparation.aggregate",
}


@dataclass(frozen=True)
class Question:
    """A question that nothing was trained on, and its reference answer."""

    id: str
    question: str
    answer: str


def read_questions(path: Path, limit: int, split: Split = "heldout") -> list[Question]:
    """A sample of `limit` questions of a split, always the same one; SourceError where there is none.

    In order of their ids' digests: ids begin with their source, so their own order would leave whole sources out.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=["id", "question", "answer"]).to_pylist()
    if split == "development":
        kept = development_ids(row["id"] for row in rows)
        rows = [row for row in rows if row["id"] in kept]
    rows = sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())[:limit]
    if not rows:
        kind = "held-out" if split == "heldout" else split
        raise SourceError(path.name, 0, f"the dataset has no {kind} question", REMEDIES[split])
    return [Question(**row) for row in rows]
