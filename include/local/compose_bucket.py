"""Makes the bucket of the compose tier where it is missing: `python -m include.local.compose_bucket`."""

import sys

from minio.error import S3Error
from urllib3.exceptions import HTTPError

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import GenaiError, StoreUnavailableError
from include.core.settings import settings

_PRESENT = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def ensure_bucket(address: StoreAddress) -> None:
    """Create the bucket that GENAI_S3_BUCKET names unless it is there, and check that the keys reach it."""
    bucket = Bucket(address)
    try:
        bucket.client.make_bucket(address.bucket)
    except S3Error as error:
        # refused keys and policies are named by the check below
        if error.code not in _PRESENT | {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"}:
            raise
    except HTTPError as error:
        raise StoreUnavailableError(
            "GENAI_S3_ENDPOINT", address.endpoint, "the object store does not answer", "Start it or correct the address"
        ) from error
    bucket.check()


def main() -> int:
    """Ensure the bucket of the settings."""
    try:
        ensure_bucket(StoreAddress.of(settings()))
    except GenaiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
