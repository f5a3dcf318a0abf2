"""What the selected model answers itself, as what a reference is better than."""

import hashlib
from collections.abc import Mapping, Sequence

from include.customization.config import PreferencesConfig
from include.customization.preferences.pairs import OWN, Pair
from include.evaluation.agreement import chrf
from include.evaluation.answers import generate_answers
from include.evaluation.model import LoadedModel

MOST_TOKENS = 512


def answered_questions(rows: Sequence[Mapping[str, str]], config: PreferencesConfig) -> list[Mapping[str, str]]:
    """The first `own_answers` rows by a digest of seed and id."""

    def rank(row: Mapping[str, str]) -> str:
        return hashlib.sha256(f"{config.seed}:{row['id']}".encode()).hexdigest()

    return sorted(rows, key=rank)[: config.own_answers]


def own_pairs(
    loaded: LoadedModel, rows: Sequence[Mapping[str, str]], config: PreferencesConfig
) -> tuple[list[Pair], list[float]]:
    """A pair for each answer that differs enough from its reference, and the chrF2++ of every answer.

    Its id and licence are those of the record that gave the reference.
    """
    import torch

    torch.manual_seed(config.seed)
    answers = generate_answers(
        loaded,
        [row["question"] for row in rows],
        config.batch_size,
        config.max_new_tokens,
        MOST_TOKENS,
        temperature=config.temperature,
    )
    pairs, alike = [], []
    for row, (answer, _) in zip(rows, answers, strict=True):
        alike.append(chrf(answer, row["answer"]))
        if answer and alike[-1] <= config.most_alike:
            pairs.append(Pair(row["id"], row["question"], row["answer"], answer, OWN, row["license"]))
    return pairs, alike
