"""The guard on real processes: whole sessions end, and nothing outlives its keeper."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT
from include.local.guard import GuardSpec
from include.local.sessions import Session, kill_session, members, processes, read_process, read_session, session_of

# a server that, as Airflow's scheduler does, has workers in process groups of their own
SERVER = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "600"], process_group=0)
open(sys.argv[1], "w").write("up")
time.sleep(600)
"""


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


class Guarded:
    def __init__(self, folder: Path, **changes: object) -> None:
        self.mark, self.record = folder / "mark", folder / "server.session"
        values = {
            "name": "server",
            "command": [sys.executable, "-c", SERVER, str(self.mark)],
            "environment": {},
            "folder": str(folder),
            "record": str(self.record),
            "stop_seconds": 3,
        }
        self.spec = folder / "server.json"
        self.spec.write_text(GuardSpec(**(values | changes)).dumps())  # type: ignore[arg-type]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "include.local.guard", str(self.spec)]
        return subprocess.Popen(line, cwd=PROJECT_ROOT)

    def session(self) -> Session:
        eventually(lambda: self.mark.exists() and read_session(self.record))
        found = read_session(self.record)
        assert found
        return found


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Callable[..., Guarded]]:
    made: list[Guarded] = []

    def make(**changes: object) -> Guarded:
        made.append(Guarded(tmp_path, **changes))
        return made[-1]

    yield make
    for entry in made:
        entry.process.kill()
        entry.process.wait()
        left = read_session(entry.record)
        if left:
            kill_session(left)


def test_a_killed_server_takes_its_whole_session_along(guarded: Callable[..., Guarded]) -> None:
    entry = guarded()
    session = entry.session()
    eventually(lambda: len(members(session)) == 2)
    os.kill(session.sid, signal.SIGKILL)

    assert entry.process.wait(20) == 128 + signal.SIGKILL
    assert members(session) == []


def test_a_server_that_is_deaf_to_sigterm_is_killed(guarded: Callable[..., Guarded], tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
    entry = guarded(command=[sys.executable, "-c", deaf, str(tmp_path / "mark")], stop_seconds=0.5)
    session = entry.session()
    entry.process.terminate()

    assert entry.process.wait(20) == 0
    assert members(session) == []


def test_a_killed_guard_takes_its_server_along_and_the_next_clears_the_rest(guarded: Callable[..., Guarded]) -> None:
    entry = guarded()
    session = entry.session()
    eventually(lambda: len(members(session)) == 2)
    entry.process.kill()
    entry.process.wait()
    eventually(lambda: read_process(session.sid) is None)

    entry.process = entry.start()
    eventually(lambda: read_session(entry.record) not in (None, session))
    assert members(session) == []


def test_it_waits_for_files_and_cleans_what_a_kill_left(tmp_path: Path, guarded: Callable[..., Guarded]) -> None:
    leak, gate = tmp_path / "leak-1", tmp_path / "gate"
    leak.mkdir()
    entry = guarded(files=[str(gate)], clean=[str(tmp_path / "leak-*")])
    with pytest.raises(subprocess.TimeoutExpired):
        entry.process.wait(0.7)
    assert not entry.mark.exists()

    gate.touch()
    entry.session()
    assert not leak.exists()


def test_a_session_number_given_to_others_is_left_alone() -> None:
    mine = session_of(os.getsid(0)) if read_process(os.getsid(0)) else session_of(os.getpid())
    other = Session(mine.sid, mine.started - 1, mine.boot)
    assert members(other) == []
    kill_session(other)


def test_a_record_of_an_earlier_boot_counts_for_nothing(tmp_path: Path) -> None:
    Session(1, 1, "another-boot").write(tmp_path / "old.session")
    assert read_session(tmp_path / "old.session") is None
    assert os.getpid() in [process.pid for process in processes()]
