"""Requests for the small step, and what a test waits for."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.artifacts.history import Place, now
from include.artifacts.store import ArtifactStore
from include.core.processes import identity
from include.jobs.request import JobRequest, import_step
from tests.jobs.steps import PATH


def eventually(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)


def request(store: ArtifactStore, folder: Path, then: str, run: str = "run", *, force: bool = False) -> JobRequest:
    """A request to count in `folder`, of a run's task."""
    folder.mkdir(exist_ok=True)
    return asked(store, PATH, {"folder": str(folder), "then": then}, run, force=force)


def asked(
    store: ArtifactStore, path: str, arguments: dict[str, Any], run: str = "run", *, force: bool = False
) -> JobRequest:
    """A request for any step."""
    step = import_step(path)
    fingerprint = step.parts(store, arguments).digest(step.name)
    place = Place(use_case="counting", run_id=run, as_of=now(), task="count")
    return JobRequest.of(path, fingerprint, arguments, place, force=force)


def runs(folder: Path) -> int:
    """How often the step ran."""
    return len((folder / "runs").read_text().splitlines())


def rank(folder: Path) -> str:
    """The identity of the process that the waiting step has started in a session of its own."""
    path = folder / "rank"
    eventually(lambda: path.exists() and path.read_text())
    return identity(int(path.read_text()))
