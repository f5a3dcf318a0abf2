"""Bytes between local files and the bucket: in blocks, several at a time, their digests computed on the way.

A file of up to one block is one object put whole, and its digest is the plain SHA-256. A larger one is a multipart
upload of equal blocks; its digest is the SHA-256 of the blocks' SHA-256 digests, so that blocks can be verified while
they come in any order. Memory is bounded by TRANSFERS blocks, whatever the size of a file.
"""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

from include.artifacts import multipart
from include.artifacts.bucket import CHUNK, Bucket
from include.artifacts.manifest import FileEntry
from include.artifacts.multipart import PendingUpload
from include.core.errors import CorruptedArtifactError, StoreUnavailableError

BLOCK = 16 << 20
# S3 takes at most 10,000 parts
MOST_BLOCKS = 10_000
TRANSFERS = 4


def block_size(size: int) -> int:
    """Bytes of the blocks that a file of `size` bytes is moved in; 0 where it is one block."""
    if size <= BLOCK:
        return 0
    return max(BLOCK, ceil(size / MOST_BLOCKS / CHUNK) * CHUNK)


def threads(sizes: Iterable[int]) -> ThreadPoolExecutor:
    """What moves files of these sizes: more threads where requests, not bytes, take the time."""
    return ThreadPoolExecutor(TRANSFERS if max(sizes, default=0) > CHUNK else TRANSFERS * 4)


def describe(path: Path, name: str, pool: ThreadPoolExecutor) -> FileEntry:
    """A large file's entry in the manifest, its blocks hashed in parallel."""
    size = path.stat().st_size
    block = block_size(size)
    digests = pool.map(lambda span: _hash_span(path, *span), _spans(size, block))
    return FileEntry(path=name, size=size, sha256=_combine(digests, block), block=block)


def read_small(path: Path, name: str) -> tuple[FileEntry, bytes]:
    """The entry and the bytes of a file of one block."""
    data = path.read_bytes()
    return FileEntry(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest()), data


def upload_blocks(
    bucket: Bucket, key: str, path: Path, entry: FileEntry, pool: ThreadPoolExecutor, pending: PendingUpload | None
) -> None:
    """Upload a large file, or what is left to do of a `pending` upload of the same bytes.

    Two writers may do so at once: where the other one completes the upload, the object is there.
    """
    try:
        _upload_blocks(bucket, key, path, entry, pool, pending)
    except StoreUnavailableError:
        if not any(item.key == key and item.size == entry.size for item in bucket.objects(key)):
            raise


def _upload_blocks(
    bucket: Bucket, key: str, path: Path, entry: FileEntry, pool: ThreadPoolExecutor, pending: PendingUpload | None
) -> None:
    upload = pending or multipart.begin(bucket, key)
    present = multipart.parts(bucket, upload) if pending else {}

    def send(number: int, span: tuple[int, int]) -> str:
        data, there = _read_span(path, *span), present.get(number)
        # a part's ETag is its MD5 on most servers; where it is not, the part is sent again
        if there and there == (len(data), hashlib.md5(data, usedforsecurity=False).hexdigest()):
            return there.etag
        return multipart.put_part(bucket, upload, number, data)

    spans = _spans(entry.size, entry.block)
    tags = list(pool.map(send, range(1, len(spans) + 1), spans))
    multipart.complete(bucket, upload, tags)


def download(bucket: Bucket, key: str, path: Path, entry: FileEntry, pool: ThreadPoolExecutor | None = None) -> None:
    """Download to `path`, verifying the digest; nothing is left where it differs. With `pool`, blocks in parallel."""
    # not the file's name and more: another file may be called so, and a name has 255 bytes
    partial = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with partial.open("wb") as file:
            os.truncate(file.fileno(), entry.size)
            _read(bucket, key, entry, lambda offset, chunk: os.pwrite(file.fileno(), chunk, offset), pool)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def verify(bucket: Bucket, key: str, entry: FileEntry) -> None:
    """CorruptedArtifactError where an object's bytes are not those of the entry."""
    _read(bucket, key, entry, lambda offset, chunk: None, None)


def read(bucket: Bucket, key: str, entry: FileEntry) -> bytes:
    """An object's bytes, verified."""
    found = bytearray(entry.size)

    def write(offset: int, chunk: bytes) -> None:
        found[offset : offset + len(chunk)] = chunk

    _read(bucket, key, entry, write, None)
    return bytes(found)


def _read(
    bucket: Bucket,
    key: str,
    entry: FileEntry,
    write: Callable[[int, bytes], object],
    pool: ThreadPoolExecutor | None,
) -> None:
    def receive(span: tuple[int, int]) -> bytes:
        digest, (offset, length) = hashlib.sha256(), span
        for chunk in bucket.stream(key, offset, length):
            digest.update(chunk)
            write(offset, chunk)
            offset += len(chunk)
        return digest.digest()

    spans = _spans(entry.size, entry.block)
    found = _combine(pool.map(receive, spans) if pool else map(receive, spans), entry.block)
    if found != entry.sha256:
        raise CorruptedArtifactError(
            f"s3://{bucket.address.bucket}/{key}",
            found[:12],
            f"the object's bytes do not match the manifest's sha256 {entry.sha256[:12]}",
            "Restore the object from a backup, or run its step again with force_rerun",
        )


def _spans(size: int, block: int) -> list[tuple[int, int]]:
    """Offset and length of each block; one of everything where the file is not in blocks."""
    return [(offset, min(block, size - offset)) for offset in range(0, size, block)] if block else [(0, size)]


def _combine(digests: Iterable[bytes], block: int) -> str:
    if block:
        return hashlib.sha256(b"".join(digests)).hexdigest()
    (only,) = digests
    return only.hex()


def _hash_span(path: Path, offset: int, length: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(offset)
        while length and (chunk := file.read(min(CHUNK, length))):
            digest.update(chunk)
            length -= len(chunk)
    return digest.digest()


def _read_span(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)
