"""Multipart uploads: begun, taken up where a killed writer left them, completed, and swept."""

from datetime import datetime
from typing import NamedTuple

from minio.datatypes import Part
from minio.error import S3Error

from include.artifacts.bucket import NEVER, Bucket


class PendingUpload(NamedTuple):
    """A multipart upload under way, or what a killed writer left of one."""

    key: str
    id: str
    started: datetime


class StoredPart(NamedTuple):
    """A part that the server holds; `size` in bytes."""

    size: int
    etag: str


def begin(bucket: Bucket, key: str) -> PendingUpload:
    """A new upload of `key`."""
    with bucket.errors(key):
        return PendingUpload(key, str(bucket.client._create_multipart_upload(bucket.address.bucket, key, {})), NEVER)


def pending(bucket: Bucket, prefix: str) -> list[PendingUpload]:
    """Uploads below a prefix that are neither complete nor aborted."""
    found: list[PendingUpload] = []
    markers: dict[str, str] = {}
    while True:
        with bucket.errors(prefix):
            page = bucket.client._list_multipart_uploads(bucket.address.bucket, prefix=prefix, **markers)
        found += [
            PendingUpload(str(upload.object_name), str(upload.upload_id), upload.initiated_time or NEVER)
            for upload in page.uploads
        ]
        if not page.is_truncated:
            return found
        markers = {"key_marker": str(page.next_key_marker), "upload_id_marker": str(page.next_upload_id_marker)}


def parts(bucket: Bucket, upload: PendingUpload) -> dict[int, StoredPart]:
    """The parts that the server holds, by number."""
    found: dict[int, StoredPart] = {}
    marker: str | None = None
    while True:
        with bucket.errors(upload.key):
            page = bucket.client._list_parts(
                bucket.address.bucket, upload.key, upload.id, part_number_marker=marker, max_parts=1000
            )
        found |= {part.part_number: StoredPart(part.size or 0, str(part.etag).strip('"')) for part in page.parts}
        if not page.is_truncated:
            return found
        marker = str(page.next_part_number_marker)


def put_part(bucket: Bucket, upload: PendingUpload, number: int, data: bytes) -> str:
    """Send one part; its ETag. StoreUnavailableError where the upload has ended meanwhile."""
    with bucket.errors(upload.key):
        etag = bucket.client._upload_part(bucket.address.bucket, upload.key, data, None, upload.id, number)
    return str(etag).strip('"')


def complete(bucket: Bucket, upload: PendingUpload, tags: list[str]) -> None:
    """Make the parts one object. StoreUnavailableError where the upload has ended meanwhile."""
    numbered = [Part(number, tag) for number, tag in enumerate(tags, 1)]
    with bucket.errors(upload.key):
        bucket.client._complete_multipart_upload(bucket.address.bucket, upload.key, upload.id, numbered)


def abort(bucket: Bucket, upload: PendingUpload) -> None:
    """Let go of an upload; one that has ended meanwhile does not matter."""
    with bucket.errors(upload.key):
        try:
            bucket.client._abort_multipart_upload(bucket.address.bucket, upload.key, upload.id)
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise
