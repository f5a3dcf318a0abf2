"""Who may go on when there are more requests than places: tenants take turns, model by model."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError

# of so many places one is kept free of whichever tenant has taken all others
PLACES_A_SPARE = 8
# weight of the newest answer in the mean time that a place is taken for
NEWEST = 0.1


@dataclass
class Queue:
    """The requests of one use case: how many run, and who waits."""

    running: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, deque[tuple[asyncio.Future[None], Call]]] = field(default_factory=dict)
    taken: float = 0.0

    @property
    def length(self) -> int:
        """How many wait."""
        return sum(map(len, self.waiting.values()))


class Queues:
    """`places(use_case)`: answers at once; `most` may wait for one; several `tenants` share them."""

    def __init__(self, places: Callable[[str], int], most: int, tenants: Callable[[], int]) -> None:
        self.places, self.most, self.tenants = places, most, tenants
        self.queues: dict[str, Queue] = {}
        self.running: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """All that wait."""
        return sum(queue.length for queue in self.queues.values())

    @property
    def in_flight(self) -> int:
        """All that have a place."""
        return self.running.total()

    @asynccontextmanager
    async def place(self, call: Call) -> AsyncIterator[None]:
        """Wait for a place and hold it; ApiError 429 or 503 at once where that would come too late."""
        loop, queue = asyncio.get_running_loop(), self.queues.setdefault(call.use_case, Queue())
        began = loop.time()
        # those that wait and fit go first; those that wait for their own tenant's places hold up nobody else
        self.dispatch()
        if queue.waiting.get(call.tenant) or not self._fits(queue, call):
            await self._wait(queue, call)
        else:
            self._take(queue, call)
        taken = loop.time()
        call.queued = taken - began
        try:
            yield
        finally:
            held = loop.time() - taken
            queue.taken += (held - queue.taken) * (NEWEST if queue.taken else 1.0)
            queue.running[call.tenant] -= 1
            self.running[call.tenant] -= 1
            self.dispatch()

    def dispatch(self) -> None:
        """Give free places away, to each waiting tenant in turn."""
        for use_case, queue in self.queues.items():
            turns = deque(queue.waiting)
            while turns:
                tenant = turns.popleft()
                line = queue.waiting[tenant]
                while line and line[0][0].done():
                    line.popleft()
                if not line:
                    del queue.waiting[tenant]
                elif self._fits(queue, line[0][1]):
                    future, call = line.popleft()
                    self._take(queue, call)
                    future.set_result(None)
                    # to the end of the line of tenants
                    queue.waiting[tenant] = queue.waiting.pop(tenant)
                    turns.append(tenant)
                elif queue.running.total() >= self.places(use_case):
                    break

    def _fits(self, queue: Queue, call: Call) -> bool:
        places, mine = self.places(call.use_case), queue.running[call.tenant]
        spare = -(-places // PLACES_A_SPARE) if self.tenants() > 1 else 0
        within = queue.running.total() < places and mine < max(1, places - spare)
        return within and self.running[call.tenant] < call.access.concurrent

    def _take(self, queue: Queue, call: Call) -> None:
        queue.running[call.tenant] += 1
        self.running[call.tenant] += 1

    async def _wait(self, queue: Queue, call: Call) -> None:
        self._refuse_hopeless(queue, call)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.setdefault(call.tenant, deque()).append((future, call))
        try:
            async with asyncio.timeout(call.left):
                await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                # it got its place and went away in the same moment
                queue.running[call.tenant] -= 1
                self.running[call.tenant] -= 1
                self.dispatch()
            future.cancel()
            self._leave(queue, call)
            if isinstance(error, TimeoutError):
                raise self._too_late(call, self._estimate(queue, call)) from None
            raise

    def _leave(self, queue: Queue, call: Call) -> None:
        """Take who waits no more out of the line, where it would count."""
        line = queue.waiting.get(call.tenant, deque())
        waiting = [entry for entry in line if not entry[0].done()]
        # the same line, at its place among the tenants' turns
        line.clear()
        line.extend(waiting)
        if not waiting:
            queue.waiting.pop(call.tenant, None)

    def _refuse_hopeless(self, queue: Queue, call: Call) -> None:
        mine, estimate = len(queue.waiting.get(call.tenant, ())), self._estimate(queue, call)
        if mine >= call.access.concurrent:
            raise _too_many(call, estimate)
        if queue.length >= self.most or estimate > call.left:
            # who has less time than others wait is none that the model was too slow for
            call.given_up = queue.length < self.most and estimate <= call.usual_left
            raise self._too_late(call, estimate)

    def _too_late(self, call: Call, estimate: float) -> ApiError:
        """Why there is no place in time: the tenant's own answers have all that it may have, or there are too few."""
        if self.running[call.tenant] >= call.access.concurrent:
            return _too_many(call, estimate)
        return _overloaded(estimate)

    def _estimate(self, queue: Queue, call: Call) -> float:
        """Seconds until a request that comes now has a place; turns of tenants are left out of it."""
        places = max(1, min(self.places(call.use_case), call.access.concurrent))
        mine = len(queue.waiting.get(call.tenant, ()))
        ahead = max(mine / places, queue.length / max(1, self.places(call.use_case)))
        return queue.taken * ahead


def _too_many(call: Call, seconds: float) -> ApiError:
    told = f"Too many requests at once: {call.access.concurrent} run, and others wait."
    return ApiError(429, told, code="rate_limit_exceeded", retry_after=max(1.0, min(60.0, seconds)))


def _overloaded(seconds: float) -> ApiError:
    told = "The model is overloaded: the answer would come after its deadline."
    return ApiError(503, told, code="overloaded", retry_after=max(1.0, min(60.0, seconds)))
