"""Local folders that live as long as the process that works in them, however it ends."""

import errno
import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from include.core.errors import DiskFullError
from include.core.settings import settings

FULL = 1 << 20
ROOM = 64 << 20


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A new empty folder below GENAI_STATE_FOLDER/scratch, removed afterwards.

    What killed processes left there is removed first: their locks are free.
    """
    root = settings().scratch
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    folder, owner = _own(root, name)
    with owner:
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(owner.name).unlink(missing_ok=True)


def _own(root: Path, name: str) -> tuple[Path, IO[str]]:
    """A new name for a folder, and its lock file, locked."""
    while True:
        folder = root / f"{name}-{uuid.uuid4().hex[:8]}"
        lock = root / f"{folder.name}.lock"
        owner = lock.open("w")
        fcntl.flock(owner, fcntl.LOCK_EX)
        # another process may have swept the file before it was locked; a lock without a name protects nothing
        if lock.exists():
            return folder, owner
        owner.close()


def _sweep(root: Path) -> None:
    for lock in root.glob("*.lock"):
        try:
            with lock.open() as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(root / lock.name.removesuffix(".lock"), ignore_errors=True)
                lock.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            continue


def require_room(folder: Path, needed: int) -> None:
    """DiskFullError unless `folder`'s disk has `needed` bytes and 64 MB to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed + ROOM:
        raise _full(folder, free, f"{needed >> 20} MB are about to be written")


def disk_full(error: BaseException, folder: Path) -> DiskFullError | None:
    """A full disk behind `error`, which libraries wrap in errors of their own; None where it is another error."""
    free = shutil.disk_usage(folder).free
    told = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if told or "No space left on device" in str(error) or free < FULL:
        return _full(folder, free, "the disk is full")
    return None


def _full(folder: Path, free: int, problem: str) -> DiskFullError:
    remedy = "Free space there, or set GENAI_STATE_FOLDER to a larger disk"
    return DiskFullError(str(folder), f"{free >> 20} MB free", problem, remedy)
