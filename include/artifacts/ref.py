"""References to artifacts: what steps hand each other instead of bytes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["charter", "dataset", "checkpoint", "model", "adapter", "report", "package", "deployment"]


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
