"""One bucket on any S3 server, with this project's errors and conditional writes."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.error import InvalidResponseError, S3Error, ServerError
from pydantic import BaseModel, ConfigDict, SecretStr
from urllib3.exceptions import HTTPError

from include.core.errors import (
    ArtifactNotFoundError,
    CorruptedArtifactError,
    DiskFullError,
    StoreAccessError,
    StoreUnavailableError,
)
from include.core.settings import Settings

CHUNK = 1 << 20
_MISSING = {"NoSuchKey", "NoSuchObject"}
_PRESENT = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_FULL = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded"}
_REFUSED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "NoSuchBucket",
    "AccountProblem",
    "ExpiredToken",
}


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
        self.address = address
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
        with self._errors(""):
            found = self.client.bucket_exists(self.address.bucket)
        if not found:
            raise StoreAccessError(
                "GENAI_S3_BUCKET", self.address.bucket, "the bucket does not exist", "Create it or name another"
            )

    def ensure(self) -> None:
        """Create the bucket where it is missing, then `check` it."""
        with suppress(_BucketPresentError), self._errors(""):
            self.client.make_bucket(self.address.bucket)
        self.check()

    def put_file(self, key: str, path: Path) -> None:
        """Upload a file, in parts where it is large."""
        with self._errors(key):
            self.client.fput_object(self.address.bucket, key, str(path))

    def put_bytes(
        self, key: str, data: bytes, *, if_none_match: bool = False, if_match: str | None = None
    ) -> str | None:
        """Write an object; returns its new ETag, or None where the condition did not hold."""
        headers = {"If-None-Match": "*"} if if_none_match else {"If-Match": f'"{if_match}"'} if if_match else {}
        try:
            with self._errors(key):
                # minio-py has no public argument for conditional writes
                result = self.client._put_object(self.address.bucket, key, data, headers=headers)
        except _ConditionError:
            return None
        return str(result.etag)

    def get_bytes(self, key: str) -> tuple[bytes, str]:
        """An object's bytes and its ETag; ArtifactNotFoundError where there is none."""
        with self._errors(key):
            response = self.client.get_object(self.address.bucket, key)
            try:
                return response.read(), response.headers.get("ETag", "").strip('"')
            finally:
                response.close()
                response.release_conn()

    def get_file(self, key: str, path: Path, sha256: str) -> None:
        """Download to `path`, verifying the digest; nothing is left where it differs."""
        partial = path.with_name(path.name + ".partial")
        try:
            with partial.open("wb") as file:
                self.verify(key, sha256, file.write)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)

    def verify(self, key: str, sha256: str, write: Callable[[bytes], object] = len) -> None:
        """Read an object through `write`, a chunk at a time; CorruptedArtifactError where its digest differs."""
        digest = hashlib.sha256()
        with self._errors(key):
            response = self.client.get_object(self.address.bucket, key)
            try:
                for chunk in response.stream(CHUNK):
                    digest.update(chunk)
                    write(chunk)
            finally:
                response.close()
                response.release_conn()
        if digest.hexdigest() != sha256:
            raise CorruptedArtifactError(
                f"s3://{self.address.bucket}/{key}",
                digest.hexdigest()[:12],
                f"the object's bytes do not match the manifest's sha256 {sha256[:12]}",
                "Restore the object from a backup, or run its step again with force_rerun",
            )

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket, on the server."""
        with self._errors(source):
            self.client.copy_object(self.address.bucket, target, CopySource(self.address.bucket, source))

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix."""
        with self._errors(prefix):
            return [
                str(item.object_name) for item in self.client.list_objects(self.address.bucket, prefix, recursive=True)
            ]

    def delete(self, keys: list[str]) -> None:
        """Delete objects; missing ones do not matter."""
        for key in keys:
            with self._errors(key):
                self.client.remove_object(self.address.bucket, key)

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        where = f"s3://{self.address.bucket}/{key}"
        try:
            yield
        except S3Error as error:
            if error.code in _MISSING:
                raise ArtifactNotFoundError(
                    where,
                    None,
                    "there is no such object",
                    "Run the step that writes it, with force_rerun if it is reused",
                ) from None
            if error.code == "PreconditionFailed" or error.response.status == 412:
                raise _ConditionError from None
            if error.code in _PRESENT:
                raise _BucketPresentError from None
            if error.code in _REFUSED or error.response.status in (401, 403):
                raise StoreAccessError(
                    "GENAI_S3_ACCESS_KEY",
                    self.address.access_key,
                    f"{self.address.endpoint} answers {error.code} for {where}",
                    "Correct the keys, the bucket or its policy",
                ) from None
            if error.code in _FULL or error.response.status == 507:
                raise DiskFullError(where, error.code, "the object store is full", "Give it room") from error
            raise StoreUnavailableError(
                where, error.code, f"the object store fails: {error.message}", "Look at its log, and at its free disk"
            ) from error
        except (HTTPError, InvalidResponseError, ServerError, ConnectionError) as error:
            raise StoreUnavailableError(
                "GENAI_S3_ENDPOINT",
                self.address.endpoint,
                f"the object store did not answer ({type(error).__name__})",
                "Start it or correct the address",
            ) from error


class _BucketPresentError(Exception):
    """The bucket to be made is there already."""


class _ConditionError(Exception):
    """If-Match or If-None-Match did not hold."""


def digest_file(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
