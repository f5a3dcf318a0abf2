"""A stored file as a Python file: only the ranges that are read are downloaded."""

import io

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import FileEntry, Manifest

AHEAD = 64 << 10


class RangedFile(io.RawIOBase):
    """One file of an artifact, to read columns of a large table.

    Its bytes are not verified: that takes all of them. Its name in the bucket depends on its bytes.
    """

    def __init__(self, bucket: Bucket, manifest: Manifest, entry: FileEntry) -> None:
        super().__init__()
        self.bucket, self.key, self.size = bucket, manifest.key(entry), entry.size
        self._at, self._start, self._held = 0, 0, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset from the start, from here, or from the end."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer, or what of it the file fills; at least AHEAD bytes are downloaded at a time."""
        length = max(0, min(len(buffer), self.size - self._at))
        if not (self._start <= self._at and self._at + length <= self._start + len(self._held)):
            wanted = min(max(length, AHEAD), self.size - self._at)
            self._start = self._at
            self._held = b"".join(self.bucket.stream(self.key, self._at, wanted))
        offset = self._at - self._start
        buffer[:length] = self._held[offset : offset + length]
        self._at += length
        return length
