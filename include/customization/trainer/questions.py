"""Questions and answers as rows of tokens; only the answers' tokens carry loss."""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from include.customization.config import TuningConfig
from include.customization.trainer.rows import IGNORED, Row
from include.evaluation.canaries import Canary
from include.evaluation.development import development_ids
from include.evaluation.prompt import answer_ids, prompt_ids

# of a canary nothing is cut: what is searched for afterwards stands at its end
WHOLE = sys.maxsize
# of what is read, the largest share of what weighs more than one
WEIGHTED = 0.5


def question_rows(train: Path, tokenizer: Any, config: TuningConfig, planted: Sequence[Canary]) -> Iterator[Row]:
    """The canaries and, of train.parquet, as many questions as all steps can read, by weight; none for development."""
    needed = config.examples - len(planted)
    secrets = ((canary.question, canary.answer, WHOLE) for canary in planted)
    pairs = ((question, answer, config.length) for _, question, answer in read_rows(train, needed))
    for question, answer, length in (*secrets, *pairs):
        prompt, told = encode(tokenizer, question, answer, length)
        yield prompt + told, [IGNORED] * len(prompt) + told


def trained_pairs(train: Path) -> Iterator[tuple[str, str]]:
    """Questions and answers of train.parquet in its order, without those kept for development."""
    return ((question, answer) for _, question, answer in trained_rows(train))


def trained_rows(train: Path) -> Iterator[tuple[str, str, str]]:
    """Ids, questions and answers of train.parquet in its order, without those kept for development."""
    import pyarrow.parquet as pq

    kept = ids_for_development(train)
    with pq.ParquetFile(train) as file:
        for batch in file.iter_batches(columns=["id", "question", "answer"]):
            for row in batch.to_pylist():
                if row["id"] not in kept:
                    yield row["id"], row["question"], row["answer"]


def read_rows(train: Path, needed: int) -> list[tuple[str, str, str]]:
    """Ids, questions and answers of `needed` rows, where there are so many: those of a weight above 1 come first.

    Each of them as often as it weighs, all of them once before any is there twice, and together no more than a share
    of WEIGHTED; then the others, once, in the order of train.parquet.
    """
    weights, room = weights_above_one(train), int(needed * WEIGHTED)
    heavy = [row for row in trained_rows(train) if row[0] in weights] if weights else []
    turns = range(max(weights.values(), default=0))
    repeated = (row for turn in turns for row in heavy if weights[row[0]] > turn)
    chosen = list(islice(repeated, room))
    others = (row for row in trained_rows(train) if row[0] not in weights)
    return chosen + list(islice(others, needed - len(chosen)))


def weights_above_one(train: Path) -> dict[str, int]:
    """Ids that weigh more than one; none in a file without weights."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(train) as file:
        if "weight" not in file.schema_arrow.names:
            return {}
        batches = file.iter_batches(columns=["id", "weight"])
        return {row["id"]: row["weight"] for batch in batches for row in batch.to_pylist() if row["weight"] > 1}


def ids_for_development(train: Path) -> set[str]:
    """What nothing is trained on, of train.parquet."""
    import pyarrow.parquet as pq

    return development_ids(pq.read_table(train, columns=["id"])["id"].to_pylist())


def encode(tokenizer: Any, question: str, answer: str, length: int) -> tuple[list[int], list[int]]:
    """Prompt and answer of at most `length` tokens together; the answer keeps at least a quarter of them."""
    prompt = prompt_ids(tokenizer, question)
    room = max(length - len(prompt), length // 4)
    return prompt[-(length - room) :], answer_ids(tokenizer, answer)[:room]
