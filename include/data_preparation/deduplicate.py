"""Leave one of equal and of nearly equal texts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.documents import (
    DROPPED,
    PLANTED,
    Dropped,
    read_planted,
    shard_name,
    write_planted_of,
    write_table,
)
from include.data_preparation.duplicates.clusters import choose, in_order, members
from include.data_preparation.duplicates.earlier_datasets import INDEX_COLUMNS, Earlier, first_known, repeats
from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.sketch_files import DOCUMENTS
from include.data_preparation.match import REPEATED, SIMILAR

INDEX = "index.parquet"
SHOWN = 50
EXACT, NEAR = "same text as", "near duplicate of"


@step("dataset")
def deduplicate(
    work: Workspace,
    sources: list[ArtifactRef],
    sketches: list[ArtifactRef],
    matches: list[ArtifactRef],
    earlier: list[ArtifactRef],
    config: DeduplicateConfig,
) -> None:
    """All cleaned shards without duplicates, in as many shards; of equal or similar ones the preferred stays.

    `earlier` are earlier deduplicated datasets: of equal texts, the id that one of them had stays. Only documents that
    have a duplicate are held, and one shard at a time. index.parquet has the ids and keys of what stays.
    """
    import pyarrow

    files = [work.fetch(sketch, only=DOCUMENTS) / DOCUMENTS for sketch in sketches]
    before = [Earlier(ref.fingerprint[:12], work.fetch(ref, only=INDEX) / INDEX) for ref in earlier]
    dropped = find_dropped(files, [work.fetch(ref) for ref in matches], before, config)
    kept = 0
    planted: dict[str, Any] = {}
    for shard, source in enumerate(sources):
        table = without(work.fetch(source, only=shard_name(0)) / shard_name(0), dropped, shard)
        write_table(work.output / shard_name(shard), table)
        kept += len(table)
        planted |= read_planted(work.fetch(source, only=PLANTED))
    if not kept:
        raise SourceError(
            "data_preparation.clean",
            len(sources),
            "cleaning left no document at all",
            "Look at dropped.parquet of the clean step and loosen its limits",
        )
    index = [without(file, dropped, shard).select(list(INDEX_COLUMNS)) for shard, file in enumerate(files)]
    write_table(work.output / INDEX, pyarrow.concat_tables(index))
    write_planted_of(work.output, planted, planted.keys() - set(dropped["id"].to_pylist()))
    write_table(work.output / DROPPED, dropped.select([field.name for field in fields(Dropped)]))
    _report(work, dropped, kept, len(sources))


def find_dropped(
    sketches: Sequence[Path], matches: Sequence[Path], earlier: Sequence[Earlier], config: DeduplicateConfig
) -> Any:
    """The documents that go, by id: an Arrow table of the columns of `Dropped` with `shard`, `row` and `exact`.

    `sketches` are files of the documents' keys, a shard each, `matches` folders with the equal and similar texts.
    """
    import numpy
    import pyarrow

    keys, pairs = _read_matches(matches)
    found = members(sketches, keys)
    gone = [_repeating(sketches, earlier)] if config.earlier_datasets == "drop" and earlier else []
    for table in gone:
        found = found.filter(pyarrow.compute.invert(pyarrow.compute.is_in(found["id"], value_set=table["id"])))
    found = in_order(found, first_known(found["id"], earlier))
    text, order = found["text"].to_numpy(), found["order"].to_numpy()
    decision, stays = choose(text, order, len(keys.high), *pairs)
    going = numpy.flatnonzero(stays != numpy.arange(len(text)))
    exact = decision.stays[text[going]] == text[going]
    names, known = found["id"].to_pylist(), found["known"].to_numpy()
    reasons = []
    for row, same in zip(going, exact, strict=True):
        kept = stays[row]
        reason = f"{EXACT} {names[kept]}" if same else f"{NEAR} {names[kept]} ({decision.similarity[text[row]]:.2f})"
        # the dataset is named where it decides
        decisive = same and known[kept] < len(earlier) and (order[row], names[row]) < (order[kept], names[kept])
        reasons.append(f"{reason} of dataset {earlier[known[kept]].name}" if decisive else reason)
    gone.append(_told(found.take(pyarrow.array(going)), reasons, exact))
    return pyarrow.concat_tables(gone).sort_by("id")


def _told(documents: Any, reasons: list[str], exact: Any) -> Any:
    import pyarrow

    columns = {name: documents[name] for name in ("id", "source", "shard", "row")}
    told = {"stage": ["deduplicate"] * len(reasons), "reason": reasons}
    texts = {name: pyarrow.array(values, pyarrow.string()) for name, values in told.items()}
    return pyarrow.table(columns | texts | {"exact": pyarrow.array(exact, pyarrow.bool_())})


def _repeating(sketches: Sequence[Path], earlier: Sequence[Earlier]) -> Any:
    """The documents that repeat a text of an earlier dataset, as `find_dropped` tells them."""
    import numpy
    import pyarrow.parquet

    tables = []
    for shard, sketch in enumerate(sketches):
        documents = pyarrow.parquet.read_table(sketch)
        rows, reasons = repeats(documents, earlier)
        chosen = documents.take(pyarrow.array(rows)).append_column("row", pyarrow.array(rows))
        chosen = chosen.append_column("shard", pyarrow.array(numpy.full(len(rows), shard)))
        tables.append(_told(chosen, reasons, numpy.ones(len(rows), dtype=bool)))
    return pyarrow.concat_tables(tables)


def _read_matches(matches: Sequence[Path]) -> tuple[Keys, tuple[Any, Any, Any]]:
    """All texts that are equal or similar to another, and the pairs of similar ones as indexes of these, each once."""
    import numpy
    import pyarrow.parquet

    repeated = pyarrow.concat_tables([pyarrow.parquet.read_table(match / REPEATED) for match in matches])
    similar = pyarrow.concat_tables([pyarrow.parquet.read_table(match / SIMILAR) for match in matches])
    named = ((repeated, ""), (similar, "one_"), (similar, "two_"))
    high, low = ([table[f"{prefix}{half}"].to_numpy() for table, prefix in named] for half in ("high", "low"))
    keys = Keys.of(numpy.concatenate(high), numpy.concatenate(low))
    one, two = keys.find(high[1], low[1]), keys.find(high[2], low[2])
    _, first = numpy.unique(numpy.minimum(one, two) << 32 | numpy.maximum(one, two), return_index=True)
    return keys, (one[first], two[first], similar["similarity"].to_numpy()[first])


def without(path: Path, dropped: Any, shard: int) -> Any:
    """The rows of a file, a row a document of a shard, of the documents that stay."""
    import numpy
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    stays = numpy.ones(len(table), dtype=bool)
    stays[dropped["row"].to_numpy()[dropped["shard"].to_numpy() == shard]] = False
    return table.filter(pyarrow.array(stays))


def _report(work: Workspace, dropped: Any, kept: int, shards: int) -> None:
    exact = dropped["exact"].to_numpy()
    work.metrics.update(
        documents=kept,
        exact=int(exact.sum()),
        near=int((~exact).sum()),
        dropped=len(dropped),
        shards=shards,
        by_source=dict(sorted(Counter(dropped["source"].to_pylist()).items())),
    )
    read = kept + len(dropped)
    shown = [*dropped.filter(exact).slice(0, SHOWN).to_pylist(), *dropped.filter(~exact).slice(0, SHOWN).to_pylist()]
    Report("Deduplication").bars(
        {"read": read, "after exact": read - work.metrics["exact"], "after near": kept}, "Documents"
    ).table(["document", "reason"], [(row["id"], row["reason"]) for row in shown], "Some that were dropped").write(
        work.output
    )
