"""What earlier datasets had: which ids they know, and which documents repeat a text of theirs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.sketch_files import read_batches

ROWS = 1 << 17
INDEX_COLUMNS = ("id", "high", "low")


class Earlier(NamedTuple):
    """An earlier dataset, by the name that reasons give it, and the file of its documents' ids and texts' keys."""

    name: str
    keys: Path


def first_known(ids: Any, earlier: Sequence[Earlier]) -> Any:
    """For each id the number of the first dataset that has it; of an id that none has, one above the last."""
    import numpy
    import pyarrow.compute

    known = numpy.full(len(ids), len(earlier))
    for number in reversed(range(len(earlier))):
        for batch in read_batches(earlier[number].keys, ("id",), ROWS):
            known[pyarrow.compute.is_in(ids, value_set=batch.column("id")).to_numpy(zero_copy_only=False)] = number
    return known


def repeats(documents: Any, earlier: Sequence[Earlier]) -> tuple[Any, list[str]]:
    """Rows of documents (an Arrow table of `id`, `high`, `low`) whose text an earlier dataset had under other ids only
    and whose own id none had; and for each the reason."""
    import numpy

    keys = Keys.of(documents["high"].to_numpy(), documents["low"].to_numpy())
    bearer = numpy.full(len(keys.high), -1)
    names: list[str] = []
    for dataset in earlier:
        for batch in read_batches(dataset.keys, INDEX_COLUMNS, ROWS):
            text = keys.find(batch.column("high").to_numpy(), batch.column("low").to_numpy())
            for row in numpy.flatnonzero(text >= 0):
                if bearer[text[row]] < 0:
                    bearer[text[row]] = len(names)
                    names.append(f"same text as {batch.column('id')[int(row)]} of dataset {dataset.name}")
    met = bearer[keys.find(documents["high"].to_numpy(), documents["low"].to_numpy())]
    rows = numpy.flatnonzero((met >= 0) & (first_known(documents["id"], earlier) == len(earlier)))
    return rows, [names[one] for one in met[rows]]
