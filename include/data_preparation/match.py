"""Find the equal and the similar texts of one partition of the sketches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef, references_in
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.documents import write_table
from include.data_preparation.duplicates.candidates import REPEATED, SIMILAR, shared_bands, similar_pairs
from include.data_preparation.duplicates.earlier_datasets import INDEX, Earlier
from include.data_preparation.duplicates.keys import Keys, group_starts
from include.data_preparation.duplicates.look_back import look_back, write_no_past
from include.data_preparation.duplicates.references import Rows
from include.data_preparation.duplicates.similarity import Similarity
from include.data_preparation.duplicates.sketch_files import (
    BAND_COLUMNS,
    SHINGLES,
    TEXT_COLUMNS,
    bands_name,
    texts_name,
)


@step("dataset", measures=("earlier",))
def match(
    work: Workspace, sketches: list[ArtifactRef], partition: int, earlier: list[ArtifactRef], config: DeduplicateConfig
) -> None:
    """Keys of texts of several documents, and pairs of similar texts with their Jaccard similarity.

    `earlier` are earlier deduplicated datasets: known.parquet has the found documents whose ids one of them had,
    had.parquet the found texts that one had, and those of new documents that are equal or near to one that it had.
    Candidates share a band; those of a partition are all that this task holds. The same pair may be found in several
    partitions.
    """
    found = write_matches(
        _files_of(work, sketches), partition, work.output, config, [_earlier(work, ref) for ref in earlier]
    )
    work.metrics.update(vars(found), looked_back_at=[ref.fingerprint[:12] for ref in earlier])
    Report(f"Duplicates, partition {partition}").bars(
        {"texts of several documents": found.repeated, "pairs compared": found.compared, "similar": found.similar},
        "Found",
    ).text(
        f"{found.unexamined} texts stood in crowded bands and were held against no more than the first texts of these."
    ).text(
        f"{found.references} texts of {len(earlier)} earlier datasets, which no document has now, were looked at for "
        f"near copies in new documents. {found.unread} of these datasets were sketched with other settings or "
        "libraries: only equal texts are known of them, until their runs are repeated."
    ).write(work.output)


def _files_of(work: Workspace, sketches: list[ArtifactRef]) -> Callable[[str], Iterator[Path]]:
    return lambda name: (work.fetch(sketch, only=name) / name for sketch in sketches)


def _earlier(work: Workspace, dataset: ArtifactRef) -> Earlier:
    sketches = list(references_in(work.manifest(dataset).inputs.get("sketches", [])))
    return Earlier(dataset.fingerprint[:12], work.fetch(dataset, only=INDEX) / INDEX, _files_of(work, sketches))


@dataclass(frozen=True)
class Matched:
    """Texts of several documents, pairs that were compared and that are similar, texts in crowded bands, texts of
    earlier datasets that were held against new ones, and earlier datasets whose sketches cannot be compared."""

    repeated: int
    similar: int
    compared: int
    unexamined: int
    references: int
    unread: int


def write_matches(
    files: Callable[[str], Iterable[Path]],
    partition: int,
    folder: Path,
    config: DeduplicateConfig,
    earlier: Sequence[Earlier] = (),
) -> Matched:
    """The equal and the similar texts of a partition; `files` gives the file of a name of each sketch."""
    import pyarrow

    texts = _columns(files(texts_name(partition)), TEXT_COLUMNS)
    rows = dict(zip(BAND_COLUMNS, _columns(files(bands_name(partition)), BAND_COLUMNS), strict=True))
    today = Rows(*(rows[name] for name in Rows._fields))
    back = look_back(today, Keys(*texts[:2]), files, partition, earlier) if earlier else None
    if back:
        rows["order"] = back.standing(today.keys)
    bands = shared_bands(**rows)
    similarity = Similarity(bands, lambda: files(SHINGLES), config.near_duplicate)
    pairs, unexamined = similar_pairs(bands, similarity)
    repeated = Keys(*_repeated(*texts))
    write_table(folder / REPEATED, pyarrow.table(repeated._asdict()))
    one, two = (Keys(bands.high[text], bands.low[text]) for text in (pairs.one, pairs.two))
    halves = {
        f"{name}_{half}": getattr(keys, half) for name, keys in (("one", one), ("two", two)) for half in keys._fields
    }
    write_table(folder / SIMILAR, pyarrow.table(halves | {"similarity": pairs.similarity}))
    compared = 0
    if back:
        near, compared = back.near(today, files, config.near_duplicate)
        back.write(folder, Keys.of(repeated, one, two), near)
    else:
        write_no_past(folder)
    return Matched(
        repeated=len(repeated.high),
        similar=len(pairs.one),
        compared=similarity.compared + compared,
        unexamined=unexamined,
        references=len(Keys.of(back.references.keys).high) if back else 0,
        unread=len(earlier) - len(back.readable) if back else 0,
    )


def _columns(paths: Iterable[Path], names: tuple[str, ...]) -> list[Any]:
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
