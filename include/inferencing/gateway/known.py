"""The newest snapshot of the store, read in the background; the last good one stays while the store is away."""

import asyncio
import logging
import time

from include.core.errors import GenaiError
from include.inferencing.gateway.news import News
from include.inferencing.gateway.view import Snapshot, StoreReader

LOG = logging.getLogger("genai.gateway.known")


class Known:
    """`now` is what was read last."""

    def __init__(self, reader: StoreReader) -> None:
        self.reader, self.now = reader, Snapshot()
        self.read_at: float | None = None
        self.trouble = ""
        self.news = News()
        self._wanted = asyncio.Event()

    async def read(self) -> None:
        """Read the store once, off the event loop."""
        self._wanted.clear()
        try:
            self.now = await asyncio.to_thread(self.reader.read)
            self.read_at = time.monotonic()
            trouble = ""
        except GenaiError as error:
            trouble = str(error)
        if trouble != self.trouble:
            LOG.warning("%s", trouble or "the store answers again")
        self.trouble = trouble
        self.news.tell()

    async def due(self, seconds: float) -> None:
        """Return after `seconds`, or when somebody wants to know sooner."""
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def refresh(self, seconds: float) -> None:
        """Have the store read again, and wait for it up to `seconds`."""
        self._wanted.set()
        await self.news.wait(seconds)

    @property
    def age(self) -> float | None:
        """Seconds since the store answered; None before it ever did."""
        return None if self.read_at is None else time.monotonic() - self.read_at
