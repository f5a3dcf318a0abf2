"""The ids that a source has given so far, and what was said under each: on disk, since a source may have any number."""

import hashlib
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

# KiB of the table that are in memory
CACHE = 64 << 10


class SeenIds:
    """A table of digests in a file of its own below `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._path = scratch / "ids.sqlite"

    def __enter__(self) -> Self:
        self._table = sqlite3.connect(self._path, isolation_level=None)
        # it is as short-lived as the process
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}"):
            self._table.execute(f"PRAGMA {setting}")
        self._table.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, said BLOB) WITHOUT ROWID")
        self._table.execute("BEGIN")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._table.close()
        self._path.unlink()

    def before(self, name: str, said: str) -> bool | None:
        """None where the id is new, which it is no longer; else whether the same was said under it."""
        key, digest = _digest(name), _digest(said)
        if self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, digest)).rowcount:
            return None
        return bool(self._table.execute("SELECT said FROM seen WHERE id = ?", (key,)).fetchone()[0] == digest)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
