"""Processes by session: what a guard starts, it can find and end, whatever process groups its child makes."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")
# environment variable of all that a stack started; its value is the stack's root folder
MARK = "LOCAL_STACK"


@dataclass(frozen=True)
class Process:
    """One line of /proc; `started` is in clock ticks after boot."""

    pid: int
    parent: int
    session: int
    started: int


@dataclass(frozen=True)
class Session:
    """Names a session beyond doubt: process ids come again, a start time after a boot does not."""

    sid: int
    started: int
    boot: str

    def write(self, path: Path) -> None:
        """Store the record; a reader sees all of it or none."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.rename(path)


def read_session(path: Path) -> Session | None:
    """The record at `path`, or None where there is none or it is from before the last boot."""
    if not path.exists():
        return None
    session = Session(**json.loads(path.read_text()))
    return session if session.boot == boot_id() else None


def boot_id() -> str:
    """The kernel's id of this boot."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def session_of(pid: int) -> Session:
    """The record of the session that `pid` leads; ProcessLookupError where it is gone."""
    fields = _stat(pid)
    if not fields:
        raise ProcessLookupError(pid)
    return Session(pid, int(fields[19]), boot_id())


def read_process(pid: int) -> Process | None:
    """A living process, or None (also for one that is dead but not yet reaped)."""
    fields = _stat(pid)
    if not fields or fields[0] in "ZX":
        return None
    return Process(pid, int(fields[1]), int(fields[3]), int(fields[19]))


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def processes() -> Iterator[Process]:
    """All living processes."""
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (process := read_process(int(entry.name))):
            yield process


def members(session: Session) -> list[Process]:
    """The session's living processes; none where its number was given to another session since."""
    leader = read_process(session.sid)
    if leader and leader.started != session.started:
        return []
    return [process for process in processes() if process.session == session.sid]


def kill_session(session: Session, seconds: float = 10) -> None:
    """SIGKILL to all of the session until nothing is left; TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while found := members(session):
        for process in found:
            send(process.pid, signal.SIGKILL)
        reap()
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[process.pid for process in found]} outlive SIGKILL")
        time.sleep(0.02)


def marked(name: str, value: str, without: str = "") -> list[Process]:
    """This user's processes that were started with the environment variable `name` = `value`, and no `without`."""
    entry, other = f"{name}={value}".encode(), f"{without}=".encode()
    found = []
    for process in processes():
        try:
            variables = (PROC / str(process.pid) / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        left_out = without and any(variable.startswith(other) for variable in variables)
        if entry in variables and not left_out and process.pid != os.getpid():
            found.append(process)
    return found


def strangers(root: str) -> list[Process]:
    """What carries the mark of a stack and is no ancestor of this program, as a task that runs `genai stop` has."""
    above, current = set(), read_process(os.getpid())
    while current and current.parent > 1:
        above.add(current.parent)
        current = read_process(current.parent)
    return [process for process in marked(MARK, root) if process.pid not in above]


def end_strangers(root: str, patience: float, seconds: float) -> None:
    """Wait until `strangers` have ended, with SIGKILL after `patience`; TimeoutError after `seconds`."""
    started = time.monotonic()
    while others := strangers(root):
        waited = time.monotonic() - started
        if waited > seconds:
            raise TimeoutError(f"processes {[process.pid for process in others]} outlive SIGKILL")
        for process in others if waited > patience else []:
            send(process.pid, signal.SIGKILL)
        reap()
        time.sleep(0.05)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process; one that has just ended does not matter."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def reap() -> None:
    """Collect children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def memory(session: Session) -> int:
    """Bytes of memory of a session; pages shared by several processes count once."""
    total = 0
    for process in members(session):
        try:
            lines = (PROC / str(process.pid) / "smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total
