"""Checkpoint folders of a Hugging Face trainer in the object store."""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from include.distributed.checkpoint import KEPT, Checkpoints
from include.distributed.job import Job


class SavedTrainers:
    """The checkpoints of one job's trainer, by step number. Every rank calls every method."""

    def __init__(self, job: Job, steps: Iterable[int]) -> None:
        self.job, self.checkpoints = job, Checkpoints(job, steps)

    def commit(self, folder: Path, step: int) -> None:
        """Commit what all ranks have written to `folder`."""
        import torch.distributed as dist

        started = time.monotonic()
        dist.barrier()
        if self.job.rank == 0:
            self.checkpoints._commit(step, folder, started)
            for old in self.checkpoints.committed()[KEPT:]:
                self.checkpoints.discard(old)
        dist.barrier()

    def leave(self, folder: Path, target: Path) -> None:
        """Put what all ranks have written to `folder` where the job's owner finds it."""
        import torch.distributed as dist

        dist.barrier()
        if self.job.rank == 0:
            shutil.copytree(folder, target)
        dist.barrier()

    def newest(self) -> Path | None:
        """A copy of the newest one whose bytes verify, None where there is none."""
        import torch.distributed as dist

        chosen: list[int | None] = [self.checkpoints._fetch_newest() if self.job.rank == 0 else None]
        dist.broadcast_object_list(chosen, src=0)
        return None if chosen[0] is None else self.checkpoints.folder / f"step-{chosen[0]:08d}"
