"""Names of answers that say, to whoever has the deployment's key, when they were given to whom by which use case.

So any gateway knows whether a tenant may speak of an answer, however long ago and whichever gateway gave it.
"""

import base64
import hmac
import os
from collections.abc import Iterable
from datetime import UTC, datetime

_MOMENT, _CHANCE, _TAG = 6, 8, 10  # bytes
_BODY = _MOMENT + _CHANCE


def new_id(key: bytes, tenant: str, use_case: str, prefix: str = "chatcmpl-") -> str:
    """A fresh id, such as chatcmpl-AZrL3..., 32 characters after its prefix."""
    moment = int(datetime.now(UTC).timestamp() * 1000)
    body = moment.to_bytes(_MOMENT, "big") + os.urandom(_CHANCE)
    return prefix + base64.urlsafe_b64encode(body + _tag(key, tenant, use_case, prefix, body)).decode()


def opened(key: bytes, name: str, tenant: str, use_cases: Iterable[str]) -> tuple[datetime, str] | None:
    """When an answer was given and by which of `use_cases`; None where it was not given to `tenant` by one of them."""
    prefix, dash, rest = name.partition("-")
    try:
        whole = base64.b64decode(rest, altchars=b"-_", validate=True)
    except ValueError:
        return None
    # one answer has one name: another way to write it would be another answer to all that keeps what is said of it
    if base64.urlsafe_b64encode(whole).decode() != rest:
        return None
    body, tag = whole[:_BODY], whole[_BODY:]
    for use_case in use_cases:
        if hmac.compare_digest(tag, _tag(key, tenant, use_case, prefix + dash, body)):
            return datetime.fromtimestamp(int.from_bytes(body[:_MOMENT], "big") / 1000, UTC), use_case
    return None


def _tag(key: bytes, tenant: str, use_case: str, prefix: str, body: bytes) -> bytes:
    # no tenant, use case or prefix has a zero byte
    parts = (b"genai: answer", tenant.encode(), use_case.encode(), prefix.encode(), body)
    return hmac.digest(key, b"\0".join(parts), "sha256")[:_TAG]
