"""The tenant of a local stack's own commands."""

from include.artifacts.bucket import Bucket
from include.inferencing.access.keys import create_key, put_tenant, split_key
from include.inferencing.access.tenants import EVERY_MODEL, read_access

LOCAL = "local"
# the owner of the machine keeps nobody out but by the machine itself
GENEROUS = {"requests_per_minute": 10_000, "tokens_per_minute": 5_000_000, "concurrent": 64, "consent": "opt_in"}


def ensure_local_tenant(bucket: Bucket, key: str) -> None:
    """Let `key` ask every use case's model; what was made of the tenant since, a revocation included, stays."""
    access, _ = read_access(bucket)
    identifier = (split_key(key) or ("", ""))[0]
    if LOCAL not in access.tenants:
        put_tenant(bucket, LOCAL, GENEROUS | {"models": [EVERY_MODEL]})
    if identifier not in access.keys:
        create_key(bucket, LOCAL, note="the local stack's own", key=key)
