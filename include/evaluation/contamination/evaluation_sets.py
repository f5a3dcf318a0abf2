"""Evaluation sets that the use case declares: texts that training must not contain."""

import gzip
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.outside_files import PARQUET, ZIPPED, about, folder_or_prefix, list_row_files, place_of


class EvaluationSetConfig(BaseModel):
    """A set of texts that models are evaluated on elsewhere: training must not contain them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What reports call it.")
    location: str = Field(
        min_length=1,
        description="Folder, relative to the project or absolute, or s3:<prefix>/ in the store's bucket, with .jsonl, "
        ".jsonl.gz and .parquet files.",
    )
    columns: tuple[str, ...] = Field(
        ("question", "answer", "text"), min_length=1, description="Fields of its rows that hold texts."
    )

    @field_validator("location")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return folder_or_prefix(value)


class KeptOut(BaseModel):
    """The part of `data_preparation.split` that says what is kept out of whatever is trained on."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    evaluation_sets: tuple[EvaluationSetConfig, ...]
    contamination_words: int
    contamination_min_words: int


FIELD = "data_preparation.split.evaluation_sets"


def states(store: ArtifactStore, sets: tuple[EvaluationSetConfig, ...]) -> dict[str, dict[str, str]]:
    """Set -> file -> what differs where its bytes do; SourceError where there are none or they cannot be read."""
    found = {}
    for one in sets:
        where = place_of(store, one.location)
        with about(FIELD, where):
            found[one.name] = {file.name: file.state() for file in list_row_files(store, one.location, FIELD)}
    return found


def read_evaluation_set(store: ArtifactStore, one: EvaluationSetConfig) -> list[str]:
    """All texts of a set: its columns, of every row that has them.

    SourceError where a file or line cannot be read or a file has no text: what is not known cannot be kept out of
    training.
    """
    texts: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for file in list_row_files(store, one.location, FIELD):
            where = place_of(store, one.location) + file.name
            with about(FIELD, where), file.local(Path(scratch)) as path:
                rows = _rows(file.name, path, where, one.columns)
                found = [row[name] for row in rows for name in one.columns if isinstance(row.get(name), str)]
            if not any(text.strip() for text in found):
                raise SourceError(FIELD, where, f"no row has a text in {', '.join(one.columns)}", "Name its columns")
            texts += found
    return texts


def _rows(name: str, path: Path, where: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        if name.endswith(PARQUET):
            with pyarrow.parquet.ParquetFile(path) as file:
                here = [column for column in columns if column in file.schema_arrow.names]
                for batch in file.iter_batches(columns=here):
                    yield from batch.to_pylist()
            return
        with gzip.open(path, "rb") if name.endswith(ZIPPED) else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise SourceError(FIELD, f"{where}:{number}", "the line is no JSON object", "Correct the file")
                yield row
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error, pyarrow.ArrowException) as error:
        raise SourceError(FIELD, where, f"it is damaged: {error}", "Correct the file") from None
