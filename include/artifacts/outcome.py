"""What a step did, and the record that a run keeps of it."""

from dataclasses import dataclass
from typing import Any

from include.artifacts.history import History, Place, RunRecord, now
from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore


@dataclass(frozen=True)
class Outcome:
    """What a step did: `reused` its committed artifact, or ran, and why."""

    ref: ArtifactRef
    reused: bool
    reason: str
    metrics: dict[str, Any]
    seconds: float


def record(store: ArtifactStore, place: Place, outcome: Outcome) -> None:
    """Keep what a task did, for plans, lineage and retention."""
    History(store.bucket).write(
        RunRecord(
            place=place,
            ref=outcome.ref,
            reused=outcome.reused,
            reason=outcome.reason,
            metrics=outcome.metrics,
            seconds=outcome.seconds,
            at=now(),
        )
    )


def reused(manifest: Manifest) -> Outcome:
    """The outcome of a step whose artifact is there."""
    return Outcome(manifest.ref, True, reason_of_reuse(manifest), manifest.metrics, manifest.seconds)


def reason_of_reuse(manifest: Manifest) -> str:
    """Since when the artifact is there, and which run made it."""
    made = f" in run {manifest.run.run_id}" if manifest.run else ""
    return f"reused: same code, configuration and inputs as on {manifest.created_at[:19]}{made}"
