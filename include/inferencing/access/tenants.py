"""Tenants and API keys as `serving/access.json` holds them."""

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from include.artifacts.bucket import Bucket
from include.artifacts.document import Document
from include.core.errors import ChangedMeanwhileError, CorruptedArtifactError

ACCESS = "serving/access.json"
# of a tenant: any use case's own model; tenants' adapters are named exactly, always
EVERY_MODEL = "*"
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
MODEL = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?")


class Tenant(BaseModel):
    """Whom keys belong to. Rates are of each gateway: two gateways let twice as much through."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    models: tuple[str, ...] = Field((), description="`use_case`, `use_case:adapter`, or * for every use case.")
    requests_per_minute: int = Field(600, ge=1, le=1_000_000, description="Requests that are let in.")
    tokens_per_minute: int = Field(200_000, ge=1, le=1_000_000_000, description="Tokens of prompts and answers.")
    concurrent: int = Field(16, ge=1, le=10_000, description="Answers under way at once; as many more may wait.")
    max_prompt_chars: int = Field(100_000, ge=1, le=10_000_000, description="Longest prompt, in characters.")
    max_body_bytes: int = Field(1_000_000, ge=100, le=50_000_000, description="Largest request body.")
    consent: Literal["none", "opt_in", "opt_out"] = Field(
        "none", description="Whether exchanges may be sampled: never, where a request stores, unless it does not."
    )

    @field_validator("models")
    @classmethod
    def _are_names(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        for name in models:
            if not MODEL.fullmatch(name):
                raise ValueError(f"{name!r} is no model: write use_case, use_case:adapter or *")
        return models

    def may_ask(self, model: str) -> bool:
        """Whether the tenant may ask `model`, a name at the gateway."""
        return model in self.models or (EVERY_MODEL in self.models and ":" not in model)


class Key(BaseModel):
    """An API key without its secret: SHA-256 of it alone. Times are UTC, ISO 8601."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tenant: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None
    note: str = Field("", max_length=200)


class Access(BaseModel):
    """All tenants by name, and all keys by their ids."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tenants: dict[str, Tenant] = {}
    keys: dict[str, Key] = {}


def read_access(bucket: Bucket) -> tuple[Access, str | None]:
    """The document and its version; an empty one and None before the first tenant."""
    try:
        value, version = Document(bucket, ACCESS).read()
        return Access.model_validate(value or {}), version
    except ValueError as error:
        raise CorruptedArtifactError(
            ACCESS, str(error)[:200], "tenants and keys cannot be read", "Correct the document in the bucket"
        ) from error


def write_access(bucket: Bucket, access: Access, version: str | None) -> None:
    """Replace the document; ChangedMeanwhileError where somebody else changed it since it was read."""
    if not Document(bucket, ACCESS).swap(access.model_dump(mode="json"), version):
        raise ChangedMeanwhileError(ACCESS, version, "tenants or keys changed meanwhile", "Try again")
