"""Packed rows of random tokens, in the format of training.pack."""

from include.artifacts.step import Workspace, step
from include.training.shards import CORPUS, INDEX, Index, token_type, write_shards


@step("dataset")
def random_rows(work: Workspace, rows: int, length: int, vocabulary: int, files: int) -> None:
    """index.json, and the rows of one part."""
    import numpy as np

    dtype = token_type(vocabulary)
    tokens = np.random.default_rng(1).integers(0, vocabulary, (rows, length)).astype(dtype)
    size = rows // files * length * np.dtype(dtype).itemsize
    part = write_shards(work.output, CORPUS, tokens, length, dtype, size)
    index = Index(length=length, dtype=dtype, vocabulary=vocabulary, parts={CORPUS: part}, licenses=())
    (work.output / INDEX).write_text(index.model_dump_json())
