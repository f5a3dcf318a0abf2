"""Find the equal and the similar texts of one partition of the sketches."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.documents import write_table
from include.data_preparation.duplicates.candidates import shared_bands, similar_pairs
from include.data_preparation.duplicates.keys import group_starts
from include.data_preparation.duplicates.similarity import Similarity
from include.data_preparation.duplicates.sketch_files import (
    BAND_COLUMNS,
    SHINGLES,
    TEXT_COLUMNS,
    bands_name,
    texts_name,
)

REPEATED, SIMILAR = "repeated.parquet", "similar.parquet"


@step("dataset")
def match(work: Workspace, sketches: list[ArtifactRef], partition: int, config: DeduplicateConfig) -> None:
    """Keys of texts of several documents, and pairs of similar texts with their Jaccard similarity.

    Candidates share a band; those of a partition are all that this task holds. The same pair may be found in several
    partitions.
    """
    found = write_matches(
        lambda name: [work.fetch(sketch, only=name) / name for sketch in sketches], partition, work.output, config
    )
    work.metrics.update(vars(found))
    Report(f"Duplicates, partition {partition}").bars(
        {"texts of several documents": found.repeated, "pairs compared": found.compared, "similar": found.similar},
        "Found",
    ).text(
        f"{found.unexamined} texts stood in crowded bands and were held against no more than the first texts of these."
    ).write(work.output)


@dataclass(frozen=True)
class Matched:
    """Texts of several documents, pairs that were compared and that are similar, and texts in crowded bands."""

    repeated: int
    similar: int
    compared: int
    unexamined: int


def write_matches(
    files: Callable[[str], list[Path]], partition: int, folder: Path, config: DeduplicateConfig
) -> Matched:
    """The equal and the similar texts of a partition; `files` gives the file of a name of each sketch."""
    import pyarrow

    high, low = _repeated(*_columns(files(texts_name(partition)), TEXT_COLUMNS))
    write_table(folder / REPEATED, pyarrow.table({"high": high, "low": low}))
    bands = shared_bands(*_columns(files(bands_name(partition)), BAND_COLUMNS))
    similarity = Similarity(bands, files(SHINGLES) if len(bands.high) else [], config.near_duplicate)
    pairs, unexamined = similar_pairs(bands, similarity)
    halves = {
        f"{name}_{half}": getattr(bands, half)[text]
        for name, text in (("one", pairs.one), ("two", pairs.two))
        for half in ("high", "low")
    }
    write_table(folder / SIMILAR, pyarrow.table(halves | {"similarity": pairs.similarity}))
    return Matched(len(high), len(pairs.one), similarity.compared, unexamined)


def _columns(paths: list[Path], names: tuple[str, ...]) -> list[Any]:
    import numpy
    import pyarrow.parquet

    tables = [pyarrow.parquet.read_table(path, columns=list(names)) for path in paths]
    return [numpy.concatenate([table.column(name).to_numpy() for table in tables]) for name in names]


def _repeated(high: Any, low: Any, count: Any) -> tuple[Any, Any]:
    """Keys of the texts that stand in more than one document, sorted."""
    import numpy

    rows = numpy.lexsort((low, high))
    high, low, count = high[rows], low[rows], count[rows]
    starts = group_starts(high, low)
    several = starts[numpy.add.reduceat(count, starts) > 1] if len(starts) else starts
    return high[several], low[several]
