"""Jobs beside a real supervisord that has nothing else to run: a killed supervisor leaves them, stopping ends them."""

import os
import signal
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.processes import is_alive
from include.core.settings import Settings
from include.jobs.jobs import Jobs
from include.jobs.local_jobs import LocalJobs
from include.jobs.mark import JOB_MARK
from include.local.layout import layout
from include.local.sessions import MARK, marked, reap, send
from include.local.stack import Stack
from include.local.supervision import Supervisor, launch
from tests.jobs.asking import eventually, rank, request


def test_a_killed_supervisor_leaves_jobs_and_stopping_ends_them(
    store: ArtifactStore, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a socket's path has little room: a name shorter than the test's
    folder = tmp_path_factory.mktemp("stack")
    stack = Stack(Settings(state_folder=folder), say=lambda line: None)
    at = layout(stack.settings)
    launch(at, stack.settings, [])
    supervisor = Supervisor(at)
    try:
        monkeypatch.setenv(MARK, str(folder))
        jobs = Jobs(store, LocalJobs())
        job = jobs.submit(request(store, tmp_path / "step", "wait"))
        left = rank(tmp_path / "step")
        monkeypatch.delenv(MARK)
        eventually(lambda: supervisor.pid() and supervisor.processes()["keeper"]["pid"])
        pid = supervisor.pid()
        assert pid

        os.kill(pid, signal.SIGKILL)
        eventually(lambda: supervisor.pid() not in (None, pid))
        assert is_alive(left) and jobs.status(job) == "running"
        # what the keeper waits for before it starts another supervisord
        assert len(marked(MARK, str(folder))) > len(marked(MARK, str(folder), without=JOB_MARK))

        stack.stop()
        assert not is_alive(left) and not marked(MARK, str(folder))
        assert jobs.status(job) == "over"
    finally:
        for process in marked(MARK, str(folder)):
            send(process.pid, signal.SIGKILL)
        reap()
