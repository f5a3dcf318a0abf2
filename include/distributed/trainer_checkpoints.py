"""Checkpoints of a Hugging Face Trainer (and of TRL's) under DeepSpeed, kept like those of this project's own loop."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.distributed.checkpoint import require_same, shapes
from include.distributed.checkpoint_store import CheckpointStore, Found
from include.distributed.job import Job
from include.distributed.pickles import require_plain
from include.distributed.universal import to_universal

_TAG = "global_step"


class TrainerCheckpoints:
    """The folders that a Trainer writes, in the object store. All ranks call every method, in one order.

    checkpoints = TrainerCheckpoints(job, range(1, steps + 1))
    found = checkpoints.newest()            # before the Trainer is built; found.facts is what `save` was told
    folder = checkpoints.restore(model, found)
    trainer.train(resume_from_checkpoint=str(folder) if folder else None)
    checkpoints.close()

    From a TrainerCallback, `save(model, folder, state.global_step, facts)` in on_save and `check()` in on_step_end.
    The Trainer's output_dir lies below `job.scratch`; ignore_data_skip stays False.
    """

    def __init__(self, job: Job, steps: Iterable[int]) -> None:
        self.job, self.store = job, CheckpointStore(job, steps)
        self._first_on_host = os.environ.get("LOCAL_RANK", "0") == "0"

    def newest(self) -> Found | None:
        """The newest checkpoint that verifies; JobFailedError where there were some and none does."""
        return self.store.newest()

    def universal(self, found: Found, zero: int) -> bool:
        """Whether DeepSpeed's configuration needs {"checkpoint": {"load_universal": true}} at that ZeRO stage."""
        return zero > 0 and found.facts["ranks"] != self.job.ranks

    def restore(self, model: Any, found: Found | None, zero: int = 0) -> Path | None:
        """The folder to resume from; ModelError where it was written for another model."""
        import torch.distributed as dist

        if found is None:
            return None
        require_same(found.facts["parameters"], shapes(model))
        require_plain(found.folder)
        if self.universal(found, zero) and (tag := next(found.folder.glob(f"{_TAG}*[0-9]"), None)):
            converted = to_universal(tag)
            (found.folder / "latest_universal").write_text(converted.name)
        dist.barrier()
        return found.folder

    def save(self, model: Any, folder: Path, step: int, facts: Mapping[str, Any]) -> None:
        """Put what the Trainer has just written to `folder` into the store, while it goes on.

        What went wrong with the checkpoint before is raised here or by `check`.
        """
        import torch.distributed as dist

        self.store.make_ready()
        staged = self.store.folder / "staged"
        dist.barrier()  # every rank of this host has written its files
        if self._first_on_host:
            # links: the Trainer deletes its old folders when it likes
            shutil.rmtree(staged, ignore_errors=True)
            shutil.copytree(folder, staged, copy_function=os.link)

        def make(target: Path) -> None:
            if self._first_on_host:
                shutil.copytree(staged, target, copy_function=os.link, dirs_exist_ok=True)

        self.store.begin(step, {**facts, "parameters": shapes(model)}, make)

    def check(self) -> None:
        """After each step: raise what went wrong in the background, if anything did."""
        self.store.check()

    def close(self) -> None:
        """Return when the last checkpoint is in the store."""
        self.store.wait()
