"""Names of processes that stay right when their ids are used again."""

import os
import signal
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def identity(pid: int) -> str:
    """A process by its id and start time (ticks since boot); one that has ended is `<pid>@ended`, reaped or not."""
    fields = _stat(pid)
    return f"{pid}@{fields[19]}" if fields and fields[0] not in "ZX" else f"{pid}@ended"


def is_alive(process: str) -> bool:
    """Whether the process that `identity` named still runs."""
    return identity(int(process.partition("@")[0])) == process


def descendants(pid: int) -> list[int]:
    """The processes below one, whatever sessions and groups they made; zombies too."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return found


def end_descendants(seconds: float) -> bool:
    """SIGKILL to all that is below this process until nothing is left; False where something outlives `seconds`.

    This process has to be their subreaper: else the children of what is killed escape it.
    """
    deadline = time.monotonic() + seconds
    while found := descendants(os.getpid()):
        if time.monotonic() > deadline:
            return False
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        time.sleep(0.02)
    return True


def _stat(pid: int) -> list[str]:
    """The fields of a process after its name; none where it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
