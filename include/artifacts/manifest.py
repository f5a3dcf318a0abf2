"""The manifest: the file that is written last and makes an artifact exist."""

import hashlib
import json
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.ref import ArtifactRef, Kind, artifact_prefix

REPORT_FILE = "report.html"
FORMAT: Final = 2


def canonical_json(value: Any) -> bytes:
    """One byte string for equal values, whatever their key order; TypeError for what JSON would blur."""
    _refuse_blurred(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_blurred(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key is {key!r}: JSON would make it equal to a text")
            _refuse_blurred(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_blurred(inner)


def sha256_of(value: Any) -> str:
    """SHA-256, in hex, of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


class FileEntry(BaseModel):
    """One file of an artifact. `path` is relative, with forward slashes; `size` is in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    size: int = Field(ge=0)
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the bytes, or, of a file in blocks, of its blocks' SHA-256 digests one after another.",
    )
    block: int = Field(0, ge=0, description="Bytes of a block, the last one may be shorter; 0: the file is one block.")


def file_key(attempt: str, entry: FileEntry) -> str:
    """Key of a file below the prefix of an attempt."""
    return f"{attempt}/{entry.sha256[:16]}/{entry.path}"


class RunName(BaseModel):
    """A run of a use case, and the moment whose data it looks at."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    use_case: str
    run_id: str
    as_of: str = Field(description="Records from this moment on do not exist for the run; UTC, ISO 8601.")


class FingerprintParts(BaseModel):
    """All that decides a step's result; the fingerprint is the digest of these parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: dict[str, str] = Field(description="Module or resource -> digest, comments and docstrings left out.")
    libraries: dict[str, str] = Field(description="Distribution -> version.")
    config: dict[str, Any] = Field(description="Argument -> value.")
    inputs: dict[str, Any] = Field(description="Argument -> digest or digests of artifacts.")

    def digest(self, step: str) -> str:
        """The fingerprint of `step` run on these parts."""
        return sha256_of({"format": FORMAT, "step": step, **self.model_dump()})


class Manifest(BaseModel):
    """Everything known of one artifact."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[2] = FORMAT
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
    run: RunName | None = Field(None, description="The run that made it; none where a person called the step.")
    seconds: float

    @property
    def digest(self) -> str:
        """Digest of paths and contents; pages for people do not count."""
        return sha256_of(
            [[f.path, f.sha256] for f in sorted(self.files, key=lambda f: f.path) if f.path != REPORT_FILE]
        )

    def key(self, entry: FileEntry) -> str:
        """Where a file's bytes are. The name depends on them, so that no writer can change another's."""
        # not self.ref: its digest goes over all files
        return file_key(f"{artifact_prefix(self.step, self.fingerprint)}/{self.attempt}", entry)

    @property
    def ref(self) -> ArtifactRef:
        """The reference other steps receive."""
        return ArtifactRef(kind=self.kind, step=self.step, fingerprint=self.fingerprint, digest=self.digest)
