"""What runs in every rank of a distributed job: `python -m include.distributed.job FOLDER`."""

import importlib
import json
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.artifacts.bucket import StoreAddress
from include.artifacts.ref import ArtifactRef
from include.artifacts.scratch import disk_full
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import local_copy
from include.core.errors import GenaiError, ModelError
from include.core.settings import settings
from include.distributed.launch import DESCRIPTION, DONE, FAILURE, RESULTS

_log = logging.getLogger("genai.distributed.job")


@dataclass(frozen=True)
class Job:
    """One rank's view of its job. `step` is the workflow step that owns it, `fingerprint` its workspace's `job`.

    `scratch` lies on the rank's host; what rank 0 writes below `results` comes back to the owner.
    """

    spec: dict[str, Any]
    scratch: Path
    step: str
    fingerprint: str
    rank: int
    ranks: int

    @property
    def results(self) -> Path:
        """What rank 0 gives back."""
        return self.scratch / RESULTS

    def fetch(self, ref: ArtifactRef, *, only: str = "") -> Path:
        """A verified copy of an artifact, or of its files whose path starts with `only`: made once on each host."""
        return local_copy(self.store(), self.scratch.parent, ref, only)

    def store(self) -> ArtifactStore:
        """The object store that the owner uses."""
        return ArtifactStore(StoreAddress.of(settings()))


def read_job(folder: Path) -> tuple[str, Job]:
    """The entry module and this rank's job, from the owner's description and the launcher's environment."""
    told = json.loads((folder / DESCRIPTION).read_text())
    return told.pop("entry"), Job(
        **told, scratch=folder, rank=int(os.environ["RANK"]), ranks=int(os.environ["WORLD_SIZE"])
    )


def end_with_owner() -> None:
    """End this job's whole process group as soon as its owner is gone (stdin closes)."""

    def watch() -> None:
        while os.read(0, 1):
            continue
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="owner", daemon=True).start()


def main() -> None:
    """Run the entry; leave a marker where all ranks finished, or the error of this one."""
    end_with_owner()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    entry, job = read_job(Path(sys.argv[1]))
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    _limit_threads()
    try:
        importlib.import_module(entry).main(job)
    except GenaiError as error:
        _tell(job, error)
        raise
    except Exception as error:
        if told := disk_full(error, job.scratch) or _out_of_memory(error):
            _tell(job, told)
        raise
    _finish(job)


def _finish(job: Job) -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.barrier()
    if job.rank == 0:
        partial = job.results / f"{DONE}.partial"
        partial.write_text("{}")
        partial.rename(job.results / DONE)
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _limit_threads() -> None:
    import torch

    torch.set_num_threads(settings().rank_threads)


def _tell(job: Job, error: GenaiError) -> None:
    told = {
        "kind": type(error).__name__,
        "field": error.field,
        "value": error.value,
        "problem": error.problem,
        "remedy": error.remedy,
    }
    (job.results / FAILURE.format(rank=job.rank)).write_text(json.dumps(told, default=str))


def _out_of_memory(error: Exception) -> ModelError | None:
    text = str(error)
    if not isinstance(error, MemoryError) and not ("memory" in text.lower() and "alloc" in text.lower()):
        return None
    return ModelError(
        "batch",
        text.splitlines()[0] if text else "MemoryError",
        "the machine's memory does not hold the model and one batch",
        "Lower batch or length in the step's configuration, or run on a larger machine",
    )


if __name__ == "__main__":
    main()
