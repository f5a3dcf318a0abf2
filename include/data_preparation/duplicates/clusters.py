"""Which of equal and similar documents stay: a document goes only where one that stays is equal or similar to it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.preference import GENERATED_BIT
from include.data_preparation.duplicates.sketch_files import DOCUMENT_COLUMNS, read_batches

ROWS = 1 << 16


def members(sketches: Iterable[Path], keys: Keys) -> Any:
    """The documents with one of these texts, as an Arrow table; `order` is their preference, `text` an index."""
    import numpy
    import pyarrow

    kinds = {"id": pyarrow.string(), "source": pyarrow.string(), "order": pyarrow.uint64()}
    kinds |= dict.fromkeys(("text", "shard", "row"), pyarrow.int64())
    schema = pyarrow.schema(kinds.items())
    tables = [schema.empty_table()]
    for shard, sketch in enumerate(sketches):
        begin = 0
        for batch in read_batches(sketch, DOCUMENT_COLUMNS, ROWS):
            text = keys.find(*(batch.column(name).to_numpy() for name in ("high", "low")))
            rows = numpy.flatnonzero(text >= 0)
            told = [batch.column(name).take(pyarrow.array(rows)) for name in ("id", "source", "order")]
            places = [text[rows], numpy.full(len(rows), shard), begin + rows]
            tables.append(pyarrow.table([*told, *places], schema=schema))
            begin += len(batch)
    return pyarrow.concat_tables(tables)


def in_order(found: Any) -> Any:
    """The documents in the order in which one of a text stays: a real text before a generated one, then what the
    earliest dataset had (`known` numbers the datasets), then by preference and id."""
    import numpy
    import pyarrow

    generated = found["order"].to_numpy() >> numpy.uint64(GENERATED_BIT)
    told = found.append_column("generated", pyarrow.array(generated))
    return told.sort_by([(name, "ascending") for name in ("generated", "known", "order", "id")])


class Decision(NamedTuple):
    """For each text the one that stands for it, itself where it stays, and how similar they are."""

    stays: Any
    similarity: Any


def ranks(ranked: Any) -> Any:
    """The place of each element in an order, which is given as elements by place."""
    import numpy

    place = numpy.empty_like(ranked)
    place[ranked] = numpy.arange(len(ranked))
    return place


def decide(standing: Any, places: Any, one: Any, two: Any, similarity: Any) -> Decision:
    """Which texts stay, from their standing, their places by preference alone, and the pairs of similar ones.

    A text stays unless it is similar to one of better standing that stays, so that in a chain a~b~c whose ends differ,
    a and c stay. This is the greedy choice of an independent set, and the only one in which nothing is dropped but for
    what is kept. The most similar stands for it; of those of better standing only because an earlier dataset had them,
    one does where there is no other: a reason is the same whatever datasets were made before.
    """
    import numpy

    ranked = numpy.lexsort((numpy.arange(len(standing)), standing))
    rank = ranks(ranked)
    # each pair from its later text to its earlier one
    late, early = numpy.maximum(rank[one], rank[two]), numpy.minimum(rank[one], rank[two])
    places = places[ranked]
    by = numpy.lexsort((early, -similarity, places[early] > places[late], late))
    late, early, similarity = late[by], early[by], similarity[by]
    stays, near = numpy.arange(len(rank)), numpy.ones(len(rank))
    for pair in range(len(late)):
        text = late[pair]
        # all pairs of texts before it are done, so its own ones are settled
        if stays[text] == text and stays[early[pair]] == early[pair]:
            stays[text], near[text] = early[pair], similarity[pair]
    return Decision(ranked[stays][rank], near[rank])


def choose(text: Any, standing: Any, places: Any, one: Any, two: Any, similarity: Any) -> tuple[Decision, Any]:
    """What becomes of each text, and for each document the one that stands for it, itself where it stays.

    `text` are those of documents in the order in which one of a text stays, `standing` and `places` are those of all
    texts; pairs of texts without a document do not count.
    """
    import numpy

    first = numpy.full(len(standing), -1)
    found, rows = numpy.unique(text, return_index=True)
    first[found] = rows
    both = (first[one] >= 0) & (first[two] >= 0)
    decision = decide(standing, places, one[both], two[both], similarity[both])
    return decision, first[decision.stays[text]]
