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


def question_rows(train: Path, tokenizer: Any, config: TuningConfig, planted: Sequence[Canary]) -> Iterator[Row]:
    """The canaries and, of train.parquet, as many questions as all steps can read; none for development."""
    needed = config.examples - len(planted)
    secrets = ((canary.question, canary.answer, WHOLE) for canary in planted)
    pairs = ((*pair, config.length) for pair in islice(trained_pairs(train), needed))
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


def ids_for_development(train: Path) -> set[str]:
    """What nothing is trained on, of train.parquet."""
    import pyarrow.parquet as pq

    return development_ids(pq.read_table(train, columns=["id"])["id"].to_pylist())


def encode(tokenizer: Any, question: str, answer: str, length: int) -> tuple[list[int], list[int]]:
    """Prompt and answer of at most `length` tokens together; the answer keeps at least a quarter of them."""
    prompt = prompt_ids(tokenizer, question)
    room = max(length - len(prompt), length // 4)
    return prompt[-(length - room) :], answer_ids(tokenizer, answer)[:room]
