"""Parts of a source of texts, and the files among them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from include.data_preparation.readers import Found, Reading, read_file
from include.outside_files import OutsideFile


class Entry(ABC):
    """A part of a source: `name` is what documents are called after, `unusable` says why there is nothing to read."""

    def __init__(self, name: str, unusable: str = "") -> None:
        # names are what people and other programs wrote, and may be in no encoding
        self.name, self.unusable = name.encode("utf-8", "replace").decode(), unusable

    @abstractmethod
    def state(self) -> str:
        """What differs where its content does, and is the same on every machine."""

    @abstractmethod
    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """Everything in it, with the names of the files that it lies in."""


class FileEntry(Entry):
    """A file of a folder or of the bucket."""

    def __init__(self, file: OutsideFile) -> None:
        super().__init__(file.name, file.unusable)
        self._file = file

    def state(self) -> str:
        """That of the file."""
        return self._file.state()

    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """What its reader finds."""
        with self._file.local(scratch) as path:
            yield from read_file(self.name, path, reading)
