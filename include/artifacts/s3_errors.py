"""S3's answers as this project's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from minio.error import InvalidResponseError, S3Error, ServerError
from urllib3.exceptions import HTTPError

from include.core.errors import (
    ArtifactNotFoundError,
    CorruptedArtifactError,
    DiskFullError,
    StoreAccessError,
    StoreUnavailableError,
)

_MISSING = {"NoSuchKey", "NoSuchObject"}
_PRESENT = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
_CONFLICT = {"ConditionalRequestConflict", "OperationAborted"}
_FULL = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded"}
_REFUSED = {
    "NotImplemented",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "NoSuchBucket",
    "AccountProblem",
    "ExpiredToken",
}


class BucketPresentError(Exception):
    """The bucket to be made is there already."""


class ConflictError(StoreUnavailableError):
    """Another conditional write of the key is under way."""


class ConditionError(Exception):
    """If-Match or If-None-Match did not hold."""


@contextmanager
def translated(where: str, endpoint: str, access_key: str) -> Iterator[None]:
    """What goes wrong inside, as this project's errors about the object `where`."""
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
            raise ConditionError from None
        if error.code in _CONFLICT:
            raise ConflictError(where, error.code, "another write of it is under way", "Try again") from None
        if error.code in _PRESENT:
            raise BucketPresentError from None
        if error.code in _REFUSED or error.response.status in (401, 403, 501):
            raise StoreAccessError(
                "GENAI_S3_ACCESS_KEY",
                access_key,
                f"{endpoint} answers {error.code} for {where}",
                "Correct the keys, the bucket or its policy",
            ) from None
        if error.code == "InvalidRange":
            raise CorruptedArtifactError(
                where, None, "the object is shorter than its manifest says", "Run its step again with force_rerun"
            ) from None
        if error.code in _FULL or error.response.status == 507:
            raise DiskFullError(where, error.code, "the object store is full", "Give it room") from error
        raise StoreUnavailableError(
            where, error.code, f"the object store fails: {error.message}", "Look at its log, and at its free disk"
        ) from error
    except (HTTPError, InvalidResponseError, ServerError, ConnectionError) as error:
        raise StoreUnavailableError(
            "GENAI_S3_ENDPOINT",
            endpoint,
            f"the object store did not answer ({type(error).__name__})",
            "Start it or correct the address",
        ) from error
