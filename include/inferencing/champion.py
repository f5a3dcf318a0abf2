"""The champion alias: which package serves a use case. It changes by compare-and-swap only."""

import re

from pydantic import BaseModel, ConfigDict

from include.artifacts.bucket import Bucket
from include.artifacts.document import Document
from include.artifacts.ref import ArtifactRef
from include.core.errors import ConfigurationError, CorruptedArtifactError

ALIASES = "aliases/"
NAME = "/champion.json"


class Serving(BaseModel):
    """A package under the name it has on Triton."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model_name: str
    package: ArtifactRef


class Champion(Serving):
    """The package that serves, the one before it, and when (UTC, ISO 8601) it took over."""

    previous: Serving | None
    moved_at: str


def model_name(use_case: str, package: ArtifactRef) -> str:
    """The package's name on Triton: letters, digits, _ and - only."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', use_case)}-{package.digest[:12]}"


def document(bucket: Bucket, use_case: str) -> Document:
    """The use case's champion alias."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", use_case):
        raise ConfigurationError("use_case", use_case, "is no plain name", "Use letters, digits, ., _ and -")
    return Document(bucket, f"{ALIASES}{use_case}{NAME}")


def read(bucket: Bucket, use_case: str) -> tuple[Champion | None, str | None]:
    """The champion and the alias's version; (None, None) before the first deployment."""
    alias = document(bucket, use_case)
    try:
        value, version = alias.read()
        return (None, None) if value is None else (Champion.model_validate(value), version)
    except ValueError as error:  # no JSON, or no champion
        raise CorruptedArtifactError(
            alias.key, str(error)[:200], "the champion alias cannot be read", "Delete it and deploy again"
        ) from error


def use_cases(bucket: Bucket) -> list[str]:
    """Use cases that have a champion."""
    return [key[len(ALIASES) : -len(NAME)] for key in bucket.keys(ALIASES) if key.endswith(NAME)]
