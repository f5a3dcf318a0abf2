"""References to artifacts: what steps hand each other instead of bytes."""

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["charter", "dataset", "tokenizer", "checkpoint", "model", "adapter", "report", "package", "deployment"]


_ARTIFACT = re.compile(r"(?!(?:runs|aliases)/)([^/]+(?:/[^/]+)*?)/([0-9a-f]{64})/")


class ArtifactRef(BaseModel):
    """Names one committed artifact. Small and JSON-safe: it travels through XCom and manifests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    step: str = Field(description="Step that wrote it, e.g. data_preparation.anonymize; also its storage prefix.")
    fingerprint: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="Digest of the step's code, configuration and inputs."
    )
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the artifact's files, reports left out.")

    @property
    def prefix(self) -> str:
        """Folder of the artifact in the bucket, without a slash at the end."""
        return artifact_prefix(self.step, self.fingerprint)

    def __str__(self) -> str:
        return f"{self.step}/{self.fingerprint[:12]}"


def artifact_prefix(step: str, fingerprint: str) -> str:
    """`data_preparation.anonymize`, `ab12..` -> `data_preparation/anonymize/ab12..`."""
    return f"{step.replace('.', '/')}/{fingerprint}"


def split_prefix(key: str) -> tuple[str, str, str] | None:
    """Step, fingerprint and prefix of the artifact that an object belongs to; None for any other object."""
    found = _ARTIFACT.match(key)
    return (found[1].replace("/", "."), found[2], f"{found[1]}/{found[2]}") if found else None


def references_in(value: Any) -> Iterator[ArtifactRef]:
    """Every reference in a value, at any depth, as an object or as JSON."""
    if isinstance(value, ArtifactRef):
        yield value
    elif isinstance(value, dict):
        try:
            yield ArtifactRef.model_validate(value)
        except ValidationError:
            for inner in value.values():
                yield from references_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from references_in(inner)
