"""Questions and answers that may be kept, as a gateway has them and as they lie in the store, scrubbed.

`feedback/<use case>/exchanges/<day>/<gateway>-<n>.jsonl` has the sampled ones; what users said of answers lies beside
them (include/feedback/said.py).
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError
from include.feedback.said import FEEDBACK, Said, read_said

__all__ = ["Consent", "Exchange", "Said", "StoredExchange", "read_exchanges", "read_said", "tenant_digest"]

Consent = Literal["none", "opt_in", "opt_out"]


@dataclass(frozen=True)
class Exchange:
    """One answer as the gateway gave it: texts as they are, which never leave memory but for the scrubber's."""

    id: str
    tenant: str
    consent: Consent
    use_case: str
    model: str
    """The name it was asked by: the use case, or `<use case>:<adapter>`."""
    triton_model: str
    messages: Sequence[dict[str, str]]
    """role and content, in order; a bare prompt is one message of the user's."""
    answer: str
    finish_reason: str
    store: bool | None = None
    """The request's own flag; None where it has none."""
    at: str = ""
    """When it was answered, ISO 8601 in UTC."""

    @property
    def question(self) -> str:
        """The user's last message."""
        return next((one["content"] for one in reversed(self.messages) if one["role"] == "user"), "")

    @property
    def consented(self) -> bool:
        """Whether tenant and request let it be kept."""
        return consents(self.consent, self.store)


def consents(consent: Consent, store: bool | None) -> bool:
    """Never for a tenant with `none`; with `opt_in` where the request says so, with `opt_out` unless it says no."""
    return (consent == "opt_out" and store is not False) or (consent == "opt_in" and store is True)


class StoredExchange(BaseModel):
    """A sampled exchange, scrubbed; `tenant` is a keyed digest, `at` is ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: str
    tenant: str
    model: str
    triton_model: str
    question: str = Field(description="The user's last message.")
    answer: str
    finish_reason: str
    turns: int = Field(1, ge=1, description="Messages of the conversation up to the question.")
    consent: Consent


def tenant_digest(key: bytes, tenant: str) -> str:
    """What stands for a tenant: equal for equal ones, and no name without the deployment's key."""
    return hmac.digest(key, f"genai: tenant\0{tenant}".encode(), "sha256").hex()[:16]


def exchanges_prefix(use_case: str) -> str:
    """Where all sampled exchanges of a use case lie."""
    return f"{FEEDBACK}{use_case}/exchanges/"


def write_exchanges(bucket: Bucket, use_case: str, gateway: str, exchanges: Sequence[StoredExchange]) -> None:
    """Write a file of scrubbed exchanges, under the day of the first."""
    first = datetime.fromisoformat(exchanges[0].at).astimezone(UTC)
    number = int(first.timestamp() * 1_000_000)
    key = f"{exchanges_prefix(use_case)}{first.date().isoformat()}/{gateway}-{number}.jsonl"
    bucket.put_bytes(key, "".join(f"{one.model_dump_json()}\n" for one in exchanges).encode())


def read_exchanges(bucket: Bucket, use_case: str, since: datetime, until: datetime) -> Iterator[StoredExchange]:
    """The sampled exchanges of [since, until), file by file."""
    prefix, first, last = exchanges_prefix(use_case), since.astimezone(UTC).date(), until.astimezone(UTC).date()
    for key in bucket.keys(prefix):
        # a file lies under the day of its first exchange, and none is open for as long as a day
        day = key.removeprefix(prefix)[:10]
        if not (first - timedelta(days=1)).isoformat() <= day <= last.isoformat():
            continue
        try:
            lines = bucket.get_bytes(key)[0].splitlines()
        except ArtifactNotFoundError:
            continue
        found = (StoredExchange.model_validate_json(line) for line in lines)
        yield from (one for one in found if since <= datetime.fromisoformat(one.at) < until)
