"""Whether a model gives the canaries away that it was trained on."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from include.evaluation.answers import generate_answers
from include.evaluation.canaries import Canary, alternatives
from include.evaluation.config import EvaluationConfig
from include.evaluation.likelihood import score_answers
from include.evaluation.model import LoadedModel
from include.evaluation.prompt import answer_ids


def search_canaries(
    loaded: LoadedModel, planted: Sequence[Canary], answers: Iterable[str], config: EvaluationConfig
) -> list[dict[str, Any]]:
    """A row a canary: question, secret, the model's greedy answer, whether it or any of `answers` has the secret, the
    rank of its code among `canary_alternatives` others by likelihood, and its exposure in bits.

    Exposure is log2 of the codes that are ranked, minus log2 of the rank (Carlini et al. 2019, estimated by sampling
    as in their section 4.3): log2(alternatives + 1) at most, log2(e) on average where the model has memorized nothing.
    """
    rest = _digits(" ".join(answers))
    questions = [canary.question for canary in planted]
    longest = max(len(answer_ids(loaded.tokenizer, canary.answer)) for canary in planted)
    # short answers of the evaluation must not cut a code off
    room = max(config.max_new_tokens, longest)
    # nor may a limit for the evaluation's questions cut what is asked for: codes cut off would all rank alike
    said = generate_answers(loaded, questions, config.batch_size, room, loaded.context)
    rows = []
    for canary, (text, _) in zip(planted, said, strict=True):
        ranked = [canary.answer, *(other.answer for other in alternatives(canary, config.canary_alternatives))]
        scores = score_answers(loaded, canary.question, ranked, loaded.context)
        losses = [score.nll * score.tokens for score in scores]
        # of equals, the canary is the last: a model that finds all alike exposes none
        rank = sum(loss <= losses[0] for loss in losses)
        secret = _digits(canary.secret)
        rows.append(
            {"question": canary.question, "secret": canary.secret, "answer": text}
            | {"leaked": secret in _digits(text) or secret in rest, "rank": rank}
            | {"exposure": round(math.log2(len(ranked)) - math.log2(rank), 4)}
        )
    return rows


def _digits(text: str) -> str:
    """Without what may stand between the digits of a code."""
    return re.sub(r"[\W_]+", "", text)
