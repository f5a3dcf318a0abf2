"""What the texts of a partition are to earlier datasets: known, had before, or near to one that was had."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.documents import write_table
from include.data_preparation.duplicates.candidates import in_company
from include.data_preparation.duplicates.clusters import members
from include.data_preparation.duplicates.earlier_datasets import (
    Bearers,
    Earlier,
    bearers_ids,
    first_bearers,
    first_known,
)
from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.preference import standing
from include.data_preparation.duplicates.references import (
    Rows,
    first_of_each_band,
    gather,
    made_of,
    near_references,
)
from include.data_preparation.duplicates.sketch_files import DOCUMENTS, MADE, SHINGLES, read_made

Files = Callable[[str], Iterable[Path]]


KNOWN, HAD = "known.parquet", "had.parquet"


class LookBack(NamedTuple):
    """Texts of a partition and references, as `keys`, and what earlier datasets had of them.

    `documents` are those of the texts that may have a duplicate, `known` numbers the first dataset that has their ids,
    `references` are texts of earlier datasets that are gone, of those whose sketches are `readable`. The number above
    that of the last dataset is none.
    """

    earlier: Sequence[Earlier]
    keys: Keys
    had: Bearers
    documents: Any
    known: Any
    references: Rows
    readable: Sequence[Earlier]

    def standing(self, texts: Keys) -> Any:
        """How preferred some of the texts are."""
        import numpy

        text, order = (self.documents[name].to_numpy() for name in ("text", "order"))
        known = numpy.minimum(self.known, self.had.dataset[text])
        return standing(text, order, known, len(self.keys.high))[self.keys.find(*texts)]

    def write(self, folder: Path, found: Keys, near: dict[str, Any]) -> None:
        """What earlier datasets had of these texts and of those of new documents, and of the documents of both; `near`
        is what `near` gives."""
        import numpy
        import pyarrow

        asked = self._is_new()
        asked[self.keys.find(*found)] = True
        text = numpy.flatnonzero(asked & (self.had.dataset < len(self.earlier)))
        same = self._told(text, text, numpy.ones(len(text)), same=True)
        had = [pyarrow.table(columns) for columns in (same, near)]
        asked[:] = False
        for keys in (found, (same["high"], same["low"]), (near["high"], near["low"])):
            asked[self.keys.find(*keys)] = True
        rows = numpy.flatnonzero(asked[self.documents["text"].to_numpy()] & (self.known < len(self.earlier)))
        known = {"id": self.documents["id"].take(rows), **self._numbered(self.known[rows])}
        for name, tables in ((HAD, had), (KNOWN, [pyarrow.table(known)])):
            write_table(folder / name, pyarrow.concat_tables([_nothing(name), *tables], promote_options="none"))

    def near(self, today: Rows, files: Files, least: float) -> tuple[dict[str, Any], int]:
        """The texts of new documents that are near to a reference, with the most similar one, as columns; and how many
        pairs were compared."""
        import numpy

        text = self.keys.find(*today.keys)
        shares = numpy.isin(today.band, self.references.band)
        new = today.take(shares & self._is_new()[text] & (self.had.dataset[text] == len(self.earlier)))

        def shingles() -> Iterator[Path]:
            # what has left the sources was in the newest dataset most of all
            return chain(files(SHINGLES), *(one.files(SHINGLES) for one in reversed(self.readable)))

        pairs, compared = near_references(new, self.references, self.keys, shingles, least)
        by = numpy.lexsort((pairs.two, self.had.dataset[pairs.two], -pairs.similarity, pairs.one))
        one, first = numpy.unique(pairs.one[by], return_index=True)
        return self._told(one, pairs.two[by][first], pairs.similarity[by][first], same=False), compared

    def _is_new(self) -> Any:
        """Of each text, whether a document has it whose id no earlier dataset had."""
        import numpy

        new = numpy.zeros(len(self.keys.high), dtype=bool)
        new[self.documents["text"].to_numpy()[self.known == len(self.earlier)]] = True
        return new

    def _told(self, text: Any, bearer: Any, similarity: Any, same: bool) -> dict[str, Any]:
        import numpy

        return {
            "high": self.keys.high[text],
            "low": self.keys.low[text],
            "id": bearers_ids(self.had, bearer, self.earlier),
            **self._numbered(self.had.dataset[bearer]),
            "similarity": similarity,
            "same": numpy.full(len(text), same),
        }

    def _numbered(self, number: Any) -> dict[str, Any]:
        import pyarrow

        names = pyarrow.array([one.name for one in self.earlier], pyarrow.string())
        return {"number": number, "dataset": names.take(pyarrow.array(number))}


def look_back(today: Rows, texts: Keys, files: Files, partition: int, earlier: Sequence[Earlier]) -> LookBack:
    """What a partition's rows and keys of texts are to earlier datasets; `files` gives the files of a name of each
    sketch. No more is held than the partition has: datasets, and the documents of all shards, are read in batches.
    """
    import numpy

    made = read_made(next(iter(files(MADE))))
    readable = [one for one in earlier if made_of(one).get("kind") == made["kind"]]
    mine = Keys.of(today.keys, texts)
    references = gather(today, mine, readable, partition, made["partitions"])
    keys = Keys.of(mine, references.keys)
    had = first_bearers(keys, earlier)
    # a text that was dropped then is no reference
    dataset = had.dataset[keys.find(*references.keys)]
    stayed = dataset < len(earlier)
    references = first_of_each_band(references.take(stayed), dataset[stayed])
    asked = numpy.zeros(len(keys.high), dtype=bool)
    asked[keys.find(*texts)] = True
    close = in_company(today.band) | numpy.isin(today.band, references.band)
    asked[keys.find(*today.take(close).keys)] = True
    chosen = numpy.flatnonzero(asked)
    found = members(files(DOCUMENTS), keys.take(chosen))
    text = chosen[found["text"].to_numpy()]
    documents = found.set_column(found.column_names.index("text"), "text", [text])
    known = first_known(documents["id"], earlier)
    return LookBack(earlier, keys, had, documents, known, references, readable)


def write_no_past(folder: Path) -> None:
    """The files of `LookBack.write` where there is no earlier dataset."""
    for name in (HAD, KNOWN):
        write_table(folder / name, _nothing(name))


def _nothing(name: str) -> Any:
    import pyarrow

    numbered = {"id": pyarrow.string(), "number": pyarrow.int64(), "dataset": pyarrow.string()}
    keys = dict.fromkeys(("high", "low"), pyarrow.uint64())
    kinds = {
        KNOWN: numbered,
        HAD: keys | numbered | {"similarity": pyarrow.float64(), "same": pyarrow.bool_()},
    }
    return pyarrow.schema(kinds[name].items()).empty_table()
