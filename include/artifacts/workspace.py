"""What a running step sees of the world."""

import fcntl
import logging
import shutil
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import REPORT_FILE, sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore


class Measured(NamedTuple):
    """What a step may know of an input beside its bytes: no more than its fingerprint covers."""

    metrics: dict[str, Any]
    inputs: dict[str, ArtifactRef | list[ArtifactRef]]


class Workspace:
    """What a running step sees: its inputs on local disk, a folder to write to, metrics to fill."""

    def __init__(
        self,
        store: ArtifactStore,
        step: str,
        fingerprint: str,
        folder: Path,
        measured: tuple[ArtifactRef, ...] = (),
        job: str = "",
    ) -> None:
        self.store, self.step, self.fingerprint = store, step, fingerprint
        # what checkpoints are kept under: a forced run does not go on from those of the run before
        self.job = job or fingerprint
        self.folder, self.output = folder, folder / "output"
        self.output.mkdir(parents=True)
        self.metrics: dict[str, Any] = {}
        self.log = logging.getLogger(f"genai.{step}")
        self._measured = measured

    def fetch(self, ref: ArtifactRef, *, only: str = "") -> Path:
        """A verified local copy of an artifact, or of its files whose path starts with `only`.

        The page for people is left out: it does not count in the artifact's digest.
        """
        return local_copy(self.store, self.folder, ref, only)

    def manifest(self, ref: ArtifactRef) -> Measured:
        """What is known of an input: its metrics and its own inputs.

        TypeError where the step does not declare it by `measures`: its result would depend on what its
        fingerprint does not cover.
        """
        if ref not in self._measured:
            raise TypeError(f"{self.step} reads the metrics of {ref}: name the argument in @step(measures=...)")
        found = self.store.manifest(ref)
        return Measured(found.metrics, found.inputs)

    @property
    def address(self) -> StoreAddress:
        """The object store's address, for child processes."""
        return self.store.bucket.address


def local_copy(store: ArtifactStore, folder: Path, ref: ArtifactRef, only: str = "") -> Path:
    """A verified copy below `folder`, made once, whatever number of processes asks; without the page for people."""
    target = folder / "inputs" / f"{ref.fingerprint[:16]}{quote(only, safe='')}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f"{target.name}.lock").open("w") as guard:
        # whoever waits here finds the copy; a killed holder's lock is free
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not target.exists():
            partial = folder / "fetching" / target.name
            shutil.rmtree(partial, ignore_errors=True)
            store.fetch(ref, partial, only=only)
            (partial / REPORT_FILE).unlink(missing_ok=True)
            partial.rename(target)
    return target


def forced_job(fingerprint: str, run_id: str) -> str:
    """A forced run's `job`: its retries go on where it stopped, another forced run begins anew."""
    return sha256_of([fingerprint, run_id])
