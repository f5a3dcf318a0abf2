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
from include.data_preparation.clusters import decide, members
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
from include.data_preparation.keys import Keys
from include.data_preparation.match import REPEATED, SIMILAR
from include.data_preparation.sketch_files import DOCUMENTS

SHOWN = 50
EXACT, NEAR = "same text as", "near duplicate of"


@step("dataset")
def deduplicate(
    work: Workspace,
    sources: list[ArtifactRef],
    sketches: list[ArtifactRef],
    matches: list[ArtifactRef],
    config: DeduplicateConfig,
) -> None:
    """All cleaned shards without duplicates, in as many shards; of equal or similar ones the preferred stays.

    Only documents that have a duplicate are held, and one shard at a time.
    """
    dropped = find_dropped(
        [work.fetch(sketch, only=DOCUMENTS) / DOCUMENTS for sketch in sketches], [work.fetch(ref) for ref in matches]
    )
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
    write_planted_of(work.output, planted, planted.keys() - set(dropped["id"].to_pylist()))
    write_table(work.output / DROPPED, dropped.select([field.name for field in fields(Dropped)]))
    _report(work, dropped, kept, len(sources))


def find_dropped(sketches: Sequence[Path], matches: Sequence[Path]) -> Any:
    """The documents that go, by id: an Arrow table of the columns of `Dropped` with `shard`, `row` and `exact`.

    `sketches` are files of the documents' keys, a shard each, `matches` folders with the equal and similar texts.
    """
    import numpy
    import pyarrow

    keys, pairs = _read_matches(matches)
    found = members(sketches, keys).sort_by([("order", "ascending"), ("id", "ascending")])
    text, order = found["text"].to_numpy(), found["order"].to_numpy()
    # of a text, the first document stays if any does
    _, first = numpy.unique(text, return_index=True)
    decision = decide(order[first], *pairs)
    stays = first[decision.stays[text]]
    going = numpy.flatnonzero(stays != numpy.arange(len(text)))
    exact = decision.stays[text[going]] == text[going]
    names = found["id"].take(pyarrow.array(stays[going])).to_pylist()
    reasons = [
        f"{EXACT} {name}" if same else f"{NEAR} {name} ({similarity:.2f})"
        for name, same, similarity in zip(names, exact, decision.similarity[text[going]], strict=True)
    ]
    gone = found.select(["id", "source", "shard", "row"]).take(pyarrow.array(going))
    gone = gone.append_column("stage", pyarrow.array(["deduplicate"] * len(going), pyarrow.string()))
    gone = gone.append_column("reason", pyarrow.array(reasons, pyarrow.string()))
    return gone.append_column("exact", pyarrow.array(exact)).sort_by("id")


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
    """The documents of a cleaned shard that stay."""
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
