"""What runs in every rank of a distributed job: `python -m include.distributed.job FOLDER`."""

import importlib
import json
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.artifacts.bucket import StoreAddress
from include.artifacts.ref import ArtifactRef
from include.artifacts.scratch import disk_full
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import local_copy
from include.core.errors import GenaiError, ModelError
from include.core.settings import settings
from include.distributed.launchers import DESCRIPTION, DONE, RESULTS
from include.distributed.messages import tell_owner, told_error
from include.distributed.pulse import Pulse
from include.distributed.results import send_results

# a rank that loses another one raises a RuntimeError of torch
_BUGS = (TypeError, ValueError, LookupError, AttributeError, ImportError, AssertionError, NotImplementedError)
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
    # examples at once on a rank, where memory was too small for what was asked; 0: as asked
    micro_batch: int = 0
    # where the owner is on another machine: what the results are committed under
    sent_as: str = ""
    # what an error's report adds: the loop notes its micro_batch
    notes: dict[str, int] = field(default_factory=dict)

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
    Pulse().start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    entry, job = read_job(Path(sys.argv[1]))
    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    _limit_threads()
    try:
        importlib.import_module(entry).main(job)
    except Exception as error:
        _report(job, error)
        raise
    _finish(job)


def _report(job: Job, error: Exception) -> None:
    """Tell the owner what it can raise, or that starting again cures nothing; of other errors it sees the end alone."""
    short = _out_of_memory(error, job)
    told = short or disk_full(error, job.scratch) or error
    if isinstance(told, GenaiError):
        report = {"error": told_error(told), "out_of_memory": short is not None}
        tell_owner("failure", report | {"micro_batch": job.notes.get("micro_batch", 0)})
    elif isinstance(told, _BUGS):
        tell_owner("bug", type(told).__name__)


def _finish(job: Job) -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.barrier()
    if job.rank == 0:
        partial = job.results / f"{DONE}.partial"
        partial.write_text("{}")
        partial.rename(job.results / DONE)
        if job.sent_as:
            send_results(job.store(), job.step, job.fingerprint, job.sent_as, job.results)
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _limit_threads() -> None:
    import torch

    torch.set_num_threads(settings().rank_threads)


def _out_of_memory(error: Exception, job: Job) -> ModelError | None:
    text, micro = str(error), job.notes.get("micro_batch", 0)
    if not isinstance(error, MemoryError) and not ("memory" in text.lower() and "alloc" in text.lower()):
        return None
    smaller = (
        "Raise accumulation, allow smaller_micro_batch" if micro > 1 else "Recompute activations, raise ZeRO's stage"
    )
    return ModelError(
        "batch" if micro > 1 else "length",
        text.splitlines()[0] if text else "MemoryError",
        f"a rank's memory does not hold the model and {micro or 'the'} examples at once",
        f"{smaller}, lower length in the step's configuration, or run on more ranks or larger machines",
    )


if __name__ == "__main__":
    main()
