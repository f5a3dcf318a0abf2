"""Who gets a place: a tenant at its own limit, or clients that left, hold up nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.call import CANCELLED, Call
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.question import Question
from include.inferencing.gateway.queues import Queues


def call(tenant: str, concurrent: int, seconds: float = 60) -> Call:
    access = Tenant(models=("*",), concurrent=concurrent)
    return Call(Question("m", chat=True), tenant, "key", access, "m", "", seconds, "id", usual=60)


async def hold(queues: Queues, asked: Call, end: asyncio.Event) -> None:
    async with queues.place(asked):
        await end.wait()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def scene(test: Callable[[Queues, asyncio.Event, asyncio.TaskGroup], Awaitable[None]], places: int = 8) -> None:
    async def play() -> None:
        queues, end = Queues(lambda _: places, 16, lambda: 2), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            await test(queues, end, group)
            end.set()

    asyncio.run(play())


def test_a_tenant_at_its_own_limit_holds_up_nobody_else() -> None:
    async def test(queues: Queues, end: asyncio.Event, group: asyncio.TaskGroup) -> None:
        for _ in range(2):
            group.create_task(hold(queues, call("narrow", 1), end))
        await until(lambda: (queues.in_flight, queues.waiting) == (1, 1))
        group.create_task(hold(queues, call("other", 4), end))
        await until(lambda: queues.in_flight == 2)
        assert queues.waiting == 1

    scene(test)


def test_who_waits_for_its_own_answers_is_not_refused_by_the_model() -> None:
    async def test(queues: Queues, end: asyncio.Event, group: asyncio.TaskGroup) -> None:
        group.create_task(hold(queues, call("narrow", 1), end))
        await until(lambda: queues.in_flight == 1)
        with pytest.raises(ApiError) as waited:
            await hold(queues, call("narrow", 1, 0.01), end)
        queues.queues["m"].taken = 1000
        group.create_task(hold(queues, call("narrow", 2), end))
        group.create_task(hold(queues, call("narrow", 2), end))
        await until(lambda: queues.waiting == 1)
        with pytest.raises(ApiError) as hopeless:
            await hold(queues, call("narrow", 2), end)
        assert (waited.value.status, hopeless.value.status) == (429, 429)

    scene(test)


def test_clients_that_left_count_no_more() -> None:
    async def test(queues: Queues, end: asyncio.Event, group: asyncio.TaskGroup) -> None:
        group.create_task(hold(queues, call("narrow", 1), end))
        await until(lambda: queues.in_flight == 1)
        gone = asyncio.create_task(hold(queues, call("narrow", 1), end))
        await until(lambda: queues.waiting == 1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        assert queues.waiting == 0
        # refused with 429 where the one that left still counts
        group.create_task(hold(queues, call("narrow", 1), end))
        await until(lambda: queues.waiting == 1)

    scene(test)


@pytest.mark.parametrize(("taken", "seconds", "counts_as"), [(10, 1, CANCELLED), (10, 0.01, CANCELLED), (100, 1, 503)])
def test_a_deadline_of_the_client_s_own_is_no_refusal_of_the_model_s(
    taken: float, seconds: float, counts_as: int
) -> None:
    """One that is shorter than the wait is the client's; a wait that is longer than the usual deadline is not."""

    async def test(queues: Queues, end: asyncio.Event, group: asyncio.TaskGroup) -> None:
        group.create_task(hold(queues, call("first", 4), end))
        group.create_task(hold(queues, call("second", 4), end))
        await until(lambda: queues.waiting == 1)
        queues.queues["m"].taken = taken
        asked = call("hasty", 4, seconds)
        with pytest.raises(ApiError) as refused:
            await hold(queues, asked, end)
        asked.fail(refused.value)
        asked.status = refused.value.status
        assert (asked.status, asked.counts_as) == (503, counts_as)

    scene(test, places=1)
