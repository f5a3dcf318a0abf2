"""Jobs of one rank, each in a process of its own that dies by SIGKILL after a step: `python -m ... <jobs.json>`.

The libraries are imported once, and each job gets a copy of this process.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from include.artifacts.manifest import sha256_of
from include.distributed.job import Job


def die_after(step: int, job: Job, saved: int) -> None:
    """The trainers of this process kill it after `step`, once the checkpoint after step `saved` is in the store."""
    from transformers import TrainerCallback
    from transformers.trainer import DEFAULT_CALLBACKS

    class Dies(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == step:
                while job.store().find(f"{job.step}.checkpoints", sha256_of([job.fingerprint, saved])) is None:
                    os.sched_yield()
                os.kill(os.getpid(), signal.SIGKILL)

    DEFAULT_CALLBACKS.append(Dies)


def job_of(told: dict[str, Any]) -> Job:
    """A job as its only rank sees it."""
    job = Job(told["spec"], Path(told["folder"]), "tests.tune", told["fingerprint"], rank=0, ranks=1)
    job.results.mkdir(parents=True)
    return job


def main() -> None:
    """Run each job in a fork; print the signals that they died by."""
    import deepspeed  # noqa: F401
    import torch
    import trl  # noqa: F401

    died = []
    for told in json.loads(Path(sys.argv[1]).read_text()):
        child = os.fork()
        if not child:
            torch.set_num_threads(1)
            job = job_of(told)
            die_after(told["dies_after"], job, told["saved"])
            importlib.import_module(told["entry"]).main(job)
            os._exit(0)
        died.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.stdout.write(json.dumps(died) + "\n")


if __name__ == "__main__":
    main()
