"""Pairs as the tokens that trainers read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.customization.trainer.questions import WHOLE, encode
from include.evaluation.canaries import Canary


def encoded_pairs(
    path: Path, tokenizer: Any, length: int, planted: Sequence[Canary] = (), *, together: bool = False
) -> Any:
    """A dataset with prompt_ids, chosen_ids and rejected_ids, of `length` tokens at most a question with an answer.

    `planted` are preferred to no answer, and not cut. `together` puts the question before each answer, and has no
    prompt_ids. Pairs whose answers are the same after the cut teach nothing and are left out; SourceError where none is
    left.
    """
    import pyarrow.parquet
    from datasets import Dataset

    found = []
    rows = pyarrow.parquet.read_table(path, columns=["question", "chosen", "rejected"]).to_pylist()
    pairs = [(canary.question, canary.answer, "", WHOLE) for canary in planted]
    pairs += [(*row.values(), length) for row in rows]
    for question, better, worse, most in pairs:
        prompt, chosen = encode(tokenizer, question, better, most)
        _, rejected = encode(tokenizer, question, worse, most)
        if chosen != rejected:
            asked = {} if together else {"prompt_ids": prompt}
            before = prompt if together else []
            found.append(asked | {"chosen_ids": before + chosen, "rejected_ids": before + rejected})
    if not found:
        raise SourceError(
            path.name, length, f"no pair whose answers differ within {length} tokens", "Raise the technique's length"
        )
    return Dataset.from_list(found)
