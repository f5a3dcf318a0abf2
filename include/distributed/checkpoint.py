"""Checkpoints of a DeepSpeed engine: taken in memory, written beside training, resumed by any number of ranks."""

import logging
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from include.core.errors import ModelError
from include.distributed.checkpoint_store import CheckpointStore, Found
from include.distributed.job import Job
from include.distributed.pickles import require_plain
from include.distributed.snapshot import Snapshot
from include.distributed.universal import to_universal

_log = logging.getLogger("genai.distributed.job")


class Checkpoints:
    """The checkpoints of one job's engine. All ranks call every method, in one order."""

    def __init__(self, job: Job, steps: Iterable[int]) -> None:
        self.job, self.store = job, CheckpointStore(job, steps)
        self._snapshot = Snapshot()

    def newest(self) -> Found | None:
        """What `restore` would go on from: call it before the engine is built, which depends on `facts`."""
        return self.store.newest()

    def save(self, engine: Any, step: int, state: dict[str, Any], facts: Mapping[str, Any]) -> None:
        """Take the checkpoint after `step` steps, with the loop's `state`; it is written while training goes on.

        `facts` are what must be known before the engine is built again. What went wrong with the checkpoint before is
        raised here or by `check`.
        """
        self.store.make_ready()
        before, engine.checkpoint_engine = engine.checkpoint_engine, self._snapshot
        try:
            engine.save_checkpoint(
                str(self.store.folder / "deepspeed"),
                tag=f"step-{step:08d}",
                client_state=state,
                save_latest=False,
                exclude_frozen_parameters=True,
            )
        finally:
            engine.checkpoint_engine = before
        self.store.begin(step, {**facts, "parameters": shapes(engine.module)}, self._snapshot.write)

    def check(self) -> None:
        """After each step: raise what went wrong in the background, if anything did."""
        self.store.check()

    def writing(self) -> bool:
        """Whether the last checkpoint of this rank is still being written."""
        return self.store.writing()

    def close(self) -> None:
        """Return when the last checkpoint is in the store."""
        self.store.wait()

    def restore(self, engine: Any, found: Found) -> dict[str, Any]:
        """Load the checkpoint that `newest` found; the loop's state.

        Optimizer and weights carry over to another number of ranks. Raises ModelError where the checkpoint is of
        another model.
        """
        import torch.distributed as dist

        require_same(found.facts["parameters"], shapes(engine.module))
        require_plain(found.folder)
        same = found.facts["ranks"] == self.job.ranks
        universal = not same and engine.zero_optimization()
        folder = to_universal(found.folder) if universal else found.folder
        strict = all(parameter.requires_grad for parameter in engine.module.parameters())
        before, engine.checkpoint_engine = engine.checkpoint_engine, self._snapshot
        engine._config.load_universal_checkpoint = universal
        try:
            loaded, state = engine.load_checkpoint(str(folder.parent), tag=folder.name, load_module_strict=strict)
        finally:
            engine.checkpoint_engine, engine._config.load_universal_checkpoint = before, False
        if loaded is None:
            raise ModelError(
                f"step {found.step}", str(folder), "DeepSpeed found nothing to load", "Run the step with force_rerun"
            )
        dist.barrier()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(found.folder, ignore_errors=True)
        if self.job.rank == 0:
            ranks = "" if same else f" on {self.job.ranks} ranks, written by {found.facts['ranks']}"
            _log.info("resumed from the checkpoint after step %d%s", found.step, ranks)
        return dict(state)


def shapes(module: Any) -> dict[str, list[int]]:
    """Name -> shape of the parameters that are trained."""
    named = ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)
    return {name: list(getattr(parameter, "ds_shape", parameter.shape)) for name, parameter in named}


def require_same(saved: Mapping[str, list[int]], built: Mapping[str, list[int]]) -> None:
    """ModelError where a checkpoint's parameters are not those of the model that was built."""
    different = [name for name in {**saved, **built} if saved.get(name) != built.get(name)]
    if different:
        name = different[0]
        raise ModelError(
            name,
            f"{saved.get(name, 'missing')} in the checkpoint, {built.get(name, 'missing')} in the model",
            f"the checkpoint is of another model: {len(different)} parameters differ",
            "Resume the model that it was written for, or run the step with force_rerun",
        )
