"""The ids of the records that a packed dataset holds, in tables of the names that a dataset has."""

from pathlib import Path
from typing import Any

from include.training.documents import Document

FILES = ("corpus", "train", "validation")
_GROUP = 1 << 14


class Records:
    """Writes id, source and licence of records to corpus.parquet, train.parquet and validation.parquet."""

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema = pa.schema([(name, pa.string()) for name in ("id", "source", "license")])
        self.writers = {
            name: pq.ParquetWriter(folder / f"{name}.parquet", self.schema, compression="zstd") for name in FILES
        }
        self.rows: dict[str, list[dict[str, str]]] = {name: [] for name in FILES}
        self.licenses: set[str] = set()

    def __enter__(self) -> "Records":
        return self

    def __exit__(self, *_: Any) -> None:
        for name, writer in self.writers.items():
            self._write(name)
            writer.close()

    def add(self, file: str, document: Document) -> None:
        """One record."""
        self.licenses.add(document.license)
        self.rows[file].append({"id": document.id, "source": document.source, "license": document.license})
        if len(self.rows[file]) == _GROUP:
            self._write(file)

    def _write(self, file: str) -> None:
        import pyarrow as pa

        self.writers[file].write_table(pa.Table.from_pylist(self.rows[file], schema=self.schema))
        self.rows[file] = []
