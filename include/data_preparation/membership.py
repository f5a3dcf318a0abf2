"""Which datasets hold a record, which dropped it, and which records a model was trained on."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import FileEntry, Manifest
from include.artifacts.ranged import RangedFile
from include.artifacts.ref import ArtifactRef
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.data_preparation.documents import DROPPED, Dropped
from include.data_preparation.sources.provenance import by_licence
from include.evaluation.trained_on import CORPUS, PAIRS, TRAIN, file_read

HELDOUT = "heldout.parquet"
TICKETS = "tickets_table.parquet"
# of whatever is not known, all is taken to be read
ALL = (CORPUS, TRAIN, PAIRS)
READERS = 8

Progress = Callable[[int, int], None]


@dataclass
class Membership:
    """Where a dataset has a record: names of its files, and the row that says why it was dropped."""

    files: list[str] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


@dataclass
class Search:
    """Where a record is found, by dataset; `unreadable` files are damaged, or gone."""

    found: dict[ArtifactRef, Membership] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    files: int = 0


@dataclass
class Trained:
    """The records of some files of datasets: id -> source and licence."""

    records: dict[str, tuple[str, str]] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """Dataset and path of a file -> number of its rows."""
    unreadable: list[str] = field(default_factory=list)

    @property
    def by_source(self) -> dict[str, int]:
        """Source -> number of records."""
        return dict(Counter(source for source, _ in self.records.values()).most_common())

    @property
    def by_license(self) -> dict[str, int]:
        """Licence -> number of records."""
        return by_licence(Counter(licence for _, licence in self.records.values()))


def trained_on(model: Manifest | None) -> tuple[str, ...]:
    """Files of its datasets that a model or an adapter was trained on; all where its manifest is gone."""
    config = model.parts.config.get("config") if model else None
    technique = config.get("technique") if isinstance(config, dict) else None
    return (file_read(technique),) if isinstance(technique, str) else ALL


def find_record(bucket: Bucket, datasets: Iterable[Manifest], record: str, progress: Progress) -> Search:
    """Look for a record in the tables of datasets; equal files are read once.

    `progress` is told how many of how many files are read.
    """
    uses: dict[str, list[tuple[Manifest, FileEntry]]] = {}
    for manifest in datasets:
        for entry in manifest.files:
            if entry.path.endswith(".parquet"):
                uses.setdefault(entry.sha256, []).append((manifest, entry))
    search = Search(files=len(uses))

    def look(same: list[tuple[Manifest, FileEntry]]) -> bool | list[Dropped] | None:
        answer: bool | list[Dropped] | None = _first_readable(
            same, lambda one, entry: _look(bucket, one, entry, record)
        )
        return answer

    with ThreadPoolExecutor(READERS) as pool:
        for done, (same, answer) in enumerate(zip(uses.values(), pool.map(look, uses.values()), strict=True), 1):
            progress(done, len(uses))
            for manifest, entry in same:
                if answer is None:
                    search.unreadable.append(f"{manifest.ref}/{entry.path}")
                elif answer:
                    membership = search.found.setdefault(manifest.ref, Membership())
                    if isinstance(answer, list):
                        membership.dropped += answer
                    else:
                        membership.files.append(entry.path)
    return search


def read_records(bucket: Bucket, files: Iterable[tuple[Manifest, str]]) -> Trained:
    """The distinct records of files, given as dataset and path."""
    found = Trained()
    for manifest, path in files:
        for entry in manifest.files:
            if entry.path != path:
                continue
            rows = _first_readable([(manifest, entry)], lambda one, file: _rows(bucket, one, file))
            if rows is None:
                found.unreadable.append(f"{manifest.ref}/{path}")
            else:
                found.counts[str(manifest.ref), path] = len(rows)
                found.records |= {row["id"]: (row.get("source", ""), row.get("license", "")) for row in rows}
    return found


def _first_readable(same: list[tuple[Manifest, FileEntry]], read: Callable[[Manifest, FileEntry], Any]) -> Any:
    """What `read` gives of the first of some equal files that can be read; None where none can."""
    import pyarrow

    for manifest, entry in same:
        try:
            return read(manifest, entry)
        except (pyarrow.ArrowException, OSError, ArtifactNotFoundError, CorruptedArtifactError):
            continue
    return None


def _rows(bucket: Bucket, manifest: Manifest, entry: FileEntry) -> list[dict[str, Any]]:
    """Id, source and licence of a table's rows, none where it has no ids."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(RangedFile(bucket, manifest, entry))
    columns = [name for name in ("id", "source", "license") if name in table.schema_arrow.names]
    rows: list[dict[str, Any]] = table.read(columns=columns).to_pylist() if "id" in columns else []
    return rows


def _look(bucket: Bucket, manifest: Manifest, entry: FileEntry, record: str) -> bool | list[Dropped]:
    """Whether a table has a record, and of a table of dropped ones its rows."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(RangedFile(bucket, manifest, entry))
    names = table.schema_arrow.names
    if entry.path.rpartition("/")[2] == DROPPED and {"id", "source", "stage", "reason"} <= set(names):
        rows = table.read(columns=["id", "source", "stage", "reason"], use_threads=False).to_pylist()
        return [Dropped(**row) for row in rows if row["id"] == record]
    # the ticket table's rows are numbered without the prefix that their documents have
    column, value = ("id", record) if "id" in names else ("ticket_id", record.removeprefix("ticket:"))
    return column in names and _holds(table, column, value)


def _holds(table: Any, column: str, value: str) -> bool:
    import pyarrow.compute

    index = next(i for i in range(table.metadata.num_columns) if table.schema.column(i).path == column)
    for group in range(table.num_row_groups):
        known = table.metadata.row_group(group).column(index).statistics
        if known and known.has_min_max and not known.min <= value <= known.max:
            continue
        ids = table.read_row_group(group, columns=[column], use_threads=False)[column]
        if pyarrow.compute.index(ids, value).as_py() >= 0:
            return True
    return False
