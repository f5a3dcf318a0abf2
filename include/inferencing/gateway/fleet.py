"""All Triton servers: found by their addresses, polled, and chosen from."""

import asyncio
import logging
import socket
from collections.abc import Collection

from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.news import News
from include.inferencing.gateway.servers import Copy, Server
from include.inferencing.gateway.view import Model
from include.inferencing.scaling.scale import Scale

LOG = logging.getLogger("genai.gateway.fleet")
RESOLVE_SECONDS = 5.0
# servers that are well answer in milliseconds; nobody waits longer for one that is not
POLL_SECONDS = 0.25


class Fleet:
    """The servers behind `addresses` (host:port; a name with several IP addresses is as many servers)."""

    def __init__(self, addresses: Collection[str], limits: GatewayLimits) -> None:
        self.addresses, self.limits = tuple(addresses), limits
        self.servers: dict[str, Server] = {}
        self.found: list[str] = []
        self.routed: tuple[str, ...] = ()
        self.models: dict[str, Model] = {}
        self.scale = Scale()
        self.news = News()
        self._resolved_at = float("-inf")

    def expect(self, models: dict[str, Model], scale: Scale) -> None:
        """What has to be ready from now on, and on how many servers."""
        changed = models.keys() != self.models.keys()
        self.models, self.scale = models, scale
        self.routed = scale.routed(self.found)
        if changed:
            self.news.tell()

    def pick(self, model: str, avoid: Collection[Copy] = ()) -> Copy | None:
        """The copy of `model` with the fewest answers under way; one of `avoid` only where there is no other."""
        moment = asyncio.get_running_loop().time()
        found = [
            copy for address in self.routed if (copy := self.servers[address].copies.get(model)) and copy.usable(moment)
        ]
        return min(found, key=lambda copy: (copy in avoid, copy.server.in_flight), default=None)

    def ready_servers(self, model: str) -> int:
        """Routed servers that have `model` ready."""
        moment = asyncio.get_running_loop().time()
        copies = (self.servers[address].copies.get(model) for address in self.routed)
        return sum(1 for copy in copies if copy and copy.usable(moment))

    async def poll(self) -> None:
        """A look at each server that is not being looked at; returns without those that do not answer at once."""
        clock = asyncio.get_running_loop().time
        if clock() - self._resolved_at >= RESOLVE_SECONDS:
            await self._resolve()
            self._resolved_at = clock()
        if looks := [server.begin_poll(self.models) for server in self.servers.values()]:
            await asyncio.wait(looks, timeout=POLL_SECONDS)
        self.news.tell()

    def look(self) -> None:
        """Start the probes that are due."""
        for server in self.servers.values():
            for copy in list(server.copies.values()):
                copy.look(self.limits)

    async def _resolve(self) -> None:
        loop, found = asyncio.get_running_loop(), []
        for address in self.addresses:
            host, _, port = address.rpartition(":")
            try:
                entries = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            except OSError as error:
                LOG.warning("%s cannot be resolved: %s", address, error)
                # a name service that is away takes no server away
                found += [known for known in self.servers if known not in found]
                continue
            for name in sorted(entry[4][0] for entry in entries):
                shown = f"[{name}]:{port}" if ":" in str(name) else f"{name}:{port}"
                if shown not in found:
                    found.append(shown)
        await self._keep(found)

    async def _keep(self, addresses: list[str]) -> None:
        gone = [self.servers[address] for address in self.servers if address not in addresses]
        self.servers = {
            address: self.servers.get(address) or Server(address, self.news.tell) for address in addresses
        } | {server.address: server for server in gone if server.in_flight}
        self.found = addresses
        self.routed = self.scale.routed(addresses)
        for server in gone:
            if not server.in_flight:
                await server.close()

    async def close(self) -> None:
        """Close all channels."""
        for server in self.servers.values():
            await server.close()
