"""Pairs that users made by what they said: the dataset has them, anonymized and audited like all else in it."""

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.customization.config import PreferencesConfig
from include.customization.preferences.pairs import PAIR_TYPES, Pair

FILE = "feedback_pairs.parquet"


def said_pairs(work: Workspace, dataset: ArtifactRef, config: PreferencesConfig) -> list[Pair]:
    """Answers that users corrected or found worse than another; none in a dataset without them, or too long ones."""
    import pyarrow.parquet

    path = work.fetch(dataset, only=FILE) / FILE
    if not path.exists():
        return []
    rows = pyarrow.parquet.read_table(path, columns=list(PAIR_TYPES)).to_pylist()
    pairs = (Pair(**row) for row in rows)
    longest = config.max_characters
    return [pair for pair in pairs if max(map(len, (pair.question, pair.chosen, pair.rejected))) <= longest]
