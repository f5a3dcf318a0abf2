"""Whether an endpoint honours conditional writes, on which every commit rests."""

import uuid

from include.artifacts.bucket import Bucket
from include.core.errors import StoreAccessError

PROBES = "probes/"


def check_conditions(bucket: Bucket) -> None:
    """StoreAccessError unless the endpoint honours If-None-Match and If-Match."""
    key = f"{PROBES}{uuid.uuid4().hex}"
    try:
        first = bucket.put_bytes(key, b"1", if_none_match=True)
        kept = {
            "creates an object under If-None-Match": first is not None,
            "refuses If-None-Match where there is one": not bucket.put_bytes(key, b"2", if_none_match=True),
            "refuses If-Match with another ETag": not bucket.put_bytes(key, b"3", if_match="0" * 32),
            "writes under If-Match with the right ETag": bool(first and bucket.put_bytes(key, b"4", if_match=first)),
        }
    finally:
        bucket.delete([key])
    missing = [promise for promise, holds in kept.items() if not holds]
    if missing:
        raise StoreAccessError(
            "GENAI_S3_ENDPOINT",
            bucket.address.endpoint,
            f"of conditional writes this does not hold: it {'; it '.join(missing)}",
            "Two writers could both win there. Use AWS S3, a MinIO of 2024 or later, or SeaweedFS",
        )
