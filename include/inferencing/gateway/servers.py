"""A Triton server as a gateway sees it, and the models on it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from typing import Any

from include.inferencing.deaths import Deaths
from include.inferencing.gateway.attempt import attempt
from include.inferencing.gateway.backends import Failure
from include.inferencing.gateway.breaker import Breaker
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.question import Question
from include.inferencing.gateway.view import Model

LOG = logging.getLogger("genai.gateway.servers")
CALL_SECONDS = 2.0
PROBE_SECONDS = 10.0
# a server that comes back is found at once; each server has a connection of its own, and answers of any length
CHANNEL = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]
# polls in a row without an answer, after which a server is lost: a busy one may miss one
LOST_AFTER = 3
PROBE = Question("", chat=True, messages=[{"role": "user", "content": "ping"}], parameters={"max_tokens": 1})


class Copy:
    """A model on one server: whether it is ready, what is under way there, and its circuit breaker."""

    def __init__(self, server: "Server", model: Model) -> None:
        self.server, self.model = server, model
        self.ready = False
        self.breaker, self.deaths = Breaker(), Deaths()
        self.calls: set[Any] = set()
        self.heard = 0.0
        self.trouble = ""
        self.probing: asyncio.Task[None] | None = None

    def usable(self, moment: float) -> bool:
        """Whether requests may go there."""
        return self.ready and self.server.live and self.breaker.state(moment) == "closed"

    def begin(self, call: Any) -> None:
        """An answer begins."""
        if not self.calls:
            self.heard = asyncio.get_running_loop().time()
        self.calls.add(call)

    def failed(self, failure: Failure, *, probe: bool = False) -> None:
        """Count what an attempt or a probe ended with."""
        moment = asyncio.get_running_loop().time()
        if failure.code in ("not_ready", "unloading"):
            self.ready = False
        elif failure.code == "lost":
            self.server.live = False
        elif failure.is_fault:
            self.breaker.fail(moment, dead=failure.dead, probe=probe)
        if failure.dead:
            self.deaths.died(killed=failure.killed)
            self.end_all(failure.message)

    def end_all(self, reason: str) -> None:
        """End what is under way: nothing will come of it."""
        if self.calls:
            LOG.warning("%s on %s: %d answers end: %s", self.model.name, self.server.address, len(self.calls), reason)
        self.trouble = reason
        for call in list(self.calls):
            call.cancel()

    def pieces(
        self, question: Question, adapter: str, seconds: float, limits: GatewayLimits
    ) -> AsyncGenerator[Any, None]:
        """The answer to `question` within `seconds`, piece by piece; Failure where there is none."""
        return attempt(self, question, adapter, seconds, limits)

    async def probe(self, limits: GatewayLimits) -> None:
        """Ask for one token: closes the breaker, or says at once that a stub is dead, which Triton calls ready."""
        self.heard = asyncio.get_running_loop().time()
        try:
            async with aclosing(attempt(self, PROBE, "", PROBE_SECONDS, limits, counted=False)) as pieces:
                async for _ in pieces:
                    pass
        except Failure as failure:
            if failure.code == "overloaded":
                return
            # silence proves nothing while others are being answered
            if failure.code not in ("silent", "deadline") or self.breaker.opened_at is not None:
                self.failed(failure, probe=True)

    def look(self, limits: GatewayLimits) -> None:
        """Start a probe where one is due."""
        moment = asyncio.get_running_loop().time()
        silent = bool(self.calls) and moment - self.heard > limits.suspicion
        if not self.probing and (silent or (self.ready and self.breaker.state(moment) == "half_open")):
            self.probing = asyncio.create_task(self.probe(limits))
            self.probing.add_done_callback(self._probed)

    def _probed(self, task: "asyncio.Task[None]") -> None:
        self.probing = None
        if not task.cancelled() and task.exception():
            LOG.error("probe of %s on %s: %r", self.model.name, self.server.address, task.exception())
        self.server.told()


class Server:
    """One Triton; `told` is called when something about it changed."""

    def __init__(self, address: str, told: Any) -> None:
        import tritonclient.grpc.aio as grpc

        self.address, self.told = address, told
        self.client = grpc.InferenceServerClient(address, channel_args=CHANNEL)
        self.copies: dict[str, Copy] = {}
        self.live = False
        self.missed = 0
        self.polling: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Answers under way."""
        return sum(len(copy.calls) for copy in self.copies.values())

    def begin_poll(self, models: dict[str, Model]) -> "asyncio.Task[None]":
        """The poll that is under way, or a new one."""
        if self.polling is None or self.polling.done():
            self.polling = asyncio.create_task(self.poll(models))
            self.polling.add_done_callback(self._polled)
        return self.polling

    def _polled(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception():
            LOG.error("poll of %s: %r", self.address, task.exception())

    async def poll(self, models: dict[str, Model]) -> None:
        """Ask whether it lives, and which of `models` are ready."""
        before = (self.live, {name for name, copy in self.copies.items() if copy.ready})
        self._expect(models)
        if await self._asked(self.client.is_server_live(client_timeout=CALL_SECONDS)) is None:
            self._missed()
        else:
            self.live, self.missed = True, 0
            for copy in list(self.copies.values()):
                if copy.model.name in models:
                    ready = await self._asked(self.client.is_model_ready(copy.model.name, client_timeout=CALL_SECONDS))
                    copy.ready = copy.ready if ready is None else ready
        if before != (self.live, {name for name, copy in self.copies.items() if copy.ready}):
            LOG.info("%s: %s, ready: %s", self.address, "live" if self.live else "gone", self._ready())
            self.told()

    def _ready(self) -> str:
        return ", ".join(sorted(name for name, copy in self.copies.items() if copy.ready)) or "nothing"

    def _expect(self, models: dict[str, Model]) -> None:
        for name, model in models.items():
            if name not in self.copies:
                self.copies[name] = Copy(self, model)
        for name, copy in list(self.copies.items()):
            if name not in models and not copy.calls:
                del self.copies[name]

    def _missed(self) -> None:
        self.missed += 1
        if self.missed >= LOST_AFTER or not self.in_flight:
            self.live = False
            for copy in self.copies.values():
                copy.ready = False
                copy.end_all("the server does not answer")

    async def _asked(self, call: Awaitable[Any]) -> bool | None:
        """The answer; None where none came."""
        from tritonclient.utils import InferenceServerException

        try:
            return bool(await call)
        except InferenceServerException:
            return None

    async def close(self) -> None:
        """Close the channel."""
        if self.polling:
            self.polling.cancel()
        await self.client.close()
