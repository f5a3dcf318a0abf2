"""Compressed files, unpacked to scratch within limits."""

import bz2
import gzip
import lzma
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from include.data_preparation.config.collections import LimitsConfig
from include.data_preparation.readers.found import MIB, Reading, UnreadableError, told_as

CHUNK = 1 << 20
# small files may be anything: only from here on the ratio tells a bomb
RATIO_COUNTS_FROM = 16 * MIB
XZ_MEMORY = 256 * MIB
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip", ".tar": "tar"}
# zip archives that are no folders of texts but documents, programs and arrays
WHOLE = (".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".jar", ".apk", ".whl", ".npz")
TAR_SUFFIXES = {".tgz": "gzip", ".tbz2": "bz2", ".txz": "xz", ".tzst": "zstd"}


class TooLargeError(UnreadableError):
    """Unpacked, a file is over a limit."""


class Budget:
    """How much may yet be unpacked of one file as it lies."""

    def __init__(self, path: Path, limits: LimitsConfig) -> None:
        self._packed, self._limits, self._taken = max(1, path.stat().st_size), limits, 0

    def take(self, size: int) -> None:
        """Count bytes that are unpacked to scratch; TooLargeError from the limit on."""
        if self._taken + size > self._limits.max_unpacked_mb * MIB:
            raise TooLargeError(f"over {self._limits.max_unpacked_mb} MiB unpacked")
        self.take_decoded(size)

    def take_decoded(self, size: int) -> None:
        """Count bytes, or rows, that need no room of their own; TooLargeError where they are too many for the file."""
        self._taken += size
        if self._taken > RATIO_COUNTS_FROM and self._taken > self._limits.max_ratio * self._packed:
            raise TooLargeError(f"over {self._limits.max_ratio} times its size unpacked: a bomb")


def packing(name: str, head: bytes) -> str:
    """How a file is packed, by its first bytes, else by its name; empty where it is not."""
    if name.lower().endswith(WHOLE):
        return ""
    by_magic = next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")
    if not by_magic and head[TAR_MAGIC_AT:].startswith(TAR_MAGIC):
        return "tar"
    return by_magic or (SUFFIXES | TAR_SUFFIXES).get(Path(name).suffix.lower(), "")


def inner_name(name: str) -> str:
    """What a compressed file is called once it is unpacked."""
    suffix = Path(name).suffix
    if suffix.lower() in TAR_SUFFIXES:
        return name.removesuffix(suffix) + ".tar"
    return name.removesuffix(suffix) if suffix.lower() in SUFFIXES else name


@contextmanager
def unpacked(path: Path, kind: str, reading: Reading, budget: Budget) -> Iterator[Path]:
    """The whole content of a compressed file, as long as it is needed; UnreadableError where it is broken."""
    with told_as(f"broken {kind} data"), _opened(path, kind) as packed:
        target = written(packed, reading, budget.take)
    try:
        yield target
    finally:
        target.unlink()


def written(packed: Any, reading: Reading, count: Callable[[int], None]) -> Path:
    """A copy in scratch of what can be read; `count` is told of its bytes, and may refuse more."""
    with tempfile.NamedTemporaryFile(dir=reading.scratch, delete=False) as target:
        try:
            while chunk := packed.read(CHUNK):
                count(len(chunk))
                target.write(chunk)
        except BaseException:
            Path(target.name).unlink()
            raise
    return Path(target.name)


def _opened(path: Path, kind: str) -> Any:
    if kind == "gzip":
        return gzip.open(path)
    if kind == "bz2":
        return bz2.open(path)
    if kind == "xz":
        return _Xz(path.open("rb"))
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd")


class _Xz:
    """xz data with a bound on the memory that its dictionary may ask for, which lzma.open does not take."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._decoder = file, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def __enter__(self) -> "_Xz":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty at the end. EOFError where the end is missing."""
        while True:
            if self._decoder.eof:
                # streams may follow one another, with zeros between
                rest = (self._decoder.unused_data or self._file.read(CHUNK)).lstrip(b"\0")
                if not rest:
                    return b""
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
                data = self._decoder.decompress(rest, size)
            else:
                fed = self._file.read(CHUNK) if self._decoder.needs_input else b""
                if self._decoder.needs_input and not fed:
                    raise EOFError
                data = self._decoder.decompress(fed, size)
            if data:
                return data
