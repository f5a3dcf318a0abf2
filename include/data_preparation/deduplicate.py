"""Leave one of equal and of nearly equal texts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError, SourceError
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
from include.data_preparation.duplicates.candidates import REPEATED, SIMILAR
from include.data_preparation.duplicates.clusters import choose, in_order, members, ranks
from include.data_preparation.duplicates.earlier_datasets import INDEX, INDEX_COLUMNS
from include.data_preparation.duplicates.keys import Keys
from include.data_preparation.duplicates.look_back import HAD
from include.data_preparation.duplicates.past import NEVER, Past, read_past
from include.data_preparation.duplicates.preference import GENERATED_BIT, standing
from include.data_preparation.duplicates.sketch_files import DOCUMENTS

SHOWN = 50


@step("dataset", measures=("matches",))
def deduplicate(
    work: Workspace,
    sources: list[ArtifactRef],
    sketches: list[ArtifactRef],
    matches: list[ArtifactRef],
    config: DeduplicateConfig,
) -> None:
    """All cleaned shards without duplicates, in as many shards; of equal or similar ones the preferred stays.

    What an earlier dataset had, as `matches` tell, stays before what none had. Only documents that have a duplicate are
    held, and one shard at a time. index.parquet has the ids and keys of the real documents that stay. `earlier` counts
    documents with new ids that repeat a text of an earlier dataset and stay, as no document of it is left, or went.
    """
    _require_one_view([work.manifest(ref).metrics["looked_back_at"] for ref in matches])
    files = [work.fetch(sketch, only=DOCUMENTS) / DOCUMENTS for sketch in sketches]
    dropped, again = find_dropped(files, [work.fetch(ref) for ref in matches], config)
    kept = 0
    planted: dict[str, Any] = {}
    for shard, source in enumerate(sources):
        table = without(work.fetch(source, only=shard_name(0)) / shard_name(0), dropped, shard)
        write_table(work.output / shard_name(shard), table)
        kept += len(table)
        planted |= read_planted(work.fetch(source, only=PLANTED))
    _require_some(kept, dropped)
    write_index(work.output / INDEX, files, dropped)
    write_planted_of(work.output, planted, planted.keys() - set(dropped["id"].to_pylist()))
    write_table(work.output / DROPPED, dropped.select([field.name for field in fields(Dropped)]))
    work.metrics["earlier"] = again
    _report(work, dropped, kept, len(sources))


def _require_one_view(looked_back_at: Sequence[list[str]]) -> None:
    """Partitions number the earlier datasets: together they tell nothing where these are not the same."""
    if len({tuple(some) for some in looked_back_at}) > 1:
        raise ConfigurationError(
            "data_preparation.deduplicate.matches",
            "; ".join(", ".join(some) or "none" for some in looked_back_at),
            "they look back at different earlier datasets",
            "Clear data_preparation.match of this run as a whole",
        )


def _require_some(kept: int, dropped: Any) -> None:
    if kept:
        return
    if len(dropped):
        # of equal and similar ones one stays, unless an earlier dataset had them
        raise SourceError(
            "data_preparation.aggregate",
            len(dropped),
            "all documents repeat texts of earlier datasets",
            "Run again when the sources have news, or set data_preparation.deduplicate.earlier_datasets to "
            "first_id_stays",
        )
    raise SourceError(
        "data_preparation.clean",
        0,
        "cleaning left no document at all",
        "Look at dropped.parquet of the clean step and loosen its limits",
    )


def find_dropped(sketches: Sequence[Path], matches: Sequence[Path], config: DeduplicateConfig) -> tuple[Any, int]:
    """The documents that go, by id: an Arrow table of the columns of `Dropped` with `shard`, `row` and `exact`; and how
    many go, or stay, that repeat a text of an earlier dataset under a new id.

    `sketches` are files of the documents' keys, a shard each, `matches` folders with the equal and similar texts.
    """
    import numpy
    import pyarrow

    keys, pairs = _read_matches(matches)
    found = members(sketches, keys)
    past = read_past(matches, keys, found["id"])
    text, order = (found[name].to_numpy() for name in ("text", "order"))
    stands = standing(text, order, numpy.minimum(past.known, past.had[text]), len(keys.high))
    again, reasons, exact = past.repeats(text, *pairs)
    found = found.append_column("known", pyarrow.array(past.known))
    repeating = _told(found.take(pyarrow.array(again)), reasons, exact)
    if config.earlier_datasets == "drop":
        left = numpy.ones(len(found), dtype=bool)
        left[again] = False
        gone = _similar_ones(found.filter(pyarrow.array(left)), stands, pairs, past)
        return pyarrow.concat_tables([repeating, gone]).sort_by("id"), len(again)
    gone = _similar_ones(found, stands, pairs, past)
    stay = pyarrow.compute.invert(pyarrow.compute.is_in(repeating["id"], value_set=gone["id"]))
    return gone.sort_by("id"), int(pyarrow.compute.sum(stay).as_py() or 0)


def _similar_ones(found: Any, stands: Any, pairs: tuple[Any, Any, Any], past: Past) -> Any:
    """The documents that go for another one of these, as `find_dropped` tells them."""
    import numpy
    import pyarrow

    found = in_order(found)
    text, order, known = (found[name].to_numpy() for name in ("text", "order", "known"))
    # places of documents and texts had there been no earlier dataset
    by_order = pyarrow.compute.sort_indices(found, [("order", "ascending"), ("id", "ascending")]).to_numpy()
    place = ranks(by_order)
    preferred = numpy.full(len(stands), numpy.iinfo(numpy.uint64).max)
    numpy.minimum.at(preferred, text, order)
    text_place = ranks(numpy.lexsort((numpy.arange(len(stands)), preferred)))
    decision, stays = choose(text, stands, text_place, *pairs)
    going = numpy.flatnonzero(stays != numpy.arange(len(text)))
    kept = stays[going]
    exact = text[kept] == text[going]
    first = numpy.minimum(known, past.had[text])[kept]
    # the dataset is named where it decides
    later = numpy.where(exact, place[kept] > place[going], text_place[text[kept]] > text_place[text[going]])
    names = found["id"].take(pyarrow.array(kept))
    reasons = past.reasons(names, exact, decision.similarity[text[going]], numpy.where(later, first, NEVER))
    return _told(found.take(pyarrow.array(going)), reasons, exact)


def _told(documents: Any, reasons: Any, exact: Any) -> Any:
    import pyarrow

    columns = {name: documents[name] for name in ("id", "source", "shard", "row")}
    stage = pyarrow.repeat("deduplicate", len(documents))
    return pyarrow.table(columns | {"stage": stage, "reason": reasons, "exact": pyarrow.array(exact, pyarrow.bool_())})


def write_index(path: Path, sketches: Sequence[Path], dropped: Any) -> None:
    """Write ids and keys of the real documents that stay, by which later datasets know them."""
    import numpy
    import pyarrow

    tables = [without(sketch, dropped, shard) for shard, sketch in enumerate(sketches)]
    real = [pyarrow.array(table["order"].to_numpy() >> numpy.uint64(GENERATED_BIT) == 0) for table in tables]
    stay = [table.filter(mask).select(list(INDEX_COLUMNS)) for table, mask in zip(tables, real, strict=True)]
    write_table(path, pyarrow.concat_tables(stay))


def _read_matches(matches: Sequence[Path]) -> tuple[Keys, tuple[Any, Any, Any]]:
    """All texts that are equal or similar to another, or to one of an earlier dataset, and the pairs of similar ones as
    indexes of these, each once."""
    import numpy
    import pyarrow.parquet

    repeated, similar, had = (
        pyarrow.concat_tables([pyarrow.parquet.read_table(match / name) for match in matches])
        for name in (REPEATED, SIMILAR, HAD)
    )
    named = ((repeated, ""), (similar, "one_"), (similar, "two_"), (had, ""))
    high, low = ([table[f"{prefix}{half}"].to_numpy() for table, prefix in named] for half in ("high", "low"))
    keys = Keys.of(*map(Keys, high, low))
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
    again = work.metrics["earlier"]
    Report("Deduplication").bars(
        {"read": read, "after exact": read - work.metrics["exact"], "after near": kept}, "Documents"
    ).text(
        f"{again} documents repeat, or nearly, a text of an earlier dataset whose document has left the sources, under "
        "a new id. By data_preparation.deduplicate.earlier_datasets they stay (first_id_stays) or are among those that "
        "went (drop)."
    ).table(["document", "reason"], [(row["id"], row["reason"]) for row in shown], "Some that were dropped").write(
        work.output
    )
