"""The manifest: the file that is written last and makes an artifact exist."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.ref import ArtifactRef, Kind

REPORT_FILE = "report.html"


def canonical_json(value: Any) -> bytes:
    """One byte string for equal values, whatever their key order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256_of(value: Any) -> str:
    """SHA-256, in hex, of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


class FileEntry(BaseModel):
    """One file of an artifact. `path` is relative, with forward slashes; `size` is in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    size: int
    sha256: str


class FingerprintParts(BaseModel):
    """All that decides a step's result; the fingerprint is the digest of these parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: dict[str, str] = Field(description="Module or resource -> digest, comments and docstrings left out.")
    libraries: dict[str, str] = Field(description="Distribution -> version.")
    config: dict[str, Any] = Field(description="Argument -> value.")
    inputs: dict[str, Any] = Field(description="Argument -> digest or digests of artifacts.")

    def digest(self, step: str) -> str:
        """The fingerprint of `step` run on these parts."""
        return sha256_of({"step": step, **self.model_dump()})


class Manifest(BaseModel):
    """Everything known of one artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int = 1
    kind: Kind
    step: str
    fingerprint: str
    attempt: str = Field(description="Folder below the artifact's prefix that holds the files of the writer that won.")
    parts: FingerprintParts
    inputs: dict[str, ArtifactRef | list[ArtifactRef]]
    files: tuple[FileEntry, ...]
    metrics: dict[str, Any]
    created_at: str = Field(description="UTC, ISO 8601.")
    created_by: str
    seconds: float

    @property
    def digest(self) -> str:
        """Digest of paths and contents; pages for people do not count."""
        return sha256_of(
            [[f.path, f.sha256] for f in sorted(self.files, key=lambda f: f.path) if f.path != REPORT_FILE]
        )

    @property
    def ref(self) -> ArtifactRef:
        """The reference other steps receive."""
        return ArtifactRef(kind=self.kind, step=self.step, fingerprint=self.fingerprint, digest=self.digest)
