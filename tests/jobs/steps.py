"""A small step that runs as a job: it counts how often it ran, and ends as it is told."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.distributed.meter import DOCUMENT

PATH = "tests.jobs.steps:count"
# what a rank does, which its owner starts in a session of its own
RANK = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


@step("report")
def count(work: Workspace, folder: str, then: str = "return", value: int = 0) -> None:
    """One line in `folder`/runs for each time that it ran; then it returns, waits, refuses, raises or is killed."""
    place = Path(folder)
    with (place / "runs").open("a") as runs:
        runs.write(f"{os.getpid()}\n")
    print(f"counted {value}", flush=True)
    first = len((place / "runs").read_text().splitlines()) == 1
    if then == "wait":
        _wait(work, place)
    if then == "refuse":
        raise SourceError("sources.docs", value, "the source is empty", "Name another")
    if then == "raise":
        raise ValueError("a bug")
    if then == "die" or (then == "die once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    (work.output / "value.txt").write_text(str(value))
    work.metrics["value"] = value


def _wait(work: Workspace, folder: Path) -> None:
    """Start a rank, and say a line each time that `say-<n>` appears, until `go` does; its progress is that line."""
    subprocess.Popen([sys.executable, "-c", RANK, str(folder / "rank")], start_new_session=True)
    said = 0
    while not (folder / "go").exists():
        if (folder / f"say-{said}").exists():
            work.store.bucket.put_bytes(DOCUMENT.format(step=work.step, fingerprint=work.job), b'{"step": %d}' % said)
            print(f"line {said}", flush=True)
            said += 1
        time.sleep(0.02)


@step("model")
def train(work: Workspace, seed: ArtifactRef) -> None:
    """A few steps of the tiny model on all hosts that there are."""
    from include.distributed.launch import run_job
    from tests.distributed import tiny_job

    results = run_job(work, tiny_job.__name__, {"seed": seed.model_dump(), "steps": 4})
    curve = json.loads((results / "curve.json").read_text())
    (work.output / "curve.json").write_text(json.dumps(curve["losses"]))
    work.metrics["steps"] = curve["step"]


@step("dataset")
def seed(work: Workspace) -> None:
    """What the tiny model's batches are made of."""
    (work.output / "text.txt").write_text("7")
