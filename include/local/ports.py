"""Who listens on a port, and whether a port is free."""

from pathlib import Path

from include.core.errors import PrerequisiteError
from include.local.guard import bindable
from include.local.sessions import PROC, Session, members, processes

LISTENING = "0A"


def listening_inodes(port: int) -> set[str]:
    """Inodes of the sockets that listen on a TCP port."""
    found = set()
    for table in ("net/tcp", "net/tcp6"):
        path = PROC / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def holds(pid: int, inodes: set[str]) -> bool:
    """Whether a process has one of these sockets open."""
    sockets = {f"socket:[{inode}]" for inode in inodes}
    try:
        return any(_target(link) in sockets for link in (PROC / str(pid) / "fd").iterdir())
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""  # closed since it was listed


def session_owns(session: Session, port: int) -> bool:
    """Whether a process of the session listens on the port."""
    inodes = listening_inodes(port)
    return any(holds(process.pid, inodes) for process in members(session))


def holder(port: int) -> str:
    """The process that listens on a port, for people."""
    inodes = listening_inodes(port)
    for process in processes():
        if inodes and holds(process.pid, inodes):
            name = Path(PROC / str(process.pid) / "comm").read_text().strip()
            return f"process {process.pid} ({name})"
    return "another process"


def require_free(host: str, variable: str, port: int, base: int) -> None:
    """PrerequisiteError where a server could not listen on `port`, which follows from `variable`'s value `base`."""
    if not bindable(host, port):
        raise PrerequisiteError(
            variable,
            base,
            f"{holder(port)} listens on port {port}",
            f"Stop that process or set {variable} to a free port",
        )
