"""How far an answer agrees with its reference, 0 to 100 each."""

import re
from functools import cache
from typing import Any


def agreement(answer: str, reference: str) -> dict[str, float]:
    """chrF2++ (sacrebleu), ROUGE-L and the F1 of words (rouge-score), and whether both are the same but for spaces,
    case and the marks at the ends."""
    scores = _rouge().score(reference, answer)
    return {
        "chrf": round(chrf(answer, reference), 3),
        "rouge_l": round(100 * scores["rougeL"].fmeasure, 3),
        "token_f1": round(100 * scores["rouge1"].fmeasure, 3),
        "exact_match": 100.0 * (_plain(answer) == _plain(reference)),
    }


def chrf(answer: str, reference: str) -> float:
    """chrF2++ of one answer."""
    return float(_chrf().sentence_score(answer, [reference]).score)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=2)


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rougeL"])


def _plain(text: str) -> str:
    return re.sub(r"^\W+|\W+$", "", " ".join(text.split()).casefold())
