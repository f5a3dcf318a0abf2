"""Checkpoints of a running job in the object store: committed by their manifest, verified when read."""

import logging
import shutil
import socket
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.artifacts.manifest import FingerprintParts, Manifest, sha256_of
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import MANIFEST, ArtifactStore
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError, ModelError
from include.distributed.job import Job

KEPT = 2
_log = logging.getLogger("genai.distributed.job")


class Checkpoints:
    """The checkpoints of one job, by step number. Every rank calls every method; the ranks share one machine's disk.

    They belong to the owner's fingerprint: other code, configuration or inputs never resume from them.
    """

    def __init__(self, job: Job, steps: Iterable[int]) -> None:
        self.job, self.store = job, job.store()
        self.name = f"{job.step}.checkpoints"
        self.step_of = {self.fingerprint(step): step for step in steps}
        self.folder = job.scratch / "checkpoints"

    def fingerprint(self, step: int) -> str:
        """The fingerprint under which the checkpoint after `step` steps lies."""
        return sha256_of([self.job.fingerprint, step])

    def committed(self) -> list[int]:
        """Steps with a committed checkpoint, newest first."""
        prefix = artifact_prefix(self.name, "")
        found = [key.removeprefix(prefix).split("/") for key in self.store.bucket.keys(prefix)]
        manifests = [parts[0] for parts in found if len(parts) == 2 and parts[1] == MANIFEST]
        return sorted((self.step_of[name] for name in manifests if name in self.step_of), reverse=True)

    def save(self, engine: Any, step: int, state: dict[str, Any]) -> None:
        """Commit the checkpoint after `step` steps with the loop's `state`, then let go of all but the last two."""
        import torch.distributed as dist

        started = time.monotonic()
        tag = f"step-{step:08d}"
        engine.save_checkpoint(
            str(self.folder), tag=tag, client_state=state, save_latest=False, exclude_frozen_parameters=True
        )
        _save_random_state(self.folder / tag / f"random-{self.job.rank}.pt")
        dist.barrier()
        if self.job.rank == 0:
            self._commit(step, self.folder / tag, started)
            for old in self.committed()[KEPT:]:
                self.discard(old)
            shutil.rmtree(self.folder / tag)
        dist.barrier()

    def load(self, engine: Any) -> dict[str, Any] | None:
        """Restore the newest checkpoint whose bytes verify; its state, or None where there is none."""
        import torch.distributed as dist

        chosen: list[int | None] = [self._fetch_newest() if self.job.rank == 0 else None]
        dist.broadcast_object_list(chosen, src=0)
        if chosen[0] is None:
            return None
        tag = f"step-{chosen[0]:08d}"
        strict = all(parameter.requires_grad for parameter in engine.module.parameters())
        loaded, state = engine.load_checkpoint(str(self.folder), tag=tag, load_module_strict=strict)
        if loaded is None:
            raise ModelError(tag, str(self.folder), "DeepSpeed found nothing to load", "Run the step with force_rerun")
        _load_random_state(self.folder / tag / f"random-{self.job.rank}.pt")
        dist.barrier()
        if self.job.rank == 0:
            shutil.rmtree(self.folder / tag)
            _log.info("resumed from the checkpoint after step %d", chosen[0])
        return dict(state)

    def discard(self, step: int) -> None:
        """Delete a checkpoint: its manifest first, so that what is left of it is never seen."""
        prefix = artifact_prefix(self.name, self.fingerprint(step))
        self.store.bucket.delete([f"{prefix}/{MANIFEST}"])
        self.store.bucket.delete(self.store.bucket.keys(f"{prefix}/"))

    def _fetch_newest(self) -> int | None:
        for step in self.committed():
            target = self.folder / f"step-{step:08d}"
            try:
                _fetch(self.store, self.name, self.fingerprint(step), target)
            except (CorruptedArtifactError, ArtifactNotFoundError) as error:
                _log.warning("the checkpoint after step %d is discarded: %s", step, error)
                shutil.rmtree(target, ignore_errors=True)
                self.discard(step)
            else:
                return step
        return None

    def _commit(self, step: int, folder: Path, started: float) -> None:
        fingerprint = self.fingerprint(step)
        attempt, files = self.store.upload(artifact_prefix(self.name, fingerprint), folder)
        self.store.commit(
            Manifest(
                kind="checkpoint",
                step=self.name,
                fingerprint=fingerprint,
                attempt=attempt,
                parts=FingerprintParts(
                    code={},
                    libraries={},
                    config={"step": step, "ranks": self.job.ranks},
                    inputs={"job": self.job.fingerprint},
                ),
                inputs={},
                files=files,
                metrics={"step": step},
                created_at=datetime.now(UTC).isoformat(),
                created_by=f"{socket.gethostname()}:rank{self.job.rank}",
                seconds=round(time.monotonic() - started, 2),
            )
        )


def _fetch(store: ArtifactStore, name: str, fingerprint: str, target: Path) -> None:
    manifest = store.find(name, fingerprint)
    if manifest is None:
        raise ArtifactNotFoundError(name, fingerprint[:12], "its manifest is gone", "Resume from the one before")
    store.fetch(manifest.ref, target)


def _save_random_state(path: Path) -> None:
    import random

    import numpy as np
    import torch

    state = {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": np.random.get_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    torch.save(state, path)


def _load_random_state(path: Path) -> None:
    import random

    import numpy as np
    import torch

    # the bytes are verified against the manifest, so unpickling them is as safe as the store
    state = torch.load(path, weights_only=False)
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"])
