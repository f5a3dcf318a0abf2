"""The keeper: starts supervisord again after kill -9 (`python -m include.local.keeper SUPERVISORD STATE ROOT`).

supervisord runs it as a program and starts it again when it dies; it alone does not follow supervisord into death.
`up` and `stop` end it with all that carries the stack's mark, and while one of them works it waits for their lock.
Standard library only: it runs at all times.
"""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from include.jobs.mark import JOB_MARK
from include.local.sessions import MARK, marked

POLL_SECONDS, RETRY_SECONDS = 0.5, 5.0
# the guards end their servers when supervisord dies; new guards take the ports over
LEAVE_SECONDS = 20.0


def keep(supervisord: Path, state: Path, root: str) -> None:
    """Wait until supervisord, the parent, is gone; then start another, which starts a keeper of its own."""
    parent = os.getppid()
    while parent != 1 and os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    deadline = time.monotonic() + LEAVE_SECONDS
    # jobs go on: the next try of their task watches them
    while marked(MARK, root, without=JOB_MARK) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    while not relaunched(supervisord, state):
        time.sleep(RETRY_SECONDS)


def relaunched(supervisord: Path, state: Path) -> bool:
    """Start supervisord from its stored configuration; where that fails, keeper.log says why."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SUPERVISOR_")}
    # not this program's own output: that pipe's reader was the supervisord that died
    with (state / "lock").open("w") as lock, (state / "keeper.log").open("w") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (state / "supervisor.sock").unlink(missing_ok=True)
        done = subprocess.run(
            [str(supervisord), "-c", str(state / "supervisord.conf")],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
    return done.returncode == 0


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
