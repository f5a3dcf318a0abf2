"""What serving has been scaled to: `serving/scale.json`, changed by compare-and-swap.

The scaler writes it. Gateways send requests to the first `servers` addresses only; whoever loads a model gives it
`instances_of(model)`.
"""

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import Bucket
from include.artifacts.document import Document
from include.core.errors import CorruptedArtifactError

SCALE = "serving/scale.json"
MOST_CHANGES = 100


class Change(BaseModel):
    """What changed: when (UTC, ISO 8601), to how many servers that get requests (where somebody else starts them: that
    answer) with how many instances of each model, why."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: str
    servers: int
    instances: dict[str, int]
    reason: str


class Scale(BaseModel):
    """How many servers get requests, and how many instances of a model each of them has."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    servers: int = Field(0, ge=0, description="Of the addresses, the first so many get requests; 0: all of them.")
    wanted: int = Field(0, ge=0, description="Servers that the last decision asks for; they may still be starting.")
    instances: dict[str, int] = Field(default_factory=dict, description="Instances in each server, by model.")
    since: str = Field("", description="When `servers` changed last; UTC, ISO 8601.")
    reason: str = Field("", description="Why the last decision is as it is, for people.")
    changes: tuple[Change, ...] = Field((), description="The newest changes, the last one last; bounded.")

    def instances_of(self, model: str) -> int:
        """Instances that a server has of a model on Triton; 1 where nothing was decided."""
        return self.instances.get(model, 1)

    def routed(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """The addresses that get requests."""
        return tuple(addresses[: self.servers] if self.servers else addresses)


def document(bucket: Bucket) -> Document:
    """The document of the scale."""
    return Document(bucket, SCALE)


def read_scale(bucket: Bucket) -> Scale:
    """The scale as it stands; before the first decision all addresses get requests, one instance each."""
    return _read(bucket)[0]


def _read(bucket: Bucket) -> tuple[Scale, str | None]:
    value, version = document(bucket).read()
    try:
        return Scale.model_validate(value or {}), version
    except ValueError as error:
        raise CorruptedArtifactError(
            SCALE, str(error)[:200], "the scale cannot be read", "Delete it: the scaler decides anew"
        ) from error


def change_scale(bucket: Bucket, changed: Callable[[Scale], Scale]) -> Scale:
    """Put `changed(scale)` in the place of the scale as it stands, again where another writer was first."""
    while True:
        scale, version = _read(bucket)
        wanted = changed(scale)
        kept = wanted.model_copy(update={"changes": wanted.changes[-MOST_CHANGES:]})
        if kept == scale or document(bucket).swap(kept.model_dump(mode="json"), version):
            return kept
