"""Documents and dropped documents as parquet: fixed columns, fixed order, equal bytes for equal rows."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from include.data_preparation.row_files import RowFile

PLANTED = "planted.json"
DROPPED = "dropped.parquet"
# of a document: what may hold personal data
TEXT_FIELDS = ("title", "text", "rejected")


@dataclass(frozen=True)
class Document:
    """One text and where it comes from; `event_time` is ISO 8601 or empty."""

    id: str
    source: str
    title: str
    text: str
    license: str
    generated: bool = False
    event_time: str = ""
    label: str = ""
    label_confidence: float = 0.0
    rejected: str = ""
    """An answer to the title that is worse than the text; empty where none is known."""
    weight: int = 1
    """How often it is read for once that others are; 0: only to compare answers."""
    author: str = ""
    """Which tenant's word it is, as a keyed digest; empty where it is nobody's."""


@dataclass(frozen=True)
class Dropped:
    """A document that a stage left out, and why."""

    id: str
    source: str
    stage: str
    reason: str


def shard_name(shard: int) -> str:
    """File name of a shard."""
    return f"documents-{shard:05d}.parquet"


def table_name(table: str) -> str:
    """File name of a table that was read beside the documents."""
    return f"{table}_table.parquet"


def write_rows(path: Path, row_type: type, rows: Iterable[Any]) -> None:
    """Dataclass rows as parquet, in the order given; typed even where there are no rows."""
    import pyarrow

    write_table(path, pyarrow.Table.from_pylist([asdict(row) for row in rows], schema=schema_of(row_type)))


def schema_of(row_type: type) -> Any:
    """The Arrow schema of a dataclass."""
    import pyarrow

    types = {str: pyarrow.string(), bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}
    return pyarrow.schema([(field.name, types[field.type]) for field in fields(row_type)])  # type: ignore[index]


def write_table(path: Path, table: Any) -> None:
    """An Arrow table as parquet."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, path, compression="zstd")


def read_table(path: Path) -> list[dict[str, Any]]:
    """Rows of a parquet file."""
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def read_documents(path: Path) -> list[Document]:
    """Documents of one shard."""
    return [Document(**row) for row in read_table(path)]


def read_all(folder: Path) -> list[Document]:
    """Documents of all shards of a folder."""
    return [document for path in sorted(folder.glob("documents-*.parquet")) for document in read_documents(path)]


def read_dropped(path: Path) -> Iterator[Dropped]:
    """Dropped documents of a file, which is read as they are taken."""
    return (Dropped(**row) for row in RowFile(path))


def write_planted(folder: Path, planted: dict[str, Any], kept: Iterable[Document]) -> None:
    """The ground truth of those documents that are left."""
    write_planted_of(folder, planted, {document.id for document in kept})


def write_planted_of(folder: Path, planted: dict[str, Any], ids: set[str]) -> None:
    """The ground truth of the documents of these ids."""
    mine = {key: planted[key] for key in sorted(planted) if key in ids}
    (folder / PLANTED).write_text(json.dumps(mine, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")


def read_planted(folder: Path) -> dict[str, Any]:
    """Ground truth by document: {"category": str, "personal": [{"entity", "value", "start", "end"}]}."""
    planted: dict[str, Any] = json.loads((folder / PLANTED).read_text(encoding="utf-8"))
    return planted


def text_digest(document: Document) -> str:
    """What tells whether a document's text or title has changed, without holding either."""
    return hashlib.sha256(f"{document.title}\x00{document.text}".encode()).hexdigest()[:16]


def rank(seed: int, text: str) -> str:
    """A pseudo-random sort key of a text: the same everywhere, another with another seed."""
    return hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()


def shard_of(name: str, shards: int) -> int:
    """The shard that a document lies in, by its id."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % shards
