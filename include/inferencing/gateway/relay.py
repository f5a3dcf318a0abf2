"""From a request to the pieces of its answer, by whichever server gives it."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from include.inferencing.gateway.backends import Failure, Piece
from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError, no_model
from include.inferencing.gateway.fleet import Fleet
from include.inferencing.gateway.known import Known
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.queues import Queues
from include.inferencing.gateway.servers import Copy
from include.inferencing.gateway.tally import Tally
from include.inferencing.gateway.view import Model

LOG = logging.getLogger("genai.gateway.relay")


def in_share(identifier: str, share: float) -> bool:
    """Whether a request belongs to the share of a canary: by its id alone, so that each of its tries agrees."""
    number = int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:8], "big")
    return number < share * 2**64


class Relay:
    """Queues a call, chooses model and server, and tries again elsewhere while nothing of the answer was sent."""

    def __init__(self, known: Known, fleet: Fleet, limits: GatewayLimits, tally: Tally) -> None:
        self.known, self.fleet, self.limits, self.tally = known, fleet, limits, tally
        self.queues = Queues(self.places, limits.waiting, lambda: len(known.now.access.tenants))

    def places(self, use_case: str) -> int:
        """Answers at once: ready servers x instances x sequences of an instance."""
        route = self.known.now.routes.get(use_case)
        model = route and (route.champion or route.candidate)
        if not model:
            return 1
        servers = max(1, self.fleet.ready_servers(model.name))
        return servers * self.known.now.scale.instances_of(model.name) * int(model.limits.get("max_sequences", 64))

    async def pieces(self, call: Call) -> AsyncGenerator[Piece, None]:
        """The answer; ApiError where there is none, or no more of it."""
        async with self.queues.place(call):
            failed: list[Copy] = []
            while True:
                copy = await self._copy(call, failed)
                call.triton_model, call.server = copy.model.name, copy.server.address
                self.tally.attempted(copy.model.name)
                try:
                    async with aclosing(
                        copy.pieces(call.question, call.adapter, max(0.01, call.left), self.limits)
                    ) as pieces:
                        async for piece in pieces:
                            call.token(piece.tokens)
                            call.prompt_tokens = piece.prompt_tokens or call.prompt_tokens
                            call.finish_reason = piece.finish_reason
                            yield piece
                    return
                except Failure as failure:
                    await self._failed(call, copy, failure)
                    failed.append(copy)
                except ApiError as refusal:
                    # its dialect cannot put the question
                    self._refused(call, copy, refusal)
                    failed.append(copy)

    async def _failed(self, call: Call, copy: Copy, failure: Failure) -> None:
        """Return where another try is worth it."""
        copy.failed(failure)
        owed = (failure.dead or failure.code == "ended") and copy.deaths.blame()
        error = failure.error(chat=call.question.chat)
        if failure.is_refusal:
            self._refused(call, copy, error)
            return
        LOG.warning("%s at %s: %s: %s", call.id, copy.server.address, failure.code, failure.message[:300])
        if failure.code == "deadline" or not self._may_try(call):
            raise error from failure
        if owed or (failure.is_fault and not failure.killed):
            call.blamed.append(copy.model.name)
        else:
            self.tally.attempted(copy.model.name, -1)
        call.again()
        if failure.code in ("not_ready", "unloading"):
            await self.known.refresh(min(call.left, 2 * self.limits.poll))

    def _refused(self, call: Call, copy: Copy, error: ApiError) -> None:
        """Return where the champion says next whether the client is wrong, or the candidate that refuses."""
        route = self.known.now.routes.get(call.use_case)
        serves = route.champion if route else None
        if serves is None or serves.name == copy.model.name or not _able(serves, call) or not self._may_try(call):
            raise error
        self.tally.attempted(copy.model.name, -1)
        call.refused_by.append(copy.model.name)
        call.again()

    def _may_try(self, call: Call) -> bool:
        """Whether nothing was sent, and there is time for another attempt."""
        sent = call.question.stream and call.first_token is not None
        return not sent and call.retried + 1 < self.limits.attempts and call.left > 0

    async def _copy(self, call: Call, failed: list[Copy]) -> Copy:
        """Where the call goes next; waits for a model that is not loaded yet."""
        clock = asyncio.get_running_loop().time
        patience = clock() + min(call.left, self.limits.unready)
        while True:
            for model in self._models(call, failed):
                if copy := self.fleet.pick(model.name, failed):
                    return copy
            remaining = patience - clock()
            if remaining <= 0:
                raise ApiError(503, "The model is not loaded; try again.", code="model_not_ready", retry_after=5)
            await self.fleet.news.wait(min(remaining, self.limits.poll))

    def _models(self, call: Call, failed: list[Copy]) -> list[Model]:
        """Who may answer, first whose turn it is: a candidate's share falls to the champion where it cannot."""
        route = self.known.now.routes.get(call.use_case)
        if route is None:
            raise no_model(call.question.model)
        found = [route.champion] if route.champion else []
        candidate = route.candidate
        has_failed = candidate and any(copy.model.name == candidate.name for copy in failed)
        if candidate and not has_failed and in_share(call.id, route.share):
            found.insert(0, candidate)
        able = [model for model in found if _able(model, call)]
        if found and not able:
            raise no_model(call.question.model)
        return able


def _able(model: Model, call: Call) -> bool:
    """Whether the model has the adapter that is asked for."""
    return not call.adapter or call.adapter in model.adapters
