"""Which questions of a dataset's training split are kept for choosing between models while they are trained."""

import hashlib
from collections.abc import Iterable

from include.feedback.said import RECORDS

MOST, SHARE = 64, 0.1


def development_ids(ids: Iterable[str]) -> set[str]:
    """The ids of `train.parquet` that nothing is trained on: a tenth of them, at most 64, whatever their order.

    What users corrected is not among them: it is there to be learned, and users do not judge models. Held-out
    questions are for the verdict alone; what is stopped early is stopped by these.
    """
    judging = [one for one in ids if not one.startswith(RECORDS)]
    ordered = sorted(judging, key=lambda one: hashlib.sha256(f"development:{one}".encode()).hexdigest())
    return set(ordered[: min(MOST, int(len(ordered) * SHARE))])
