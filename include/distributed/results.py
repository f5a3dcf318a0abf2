"""What rank 0 gives back to an owner on another machine: through the store."""

import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

from include.artifacts.manifest import FingerprintParts, Manifest
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import MANIFEST, ArtifactStore


def send_results(store: ArtifactStore, step: str, job: str, fingerprint: str, folder: Path) -> None:
    """Commit what rank 0 wrote; it is swept like the job's checkpoints where nobody fetches it."""
    name = _name(step)
    attempt, files = store.upload(artifact_prefix(name, fingerprint), folder)
    store.commit(
        Manifest(
            kind="checkpoint",
            step=name,
            fingerprint=fingerprint,
            attempt=attempt,
            parts=FingerprintParts(code={}, libraries={}, config={}, inputs={"job": job}),
            inputs={},
            files=files,
            metrics={},
            created_at=datetime.now(UTC).isoformat(),
            created_by=socket.gethostname(),
            seconds=0,
        )
    )


def fetch_results(store: ArtifactStore, step: str, fingerprint: str, folder: Path) -> bool:
    """Fetch what rank 0 committed to `folder`, and delete it in the store; False where it committed nothing."""
    name = _name(step)
    found = store.find(name, fingerprint)
    if found is None:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    store.fetch(found.ref, folder)
    prefix = artifact_prefix(name, fingerprint)
    store.bucket.delete([f"{prefix}/{MANIFEST}"])
    store.bucket.delete(store.bucket.keys(f"{prefix}/"))
    return True


def _name(step: str) -> str:
    return f"{step}.checkpoints"
