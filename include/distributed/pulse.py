"""A rank's sign of life where it prints nothing for long: bytes that it moves, batches that it computes."""

import threading
import time

import psutil  # type: ignore[import-untyped]

from include.distributed.messages import PULSE, tell_owner

SECONDS = 20.0
# in that time: more than a process that hangs moves by and by
BYTES = 1 << 20


class Pulse:
    """Tells the owner that bytes have moved: downloads, uploads, checkpoints and models on disk.

    The kernel counts what this process reads and writes, mapped files too, so that libraries need not say it; a
    transfer that hangs moves nothing, and its silence is noticed.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._moved = self._count()

    def look(self) -> None:
        """Tell where enough has moved since the last look."""
        before, self._moved = self._moved, self._count()
        if self._moved - before >= BYTES:
            tell_owner(PULSE, "bytes")

    def start(self) -> None:
        """Look every SECONDS, in a thread."""
        threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(SECONDS)
            self.look()

    def _count(self) -> int:
        counted = self._process.io_counters()
        # what a mapped file reads from a disk is in the bytes, what comes from a cache or a socket in the chars
        return int(counted.read_bytes + counted.read_chars + counted.write_chars)


class _Work:
    """Tells the owner that something was computed, where much is without a line."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def done(self) -> None:
        """After each part of a batch."""
        if (now := time.monotonic()) - self._told >= SECONDS:
            self._told = now
            tell_owner(PULSE, "work")


WORK = _Work()
