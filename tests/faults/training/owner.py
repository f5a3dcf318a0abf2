"""The owner of a job that is killed: `python -m tests.faults.training.owner JSON`; exits with 3 where a retry helps."""

import json
import logging
import shutil
import sys
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.artifacts.scratch import scratch_folder
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import TransientError
from include.core.settings import settings
from include.distributed.launch import run_job
from include.distributed.loop import CURVE


def main() -> None:
    """Run the job as a task of a workflow does, and leave its curve where it is looked for."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    told = json.loads(sys.argv[1])
    with scratch_folder("owner") as folder:
        work = Workspace(ArtifactStore(StoreAddress.of(settings())), told["step"], told["fingerprint"], folder)
        try:
            results = run_job(work, told["entry"], told["spec"], batch=told["batch"])
        except TransientError as error:
            print(error)
            sys.exit(3)
        partial = Path(told["curve"]).with_suffix(".partial")
        shutil.copyfile(results / CURVE, partial)
        partial.rename(told["curve"])


if __name__ == "__main__":
    main()
