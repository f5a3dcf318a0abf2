"""API keys: made, looked up and revoked. A key is `genai-<id>-<secret>`, its secret 32 random bytes.

Of a secret that nobody chose SHA-256 is enough: there is nothing to guess, and a slow hash would let strangers burn
the gateway's processors.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from include.artifacts.bucket import Bucket
from include.artifacts.history import now
from include.core.errors import ChangedMeanwhileError, ConfigurationError
from include.inferencing.access.tenants import PLAIN, Access, Key, Tenant, read_access, write_access

FORM = re.compile(r"genai-([0-9a-f]{12})-([A-Za-z0-9_-]{43})")
TRIES = 20
# compared with where a key's id is unknown, so that both take the same time
NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


def new_key() -> str:
    """A fresh key; whoever holds it is the tenant."""
    return f"genai-{secrets.token_hex(6)}-{secrets.token_urlsafe(32)}"


def split_key(key: str) -> tuple[str, str] | None:
    """Id and SHA-256 of the secret; None for what is no key."""
    found = FORM.fullmatch(key)
    return (found[1], hashlib.sha256(found[2].encode()).hexdigest()) if found else None


def find_tenant(access: Access, key: str, moment: datetime) -> tuple[str, str] | None:
    """Key id and tenant; None alike for unknown, expired and revoked keys."""
    parts = split_key(key)
    identifier, digest = parts or ("", NOBODY)
    entry = access.keys.get(identifier)
    same = hmac.compare_digest(entry.sha256 if entry else NOBODY[::-1], digest)
    if not same or entry is None or entry.revoked_at or entry.tenant not in access.tenants:
        return None
    if entry.expires_at and datetime.fromisoformat(entry.expires_at) <= moment:
        return None
    return identifier, entry.tenant


def create_key(bucket: Bucket, tenant: str, days: float | None = None, note: str = "", key: str | None = None) -> str:
    """Give `tenant` a key (a fresh one, unless `key` is given) and return it: it is written down nowhere."""
    key = key or new_key()
    parts = split_key(key)
    if parts is None:
        raise ConfigurationError("key", "***", "it is no key of the form genai-<id>-<secret>", "Let one be made")
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds") if days else None
    entry = Key(tenant=tenant, sha256=parts[1], created_at=now(), expires_at=expires, note=note)

    def add(access: Access) -> Access:
        if tenant not in access.tenants:
            raise _unknown("tenant", tenant, access.tenants)
        return access.model_copy(update={"keys": access.keys | {parts[0]: entry}})

    change(bucket, add)
    return key


def revoke_key(bucket: Bucket, identifier: str) -> Key:
    """Revoke a key by its id, or by itself; gateways refuse it within two seconds."""
    identifier = (split_key(identifier) or (identifier, ""))[0]

    def revoke(access: Access) -> Access:
        entry = access.keys.get(identifier)
        if entry is None:
            raise _unknown("key id", identifier, access.keys)
        revoked = entry.model_copy(update={"revoked_at": entry.revoked_at or now()})
        return access.model_copy(update={"keys": access.keys | {identifier: revoked}})

    return change(bucket, revoke).keys[identifier]


def put_tenant(bucket: Bucket, name: str, changes: dict[str, object]) -> Tenant:
    """Make a tenant, or change what `changes` names of one."""
    if not PLAIN.fullmatch(name):
        raise ConfigurationError("tenant", name, "is no plain name", "Use up to 63 letters, digits, ., _ and -")

    def put(access: Access) -> Access:
        before = access.tenants.get(name, Tenant()).model_dump()
        return access.model_copy(update={"tenants": access.tenants | {name: _tenant(before | changes)}})

    return change(bucket, put).tenants[name]


def delete_tenant(bucket: Bucket, name: str) -> int:
    """Delete a tenant with all its keys; how many those were."""
    gone: list[str] = []

    def delete(access: Access) -> Access:
        if name not in access.tenants:
            raise _unknown("tenant", name, access.tenants)
        gone[:] = [identifier for identifier, key in access.keys.items() if key.tenant == name]
        keys = {identifier: key for identifier, key in access.keys.items() if identifier not in gone}
        tenants = {other: tenant for other, tenant in access.tenants.items() if other != name}
        return Access(tenants=tenants, keys=keys)

    change(bucket, delete)
    return len(gone)


def change(bucket: Bucket, edit: Callable[[Access], Access]) -> Access:
    """Apply `edit` to the document by compare-and-swap, again where somebody was faster."""
    for remaining in reversed(range(TRIES)):
        access, version = read_access(bucket)
        edited = edit(access)
        try:
            if edited != access:
                write_access(bucket, edited, version)
            return edited
        except ChangedMeanwhileError:
            if not remaining:
                raise
    raise AssertionError


def _tenant(values: dict[str, object]) -> Tenant:
    try:
        return Tenant.model_validate(values)
    except ValueError as error:
        first = error.errors()[0]  # type: ignore[attr-defined]
        field = str(first["loc"][0])
        raise ConfigurationError(field, first["input"], first["msg"], "See genai keys tenant --help") from None


def _unknown(field: str, name: str, known: object) -> ConfigurationError:
    names = ", ".join(sorted(known)) if isinstance(known, dict) and known else "none"
    return ConfigurationError(field, name, f"there is no such {field}; there are: {names}", "See genai keys list")
