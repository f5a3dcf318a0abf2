"""Small steps that run as jobs: they count how often they ran, and do what their configuration says."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError

# what a rank does that its owner starts in a session of its own
RANK = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


class CountConfig(BaseModel):
    """What the step does once it has counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    folder: str
    then: Literal["return", "wait", "refuse", "raise", "crash"] = "return"
    value: int = 0


@step("report")
def count(work: Workspace, config: CountConfig, source: ArtifactRef | None = None) -> None:
    """One line in `folder`/runs for each time that it ran."""
    folder = Path(config.folder)
    with (folder / "runs").open("a") as runs:
        runs.write(f"{os.getpid()}\n")
    print(f"counted {config.value}", flush=True)
    if source:
        work.fetch(source)
    if config.then == "wait":
        _wait(folder)
    if config.then == "refuse":
        raise SourceError("sources.docs", config.value, "the source is empty", "Name another")
    if config.then == "raise":
        raise ValueError("a bug")
    if config.then == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    (work.output / "value.txt").write_text(str(config.value))
    work.metrics["value"] = config.value


def _wait(folder: Path) -> None:
    """Start a rank, and say a line each time the test has allowed one more, until it says so."""
    subprocess.Popen([sys.executable, "-c", RANK, str(folder / "rank")], start_new_session=True)
    said = 0
    while not (folder / "go").exists():
        if (folder / f"say-{said}").exists():
            print(f"line {said}", flush=True)
            said += 1
        time.sleep(0.02)
