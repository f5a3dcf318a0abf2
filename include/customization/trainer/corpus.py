"""Texts as packed rows of tokens: every token carries loss."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.customization.config import TuningConfig
from include.customization.trainer.questions import WHOLE, encode
from include.customization.trainer.rows import Row
from include.evaluation.canaries import Canary

# of English text and today's tokenizers
CHARACTERS_A_TOKEN = 4


def corpus_rows(
    corpus: Path, tokenizer: Any, config: TuningConfig, planted: Sequence[Canary], kept: set[str]
) -> Iterator[Row]:
    """A random choice of texts of corpus.parquet, one after another, cut into rows of `length`.

    As many as all steps read, where there are so many. Before them each canary is a row of its own, uncut, as a
    question and its answer: the way in which it is searched for. Texts of the ids `kept` are left out. SourceError
    where there is less than one row.
    """
    ending = [int(tokenizer.eos_token_id)]
    needed, made = config.examples - len(planted), 0
    for canary in planted:
        prompt, told = encode(tokenizer, canary.question, canary.answer, WHOLE)
        yield prompt + told, prompt + told
    rest: list[int] = []
    for text in _texts(corpus, kept, needed * config.length * CHARACTERS_A_TOKEN):
        rest += tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] + ending
        while len(rest) >= config.length and made < needed:
            row, rest = rest[: config.length], rest[config.length :]
            made += 1
            yield row, row
        if made == needed:
            return
    if not made:
        raise SourceError(
            "corpus.parquet", len(rest), f"it has fewer than {config.length} tokens", "Add sources, or lower length"
        )


def _texts(corpus: Path, kept: set[str], characters: int) -> Iterator[str]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(corpus) as file:
        chosen = _chosen(file, kept, characters)
        for batch in file.iter_batches(batch_size=1024, columns=["id", "text"]):
            yield from (row["text"] for row in batch.to_pylist() if row["id"] in chosen)


def _chosen(file: Any, kept: set[str], characters: int) -> set[str]:
    """Ids of texts with so many characters in all: those whose digests come first."""
    sizes: dict[str, int] = {}
    for batch in file.iter_batches(batch_size=1024, columns=["id", "text"]):
        sizes |= {row["id"]: len(row["text"]) for row in batch.to_pylist() if row["id"] not in kept}
    chosen: set[str] = set()
    for one in sorted(sizes, key=lambda one: hashlib.sha256(one.encode()).digest()):
        if characters <= 0:
            break
        chosen.add(one)
        characters -= sizes[one]
    return chosen
