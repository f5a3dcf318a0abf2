"""A small step that runs as a job: it counts how often it ran, and ends as it is told."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from include.artifacts.step import Workspace, step
from include.core.errors import SourceError

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
        _wait(place)
    if then == "refuse":
        raise SourceError("sources.docs", value, "the source is empty", "Name another")
    if then == "raise":
        raise ValueError("a bug")
    if then == "die" or (then == "die once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    (work.output / "value.txt").write_text(str(value))
    work.metrics["value"] = value


def _wait(folder: Path) -> None:
    """Start a rank, and say a line each time that `say-<n>` appears, until `go` does."""
    subprocess.Popen([sys.executable, "-c", RANK, str(folder / "rank")], start_new_session=True)
    said = 0
    while not (folder / "go").exists():
        if (folder / f"say-{said}").exists():
            print(f"line {said}", flush=True)
            said += 1
        time.sleep(0.02)
