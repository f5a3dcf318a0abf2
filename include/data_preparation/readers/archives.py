"""Archives: their members, one at a time, as files in scratch; nothing is written under a name that they give."""

import io
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from include.data_preparation.readers.found import MIB, ForeignError, Reading, UnreadableError, told_as
from include.data_preparation.readers.packed import CHUNK, Budget, written

Unpack = Callable[[Budget], Path]
# of one member: names, times and, where a file has holes, the list of them
MOST_HEADERS = MIB
# of the list of all members that a zip archive has at its end
DIRECTORY_ENTRY = 1024
A_LINK, NO_FILE = "a link inside of an archive", "no file but a device or pipe"
TWICE = "another file of its archive has its name"


def members(path: Path, kind: str, reading: Reading) -> Iterator[tuple[str, Unpack | UnreadableError]]:
    """Names in a zip or tar archive, and what unpacks each or why it stays packed.

    UnreadableError where the archive is broken, or has too many.
    """
    names: set[str] = set()
    for name, unpack in (_zip if kind == "zip" else _tar)(path, reading):
        yield name, UnreadableError(TWICE) if name in names else unpack
        names.add(name)


class _Guarded(io.FileIO):
    """A file of which no more is read than is allowed: libraries hold whatever headers say that there is."""

    def __init__(self, path: Path, allowed: int) -> None:
        super().__init__(path)
        self._size, self.allowed = path.stat().st_size, allowed

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._size - self.tell())
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self.allowed:
            raise UnreadableError("its headers are too long")
        self.allowed -= wanted
        return super().read(wanted) or b""

    def read_on(self) -> bytes:
        """The next piece, whatever was allowed; empty at the end."""
        self.allowed = CHUNK
        return self.read(min(CHUNK, self._size - self.tell()))


def _zip(path: Path, reading: Reading) -> Iterator[tuple[str, Unpack | UnreadableError]]:
    most = reading.limits.max_archive_files
    with (
        told_as("broken zip archive"),
        _Guarded(path, MIB + most * DIRECTORY_ENTRY) as file,
        zipfile.ZipFile(file) as archive,
    ):
        entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
        if len(entries) > most:
            raise UnreadableError(f"{len(entries)} files, and {most} are read")
        file.allowed = sys.maxsize
        for entry in entries:
            yield entry.filename, _zip_member(archive, entry, reading)


def _zip_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, reading: Reading) -> Unpack | UnreadableError:
    if stat.S_ISLNK(entry.external_attr >> 16):
        return ForeignError(A_LINK)
    return UnreadableError("encrypted") if entry.flag_bits & 1 else partial(_unzip, archive, entry, reading)


def _unzip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, reading: Reading, budget: Budget) -> Path:
    with told_as("broken in its zip archive"), archive.open(entry) as packed:
        return written(packed, reading, budget.take)


def _tar(path: Path, reading: Reading) -> Iterator[tuple[str, Unpack | UnreadableError]]:
    with (
        told_as("broken tar archive"),
        _Guarded(path, MOST_HEADERS) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        offset = 0
        for entry in _tar_entries(archive, reading.limits.max_archive_files):
            # a size below zero would lead back to where it was
            if entry.size < 0 or archive.offset <= offset:
                raise UnreadableError("broken tar archive")
            offset = archive.offset
            if not entry.isdir():
                yield entry.name, _tar_member(archive, file, entry, reading)
            file.allowed = MOST_HEADERS
        _require_end(file, archive.offset)


def _tar_entries(archive: tarfile.TarFile, most: int) -> Iterator[tarfile.TarInfo]:
    """Its entries, none of which is kept."""
    count = 0
    while entry := archive.next():
        count += 1
        if count > most:
            raise UnreadableError(f"more than {most} files; nothing after them is read")
        # what one header said is not for those after it, and may be long
        archive.members, archive.pax_headers = [], {}  # type: ignore[attr-defined]
        yield entry


def _tar_member(
    archive: tarfile.TarFile, file: _Guarded, entry: tarfile.TarInfo, reading: Reading
) -> Unpack | UnreadableError:
    if entry.issym() or entry.islnk():
        return ForeignError(A_LINK)
    if entry.ischr() or entry.isblk() or entry.isfifo():
        return ForeignError(NO_FILE)
    # its size is what it says, and not what is there
    return UnreadableError("a file with holes") if entry.issparse() else partial(_untar, archive, file, entry, reading)


def _untar(archive: tarfile.TarFile, file: _Guarded, entry: tarfile.TarInfo, reading: Reading, budget: Budget) -> Path:
    file.allowed = entry.size + CHUNK
    with told_as("broken in its tar archive"):
        packed = archive.extractfile(entry)
        assert packed, "what is no file has been told apart"
        # it takes no more room than the archive, whose bytes have been counted
        return written(packed, reading, lambda size: None)


def _require_end(file: _Guarded, offset: int) -> None:
    """UnreadableError where zeros to the end do not follow the last member: tarfile takes damage for the end."""
    file.seek(offset)
    found = 0
    while rest := file.read_on():
        found += len(rest)
        if any(rest):
            raise UnreadableError(
                "broken tar archive: what follows its last file is none, and nothing after it is read"
            )
    if not found:
        raise UnreadableError("the tar archive has no end")
