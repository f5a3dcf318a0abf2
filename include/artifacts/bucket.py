"""One bucket on any S3 server, with this project's errors and conditional writes."""

import hashlib
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from pydantic import BaseModel, ConfigDict, SecretStr

from include.artifacts.s3_errors import BucketPresentError, ConditionError, ConflictError, translated
from include.core.errors import (
    ArtifactNotFoundError,
    StoreAccessError,
    StoreUnavailableError,
)
from include.core.settings import Settings

CHUNK = 1 << 20
CONFLICT_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
NEVER = datetime.min.replace(tzinfo=UTC)


class StoredObject(NamedTuple):
    """An object as a listing shows it; `size` in bytes, `modified` in UTC, `etag` differs where the bytes do."""

    key: str
    size: int
    modified: datetime
    etag: str = ""


class StoreAddress(BaseModel):
    """Where the object store is and who asks."""

    model_config = ConfigDict(frozen=True)
    endpoint: str
    bucket: str
    access_key: str
    secret_key: SecretStr
    region: str = "us-east-1"
    secure: bool = False

    @classmethod
    def of(cls, settings: Settings) -> "StoreAddress":
        """The address that GENAI_S3_* settings name."""
        return cls(
            endpoint=settings.s3_address,
            bucket=settings.s3_bucket,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            region=settings.s3_region,
            secure=settings.s3_secure,
        )

    @property
    def on_this_machine(self) -> bool:
        """Whether what is stored takes up this machine's disk."""
        return self.endpoint.partition(":")[0] in ("127.0.0.1", "localhost")

    def environment(self) -> dict[str, str]:
        """GENAI_S3_* variables for a child process."""
        return {
            "GENAI_S3_ENDPOINT": self.endpoint,
            "GENAI_S3_BUCKET": self.bucket,
            "GENAI_S3_ACCESS_KEY": self.access_key,
            "GENAI_S3_SECRET_KEY": self.secret_key.get_secret_value(),
            "GENAI_S3_REGION": self.region,
            "GENAI_S3_SECURE": str(self.secure).lower(),
        }


class Bucket:
    """Objects by key.

    Rides out an unreachable server (8 retries: about 30 s), then raises StoreUnavailableError.
    """

    def __init__(self, address: StoreAddress, retries: int = 8) -> None:
        self.address, self.retries = address, retries
        policy = urllib3.Retry(
            total=retries,
            raise_on_status=False,
            backoff_factor=0.25,
            backoff_max=8,
            status_forcelist=[500, 502, 503, 504],
            allowed_methods=None,
        )
        pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60), maxsize=16, retries=policy)
        self.client = Minio(
            address.endpoint,
            access_key=address.access_key,
            secret_key=address.secret_key.get_secret_value(),
            region=address.region,
            secure=address.secure,
            http_client=pool,
        )

    def check(self) -> None:
        """Fail with the remedy unless the bucket can be read with these keys."""
        with self.errors(""):
            found = self.client.bucket_exists(self.address.bucket)
        if not found:
            raise StoreAccessError(
                "GENAI_S3_BUCKET", self.address.bucket, "the bucket does not exist", "Create it or name another"
            )

    def ensure(self) -> None:
        """Create the bucket where it is missing, then `check` it."""
        with suppress(BucketPresentError, ConflictError), self.errors(""):
            self.client.make_bucket(self.address.bucket)
        self.check()

    def put_bytes(
        self, key: str, data: bytes, *, if_none_match: bool = False, if_match: str | None = None
    ) -> str | None:
        """Write an object; returns its new ETag, or None where the condition did not hold."""
        headers = {"If-None-Match": "*"} if if_none_match else {"If-Match": f'"{if_match}"'} if if_match else {}
        # without it SeaweedFS keeps an empty object where a writer dies between a request's headers and its body
        headers["Content-MD5"] = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        for wait in (*CONFLICT_WAITS, None):
            try:
                with self.errors(key):
                    # minio-py has no public argument for conditional writes
                    result = self.client._put_object(self.address.bucket, key, data, headers=dict(headers))
                return str(result.etag)
            except ConditionError:
                return None
            except ArtifactNotFoundError:
                # If-Match on an object that is gone: S3 and MinIO answer 404, SeaweedFS 412
                if if_match:
                    return None
                raise
            except ConflictError:
                # S3 answers 409 while another conditional write of the key is under way
                if wait is None:
                    break
                time.sleep(wait)
        raise StoreUnavailableError(
            f"s3://{self.address.bucket}/{key}", "409", "other writers of this key do not let it through", "Try again"
        )

    def get_bytes(self, key: str) -> tuple[bytes, str]:
        """An object's bytes and its ETag; ArtifactNotFoundError where there is none."""
        with self.errors(key):
            response = self.client.get_object(self.address.bucket, key)
            try:
                return response.read(), response.headers.get("ETag", "").strip('"')
            finally:
                response.close()
                response.release_conn()

    def stream(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        """`length` bytes of an object from `offset`, a chunk at a time.

        A connection that breaks is taken up where it broke.
        """
        end, broken = offset + length, 0
        while True:
            try:
                for chunk in self._chunks(key, offset, end - offset):
                    offset += len(chunk)
                    yield chunk
                return
            except StoreUnavailableError:
                broken += 1
                if length and offset == end:
                    return
                if broken > self.retries:
                    raise

    def _chunks(self, key: str, offset: int, length: int) -> Iterator[bytes]:
        with self.errors(key):
            response = self.client.get_object(self.address.bucket, key, offset=offset, length=length)
            try:
                yield from response.stream(CHUNK)
            finally:
                response.close()
                response.release_conn()

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket, on the server."""
        with self.errors(source):
            self.client.copy_object(self.address.bucket, target, CopySource(self.address.bucket, source))

    def objects(self, prefix: str) -> list[StoredObject]:
        """All objects below a prefix, in the order of their keys."""
        with self.errors(prefix):
            return [
                StoredObject(
                    str(item.object_name), item.size or 0, item.last_modified or NEVER, (item.etag or "").strip('"')
                )
                for item in self.client.list_objects(self.address.bucket, prefix, recursive=True)
            ]

    def holds(self, prefix: str) -> bool:
        """Whether there is any object below a prefix, by one request."""
        with self.errors(prefix):
            return next(iter(self.client.list_objects(self.address.bucket, prefix)), None) is not None

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix."""
        return [item.key for item in self.objects(prefix)]

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, a thousand in a request; missing ones do not matter."""
        with self.errors(""):
            for problem in self.client.remove_objects(self.address.bucket, map(DeleteObject, keys)):
                raise StoreUnavailableError(
                    f"s3://{self.address.bucket}/{problem.name}",
                    problem.code,
                    f"not deleted: {problem.message}",
                    "Try again",
                )

    def errors(self, key: str) -> AbstractContextManager[None]:
        """What goes wrong inside, as this project's errors about `key`."""
        return translated(f"s3://{self.address.bucket}/{key}", self.address.endpoint, self.address.access_key)
