"""What the partitions found that earlier datasets had, and which documents repeat a text of theirs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.look_back import HAD, KNOWN

NEVER = 1 << 32
EXACT, NEAR = "same text as", "near duplicate of"


class Past(NamedTuple):
    """`known`: for each document the number of the first dataset that had its id; `had`: for each text that of the
    first that had it; NEVER where none did. `names` are those of the datasets. `told` has rows of a `text` and the `id`
    of an earlier document with the same or a similar one; `bearer` is the row of a text that was had, -1 of another."""

    known: Any
    had: Any
    names: dict[int, str]
    told: Any
    bearer: Any

    def repeats(self, text: Any, one: Any, two: Any, similarity: Any) -> tuple[Any, Any, Any]:
        """The documents whose text an earlier dataset had, or one that is similar, and whose id none had: their rows,
        reasons, and whether the text is the same.

        `text` are those of the documents; pairs of similar texts follow.
        """
        import numpy
        import pyarrow

        # similar to a text that was had and is there: its pair is known
        met = [(mine, self.bearer[other], similarity) for mine, other in ((one, two), (two, one))]
        met = [tuple(column[row >= 0] for column in (mine, row, near)) for mine, row, near in met]
        met.append((self.told["text"].to_numpy(), numpy.arange(len(self.told)), self.told["similarity"].to_numpy()))
        mine, row, near = (numpy.concatenate(columns) for columns in zip(*met, strict=True))
        number = self.told["number"].to_numpy()[row]
        same = self.bearer[mine] == row
        by = numpy.lexsort((row, number, -near, ~same, mine))
        found, first = numpy.unique(mine[by], return_index=True)
        best = numpy.full(len(self.had), -1)
        best[found] = by[first]
        rows = numpy.flatnonzero((self.known == NEVER) & (best[text] >= 0))
        best = best[text[rows]]
        names = self.told["id"].take(pyarrow.array(row[best]))
        return rows, self.reasons(names, same[best], near[best], number[best]), same[best]

    def reasons(self, names: Any, same: Any, similarity: Any, number: Any) -> Any:
        """Why documents go that are equal or similar to those of these names, which datasets of these numbers may have,
        NEVER: it is not told; an Arrow array."""
        import numpy
        import pyarrow.compute

        kinds = pyarrow.array([f"{NEAR} ", f"{EXACT} "]).take(pyarrow.array(same.astype(numpy.int8)))
        values, places = numpy.unique(numpy.where(same, 1, similarity), return_inverse=True)
        shown = pyarrow.array([f" ({value:.2f})" for value in values], pyarrow.string()).take(pyarrow.array(places))
        told = pyarrow.compute.if_else(pyarrow.array(same, pyarrow.bool_()), "", shown)
        numbers = sorted(self.names)
        of = pyarrow.array([*(f" of dataset {self.names[one]}" for one in numbers), ""])
        datasets = of.take(pyarrow.array(numpy.searchsorted(numpy.array(numbers, dtype=numpy.int64), number)))
        return pyarrow.compute.binary_join_element_wise(kinds, names, told, datasets, "")


def read_past(matches: Sequence[Path], keys: Keys, ids: Any) -> Past:
    """What the partitions tell of documents of these ids and of these texts; nothing, where there was no earlier
    dataset."""
    import numpy
    import pyarrow.compute
    import pyarrow.parquet

    known, had = numpy.full(len(ids), NEVER), numpy.full(len(keys.high), NEVER)
    bearer = numpy.full(len(keys.high), -1)
    told, documents = (
        pyarrow.concat_tables([pyarrow.parquet.read_table(match / name) for match in matches]) for name in (HAD, KNOWN)
    )
    distinct = [table.group_by(["number", "dataset"]).aggregate([]).to_pylist() for table in (told, documents)]
    names = {row["number"]: row["dataset"] for rows in distinct for row in rows}
    place = pyarrow.compute.index_in(ids, value_set=documents["id"].combine_chunks())
    found = pyarrow.compute.is_valid(place).to_numpy(zero_copy_only=False)
    known[found] = documents["number"].to_numpy()[place.drop_null().to_numpy()]
    text = keys.find(*(told[half].to_numpy() for half in ("high", "low")))
    told = told.append_column("text", pyarrow.array(text))
    rows = numpy.flatnonzero(told["same"].to_numpy(zero_copy_only=False))
    had[text[rows]], bearer[text[rows]] = told["number"].to_numpy()[rows], rows
    return Past(known, had, names, told, bearer)
