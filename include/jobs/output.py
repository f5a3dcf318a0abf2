"""The lines that a child writes into a pipe."""

import os
import select
import time
from collections.abc import Callable
from contextlib import suppress

CHUNK = 1 << 16


class Output:
    """Reads a pipe and hands on whole lines."""

    def __init__(self, descriptor: int, hand_on: Callable[[str], None]) -> None:
        self.descriptor, self.hand_on = descriptor, hand_on
        self._rest, self._open = b"", True

    def wait(self, seconds: float) -> None:
        """Hand on what comes within so many seconds; returns as soon as anything came."""
        if not self._open:
            time.sleep(seconds)
        elif select.select([self.descriptor], [], [], seconds)[0]:
            self._take()

    def drain(self) -> None:
        """Hand on all that was written, its last line too where nothing ends it."""
        os.set_blocking(self.descriptor, False)
        with suppress(BlockingIOError):
            while self._open:
                self._take()
        if self._rest:
            self._send(self._rest)

    def _take(self) -> None:
        chunk = os.read(self.descriptor, CHUNK)
        self._open = bool(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._send(line)

    def _send(self, line: bytes) -> None:
        self.hand_on(line.decode(errors="replace").rstrip())
