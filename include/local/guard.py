"""The guard: the process between supervisord and one server (`python -m include.local.guard SPEC`).

It waits until what the server needs is healthy and its ports are free, starts it in a session of its
own, and ends that whole session when the server dies or the guard is told to stop. It follows
supervisord into death. Standard library only: seven of these run at all times.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path

from include.local.sessions import Session, kill_session, read_session, session_of

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP = {signal.SIGTERM, signal.SIGINT}
SHORT_LIFE, BACKOFF = 5.0, 2.0


@dataclass(frozen=True)
class GuardSpec:
    """What one guard runs. It waits for `files` to exist and for the URLs of `waits` to answer with their HTTP
    status; `clean` are glob patterns of what a killed server leaves behind; `stop_seconds` lie between SIGTERM
    and SIGKILL."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: str
    record: str
    waits: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    host: str = "127.0.0.1"
    clean: list[str] = field(default_factory=list)
    stop_seconds: float = 8

    def dumps(self) -> str:
        """The specification as JSON."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)


def answers(url: str, status: int, seconds: float = 2) -> bool:
    """Whether `url` answers with `status` in time."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=seconds) as response:
            return bool(response.status == status)
    except urllib.error.HTTPError as error:
        return error.code == status
    except OSError:
        return False


def bindable(host: str, port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def guard(spec: GuardSpec) -> int:
    """Run the server once; its exit status, negative for a signal. supervisord starts the next guard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {signal.SIGCHLD})
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:
        return 0
    leftover = read_session(Path(spec.record))
    if leftover:
        kill_session(leftover)
    while not ready(spec):
        if stopped(0.2):
            return 0
    remove(spec.clean)
    started = time.monotonic()

    def own_session() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    try:
        child = subprocess.Popen(
            spec.command,
            env=dict(os.environ) | spec.environment,
            cwd=spec.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=own_session,
        )
    except OSError as error:
        print(f"guard: {spec.command[0]} cannot be started: {error}", flush=True)
        stopped(BACKOFF)
        return 127
    session = session_of(child.pid)
    session.write(Path(spec.record))
    asked = watch(child, session, spec.stop_seconds)
    remove(spec.clean)
    if not asked and time.monotonic() - started < SHORT_LIFE:
        stopped(BACKOFF)
    return 0 if asked else child.returncode


def ready(spec: GuardSpec) -> bool:
    """Whether all that the server needs is there."""
    return (
        all(Path(path).exists() for path in spec.files)
        and all(bindable(spec.host, port) for port in spec.ports)
        and all(answers(url, status) for url, status in spec.waits.items())
    )


def stopped(seconds: float) -> bool:
    """Wait up to `seconds` for a request to stop."""
    return signal.sigtimedwait(STOP, seconds) is not None


def watch(child: subprocess.Popen[bytes], session: Session, stop_seconds: float) -> bool:
    """Wait until the server ends; then end its session. True where the guard was asked to stop."""
    asked, deadline = False, 0.0
    while child.poll() is None:
        caught = signal.sigtimedwait(STOP | {signal.SIGCHLD}, 0.5)
        if caught and caught.si_signo in STOP and not asked:
            asked, deadline = True, time.monotonic() + stop_seconds
            child.terminate()
        reap_orphans(child.pid)
        if asked and time.monotonic() > deadline:
            break
    kill_session(session)
    if child.returncode is None:
        child.wait()
    return asked


def reap_orphans(child: int) -> None:
    """Collect descendants whose parents died before them; the child's own status is left alone."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == child:
            return
        os.waitpid(ended.si_pid, 0)


def remove(patterns: list[str]) -> None:
    """Delete the files and folders that match."""
    for pattern in patterns:
        folder = Path(pattern).parent
        for path in folder.glob(Path(pattern).name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def main() -> int:
    """Read the specification named on the command line and guard it."""
    spec = GuardSpec(**json.loads(Path(sys.argv[1]).read_text()))
    status = guard(spec)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
