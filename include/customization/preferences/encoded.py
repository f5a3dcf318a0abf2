"""Pairs as the tokens that trainers read."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.core.errors import SourceError
from include.customization.config import TuningConfig
from include.customization.trainer.questions import WHOLE, encode
from include.evaluation.canaries import Canary


def encoded_pairs(
    path: Path, tokenizer: Any, config: TuningConfig, planted: Sequence[Canary] = (), *, together: bool = False
) -> Any:
    """A dataset with prompt_ids, chosen_ids and rejected_ids, of `length` tokens at most a question with an answer.

    No more pairs than all steps read, drawn by seed and id, so that all of `planted` are read: these are preferred to
    no answer, and not cut. `together` puts the question before each answer, and has no prompt_ids. Pairs whose answers
    are the same after the cut teach nothing and are left out; SourceError where none is left.
    """
    import pyarrow.parquet
    from datasets import Dataset

    found = []
    rows = pyarrow.parquet.read_table(path, columns=["id", "question", "chosen", "rejected"]).to_pylist()
    rows.sort(key=lambda row: hashlib.sha256(f"{config.seed}:{row['id']}".encode()).digest())
    pairs = [(canary.question, canary.answer, "", WHOLE) for canary in planted]
    pairs += [(row["question"], row["chosen"], row["rejected"], config.length) for row in rows]
    for question, better, worse, most in pairs:
        prompt, chosen = encode(tokenizer, question, better, most)
        _, rejected = encode(tokenizer, question, worse, most)
        if chosen != rejected:
            asked = {} if together else {"prompt_ids": prompt}
            before = prompt if together else []
            found.append(asked | {"chosen_ids": before + chosen, "rejected_ids": before + rejected})
        if len(found) == config.examples:
            break
    if len(found) == len(planted):
        problem = f"no pair whose answers differ within {config.length} tokens"
        raise SourceError(path.name, config.length, problem, "Raise the technique's length")
    return Dataset.from_list(found)
