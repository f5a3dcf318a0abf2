"""A gateway's parts, and what it does in the background."""

import asyncio
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.inferencing.gateway.admission import Admission
from include.inferencing.gateway.fleet import Fleet
from include.inferencing.gateway.known import Known
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.metrics import Metrics
from include.inferencing.gateway.recorder import Recorder
from include.inferencing.gateway.relay import Relay
from include.inferencing.gateway.tally import Tally
from include.inferencing.gateway.view import StoreReader

LOG = logging.getLogger("genai.gateway")
LOOK_SECONDS = 0.25


class Gateway:
    """One gateway on one event loop."""

    def __init__(self, store: ArtifactStore, addresses: Collection[str], limits: GatewayLimits) -> None:
        self.store, self.limits = store, limits
        self.name = f"{socket.gethostname().partition('.')[0]}-{secrets.token_hex(4)}"
        self.known, self.fleet = Known(StoreReader(store)), Fleet(addresses, limits)
        self.admission = Admission(self.known)
        self.metrics, self.tally = Metrics(), Tally(self.name, max(limits.first_token, limits.token_gap))
        self.relay = Relay(self.known, self.fleet, limits, self.tally)
        self.recorder = Recorder(self.metrics, self.tally)
        self.ending = False
        queues = self.relay.queues
        self.metrics.gauges(
            {
                "in_flight": ("Requests that have a place.", lambda: queues.in_flight),
                "waiting": ("Requests that wait for a place.", lambda: queues.waiting),
                "store_age_seconds": ("Since the store answered.", lambda: self.known.age or 0.0),
            }
        )
        self.metrics.breakers(self._breakers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at store and servers once, then again and again until the end."""
        await self._look_at_store()
        await self.fleet.poll()
        duties = (self._follow_store, self._follow_servers, self._follow_answers, self._report)
        tasks = [asyncio.create_task(self._forever(duty)) for duty in duties]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.tally.write(self.store.bucket)
            await self.fleet.close()

    async def _forever(self, duty: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await duty()
            except (GenaiError, OSError, RuntimeError, ValueError, LookupError):
                LOG.exception("%s failed, and goes on", duty.__name__)
                await asyncio.sleep(self.limits.poll)

    async def _look_at_store(self) -> None:
        await self.known.read()
        self.fleet.expect(self.known.now.models, self.known.now.scale)

    async def _follow_store(self) -> None:
        await self.known.due(self.limits.poll)
        before = self.fleet.models.keys()
        await self._look_at_store()
        if self.fleet.models.keys() != before:
            await self.fleet.poll()

    async def _follow_servers(self) -> None:
        await asyncio.sleep(self.limits.poll)
        await self.fleet.poll()
        self.relay.queues.dispatch()

    async def _follow_answers(self) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        self.fleet.look()
        self.tally.levels(self.relay.queues.in_flight, self.relay.queues.waiting)

    async def _report(self) -> None:
        await asyncio.sleep(self.limits.report)
        await self.tally.write(self.store.bucket)

    def _breakers(self) -> list[tuple[str, str, str]]:
        moment = asyncio.get_running_loop().time()
        return [
            (server.address, copy.model.name, copy.breaker.state(moment))
            for server in self.fleet.servers.values()
            for copy in server.copies.values()
        ]

    def state(self) -> dict[str, Any]:
        """What /ready says."""
        age = self.known.age
        away = f"away for {age:.0f} s, what was known then still holds" if age is not None else "not read yet"
        servers = {
            server.address: {
                "routed": server.address in self.fleet.routed,
                "live": server.live,
                "ready": sorted(name for name, copy in server.copies.items() if copy.ready),
                "in_flight": server.in_flight,
            }
            for server in self.fleet.servers.values()
        }
        return {
            "ready": age is not None and not self.ending,
            "ending": self.ending,
            "store": "ok" if not self.known.trouble else away,
            "servers": servers,
        }
