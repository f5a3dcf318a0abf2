"""Folders that the library `datasets` saved."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from include.artifacts.manifest import sha256_of
from include.core.errors import SourceError
from include.core.settings import PROJECT_ROOT
from include.data_preparation.config import CollectionConfig
from include.data_preparation.locations.entry import Entry
from include.data_preparation.readers import Found, Reading, Row, Unreadable
from include.outside_files import FolderFile, about, walk

BATCH = 256


def saved_splits(source: CollectionConfig, field: str) -> list[Entry]:
    """The splits of a folder that `save_to_disk` wrote; SourceError where it is none."""
    folder = PROJECT_ROOT / source.location.removeprefix("dataset:")
    with about(field, source.location):
        try:
            listing = folder / "dataset_dict.json"
            splits = json.loads(listing.read_text(encoding="utf-8"))["splits"] if listing.exists() else [""]
        except (ValueError, KeyError, TypeError):
            splits = []
    found = [SavedRows(split or "rows", folder / split) for split in splits if isinstance(split, str)]
    if not found or not all((one.folder / "state.json").exists() for one in found):
        raise SourceError(
            field, source.location, "no folder that `datasets` saved", "Write it by save_to_disk, or correct the path"
        )
    return list(found)


class SavedRows(Entry):
    """A split in a folder."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.folder = folder

    def state(self) -> str:
        """The digest of its files."""
        files = sorted(walk(self.folder), key=lambda file: file.name)
        return sha256_of([(file.name, file.state()) for file in files if isinstance(file, FolderFile)])

    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """A record a row."""
        reading.formats["dataset"] += 1
        place = 0
        try:
            for row in _saved(self.folder, reading):
                place += 1
                yield self.name, Row(place, reading.fields(row))
        except _DamagedError as error:
            yield self.name, Unreadable(place + 1, f"{error}; nothing after it is read", breaks=True)


class _DamagedError(Exception):
    """Why no more rows can be read."""


def _saved(folder: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    import datasets
    import pyarrow

    try:
        saved = datasets.load_from_disk(str(folder))
        wanted = [name for name in saved.column_names if name in reading.columns.model_dump().values()]
        # rows without any of the columns count too
        rows = saved.select_columns(wanted or saved.column_names[:1]).with_format("arrow").iter(batch_size=BATCH)
        yield from chain.from_iterable(table.to_pylist() for table in rows)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, pyarrow.ArrowException) as error:
        raise _DamagedError(f"damaged: {type(error).__name__}") from error
