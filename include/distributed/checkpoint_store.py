"""Checkpoints of a running job in the object store: written beside training, committed by their manifest, verified."""

import logging
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.manifest import FileEntry, FingerprintParts, Manifest, sha256_of
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import MANIFEST, new_attempt
from include.artifacts.workspace import local_copy
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError, JobFailedError
from include.distributed.job import Job
from include.distributed.messages import tell_owner
from include.distributed.writer import Meeting, Writer

KEPT = 2
_log = logging.getLogger("genai.distributed.job")


class Found(NamedTuple):
    """A checkpoint of this job whose bytes verify: all files of it lie in `folder`, on each host."""

    step: int
    facts: dict[str, Any]
    folder: Path


class CheckpointStore:
    """The checkpoints of one job, by step. All ranks call `newest`, `begin`, `check` and `close`, and in one order.

    They belong to the owner's fingerprint: other code, configuration or inputs never resume from them.
    """

    def __init__(self, job: Job, steps: Iterable[int]) -> None:
        self.job, self.name = job, f"{job.step}.checkpoints"
        self.step_of = {self.fingerprint(step): step for step in steps}
        self.folder = job.scratch / "checkpoints"
        self.store, self._writer = job.store(), Writer()
        self._meeting: Meeting | None = None
        self._kept: list[int] = []

    def fingerprint(self, step: int) -> str:
        """The fingerprint under which the checkpoint after `step` steps lies."""
        return sha256_of([self.job.fingerprint, step])

    def newest(self) -> Found | None:
        """The newest checkpoint that verifies on every host; damaged ones are deleted for the one before.

        JobFailedError where there were checkpoints and none verifies: the next try begins anew, and has said so.
        """
        import torch.distributed as dist

        told: list[Any] = [self._committed() if self.job.rank == 0 else []]
        dist.broadcast_object_list(told, src=0)
        for step, fingerprint in told[0]:
            problem = self._fetch(fingerprint)
            problems: list[str | None] = [None] * self.job.ranks
            dist.all_gather_object(problems, problem)
            if not any(problems):
                manifest = self.store.find(self.name, fingerprint)
                assert manifest
                self._kept = [step, *(other for other, _ in told[0] if other < step)]
                return Found(step, manifest.parts.config, self._local(fingerprint))
            if self.job.rank == 0:
                _log.warning("the checkpoint after step %d is discarded: %s", step, next(filter(None, problems)))
                self.discard(step)
        if told[0]:
            steps = ", ".join(str(step) for step, _ in told[0])
            raise JobFailedError(
                "checkpoints",
                steps,
                "none of them is whole",
                "They are deleted: run the step again, from its beginning",
            )
        return None

    def make_ready(self) -> None:
        """Wait for the checkpoint before, whose source a new one overwrites; raise what went wrong with it."""
        waited = time.monotonic()
        self.wait()
        if (seconds := time.monotonic() - waited) > 1 and self.job.rank == 0:
            _log.info("training waited %.1f s for the checkpoint before: save less often or to a faster store", seconds)

    def begin(self, step: int, facts: dict[str, Any], make: Callable[[Path], None]) -> None:
        """Write this rank's files of the checkpoint after `step` steps, in the background.

        `make` fills a folder of this rank's own; `facts` go into the manifest. Call `make_ready` first.
        """
        import torch.distributed as dist

        if self.job.ranks > 1 and self._meeting is None:
            self._meeting = Meeting(self.job.rank, self.job.ranks)
        attempt = [new_attempt() if self.job.rank == 0 else ""]
        dist.broadcast_object_list(attempt, src=0)
        self._writer.begin(lambda: self._write(step, facts, attempt[0], make))

    def check(self) -> None:
        """After each step: raise what went wrong in the background, if it has ended."""
        self._writer.check()

    def writing(self) -> bool:
        """Whether this rank's last write goes on."""
        return self._writer.busy

    def wait(self) -> None:
        """Return when this rank's last write has ended; raise what went wrong."""
        self._writer.wait()

    def discard(self, step: int) -> None:
        """Delete a checkpoint: its manifest first, so that what is left of it is never seen."""
        prefix = artifact_prefix(self.name, self.fingerprint(step))
        self.store.bucket.delete([f"{prefix}/{MANIFEST}"])
        self.store.bucket.delete(self.store.bucket.keys(f"{prefix}/"))

    def _committed(self) -> list[tuple[int, str]]:
        """Steps with a committed checkpoint and their fingerprints, newest first."""
        prefix = artifact_prefix(self.name, "")
        found = [key.removeprefix(prefix).split("/") for key in self.store.bucket.keys(prefix)]
        names = [parts[0] for parts in found if len(parts) == 2 and parts[1] == MANIFEST and parts[0] in self.step_of]
        return sorted(((self.step_of[name], name) for name in names), reverse=True)

    def _local(self, fingerprint: str) -> Path:
        return self.folder / "inputs" / fingerprint[:16]

    def _fetch(self, fingerprint: str) -> str | None:
        """Make this host's copy; what is wrong with the checkpoint where there is none."""
        try:
            manifest = self.store.find(self.name, fingerprint)
            if manifest is None:
                return "its manifest is gone"
            local_copy(self.store, self.folder, manifest.ref)
        except (CorruptedArtifactError, ArtifactNotFoundError) as error:
            return str(error)
        return None

    def _write(self, step: int, facts: dict[str, Any], attempt: str, make: Callable[[Path], None]) -> None:
        started, folder = time.monotonic(), self.folder / f"rank-{self.job.rank}"
        prefix = artifact_prefix(self.name, self.fingerprint(step))
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            _, files = self.store.upload(prefix, folder, attempt=attempt)
        except Exception as error:
            if self._meeting:
                self._meeting.tell(attempt, error)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        everything = {entry.path: entry for entry in files}
        if self._meeting:
            self._meeting.tell(attempt, [entry.model_dump() for entry in files])
            if self.job.rank == 0:
                heard = [FileEntry.model_validate(told) for found in self._meeting.hear(attempt) for told in found]
                everything = {entry.path: entry for entry in heard}
        if self.job.rank == 0:
            self._commit(step, facts, attempt, tuple(everything[path] for path in sorted(everything)), started)

    def _commit(
        self, step: int, facts: dict[str, Any], attempt: str, files: tuple[FileEntry, ...], started: float
    ) -> None:
        self.store.commit(
            Manifest(
                kind="checkpoint",
                step=self.name,
                fingerprint=self.fingerprint(step),
                attempt=attempt,
                parts=FingerprintParts(
                    code={},
                    libraries={},
                    config={"step": step, "ranks": self.job.ranks, **facts},
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
        tell_owner("checkpoint", step)
        self._kept = [step, *(other for other in self._kept if other != step)]
        for old in self._kept[KEPT:]:
            self.discard(old)
        del self._kept[KEPT:]
