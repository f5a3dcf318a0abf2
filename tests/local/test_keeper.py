"""The keeper with a real supervisord that has nothing else to run."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from include.core.settings import Settings
from include.local.layout import layout
from include.local.sessions import MARK, marked, reap, send
from include.local.supervision import Supervisor, launch


def eventually(condition: Callable[[], object], seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def keeper(supervisor: Supervisor) -> int:
    return int(supervisor.processes()["keeper"]["pid"])


def test_keeper_and_supervisord_start_each_other_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    # a socket's path has little room: a name shorter than the test's
    folder = tmp_path_factory.mktemp("keeper")
    settings = Settings(state_folder=folder)
    at = layout(settings)
    at.make_private()
    launch(at, settings, [])
    supervisor = Supervisor(at)
    try:
        eventually(lambda: supervisor.pid() and keeper(supervisor))
        first, pid = keeper(supervisor), supervisor.pid()
        os.kill(first, signal.SIGKILL)
        eventually(lambda: keeper(supervisor) not in (0, first))
        assert pid and supervisor.pid() == pid

        os.kill(pid, signal.SIGKILL)
        eventually(lambda: supervisor.pid() not in (None, pid))
        eventually(lambda: len(marked(MARK, str(folder))) == 2)

        supervisor.call("shutdown")
        eventually(lambda: not marked(MARK, str(folder)))
        assert (at.state.stat().st_mode | at.logs.stat().st_mode) & 0o077 == 0
    finally:
        for process in marked(MARK, str(folder)):
            send(process.pid, signal.SIGKILL)
        reap()
