"""What preferences may not show: the questions that models are judged by and their answers, and evaluation sets."""

from collections.abc import Mapping, Sequence

from include.artifacts.store import ArtifactStore
from include.evaluation.contamination.evaluation_sets import KeptOut, read_evaluation_set
from include.evaluation.contamination.protected import (
    HELDOUT_ANSWERS,
    HELDOUT_QUESTIONS,
    Guard,
    of_answers,
    of_questions,
    of_texts,
    telltale,
)

Rows = Sequence[Mapping[str, str]]


def guard_of(store: ArtifactStore, heldout: Rows, development: Rows, kept_out: KeptOut) -> Guard:
    """Knows held-out and development rows, and the texts of the evaluation sets that the use case declares."""
    least = kept_out.contamination_min_words
    sets = [
        of_texts(one.name, read_evaluation_set(store, one), kept_out.contamination_words, least)
        for one in kept_out.evaluation_sets
    ]
    judged = [
        of_answers(HELDOUT_ANSWERS, map(telltale, heldout)),
        of_questions(HELDOUT_QUESTIONS, (row["question"] for row in heldout), least),
        of_answers("development answers", map(telltale, development)),
        of_questions("development questions", (row["question"] for row in development), least),
    ]
    return Guard([*judged, *sets])
