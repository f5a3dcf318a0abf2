"""A canary's traffic: a candidate's crashes are its own, and so are refusals that the champion would not give."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from include.inferencing.access.tenants import Tenant
from include.inferencing.config import DeployConfig
from include.inferencing.gateway.backends.openvino import OpenVino
from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError, refused
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.news import News
from include.inferencing.gateway.question import Question
from include.inferencing.gateway.relay import Relay
from include.inferencing.gateway.servers import Copy
from include.inferencing.gateway.tally import Tally
from include.inferencing.gateway.view import Model, Route, Snapshot
from include.inferencing.rollout.decide import Observed, decide

CANDIDATE, CHAMPION = "candidate", "champion"
GONE = "[failed] generation failed, the model must be loaded again: "
STUB_GONE = "Failed to process the request(s) for model instance 'm_0_0', message: Stub process 'm_0_0' is not healthy."
TOO_LONG, INVALID = "[prompt_too_long] 40 tokens, at most 20", "[invalid_request] max_tokens is at most 8"
LAST = {"text_output": b"\0\0\0\0yes", "completion_tokens": b"\1\0\0\0", "prompt_tokens": b"\3\0\0\0"}
LAST |= {"finish_reason": b"\0\0\0\0stop"}


class Told:
    """A stream of Triton's: one answer, or an error."""

    def __init__(self, error: str) -> None:
        response = SimpleNamespace(
            outputs=[SimpleNamespace(name=name) for name in LAST], raw_output_contents=list(LAST.values())
        )
        result = SimpleNamespace(get_response=lambda: response)
        self.left = [(None, SimpleNamespace(message=lambda: error)) if error else (result, None)]

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()

    def cancel(self) -> None:
        self.left.clear()


class Picky(OpenVino):
    """A dialect that cannot put any question."""

    def inputs(self, question: Question, adapter: str, info: dict[str, Any]) -> list[Any]:
        raise refused("The model's chat template refuses these messages", "messages")


def copy_of(name: str, says: Callable[[int], str], dialect: OpenVino) -> Copy:
    """A model that is ready; `says` gives the error of its answer of a number, none where it answers."""
    asked = iter(range(1_000))
    client = SimpleNamespace(stream_infer=lambda *_, **__: Told(says(next(asked))))
    server: Any = SimpleNamespace(address="here", live=True, client=client)
    return Copy(server, Model(name, {"limits": {}}, dialect))


def canary(
    candidate: Callable[[int], str], champion: Callable[[int], str] = lambda _: "", dialect: OpenVino | None = None
) -> tuple[list[ApiError | None], Observed, Observed]:
    """What 20 clients of the candidate's share got, and what is seen of both models."""
    tally, found = Tally("g"), list[ApiError | None]()

    async def play() -> None:
        copies = {CANDIDATE: copy_of(CANDIDATE, candidate, dialect or OpenVino())}
        copies[CHAMPION] = copy_of(CHAMPION, champion, OpenVino())
        route = Route(copies[CHAMPION].model, copies[CANDIDATE].model, 1.0)
        known: Any = SimpleNamespace(now=Snapshot(routes={"m": route}))
        fleet: Any = SimpleNamespace(pick=lambda name, _: copies[name], ready_servers=lambda _: 1, news=News())
        relay = Relay(known, fleet, GatewayLimits(), tally)
        for number in range(20):
            asked = Question("m", chat=True, messages=[{"role": "user", "content": "Why?"}])
            call = Call(asked, "t", "k", Tenant(models=("*",)), "m", "", 60, str(number))
            found.append(await _answered(relay, call))
            tally.ended(call)

    asyncio.run(play())
    seen = tally.minute.models
    return found, Observed.of(seen[CANDIDATE]), Observed.of(seen[CHAMPION])


async def _answered(relay: Relay, call: Call) -> ApiError | None:
    try:
        async for piece in relay.pieces(call):
            call.text.append(piece.text)
    except ApiError as error:
        call.status = error.status
        return error
    call.status = 200
    return None


@pytest.mark.parametrize(
    ("error", "bad"),
    [
        ("[failed] an answer alone", 10),
        # an exception in a step, and a crash
        (f"{GONE}std::bad_alloc", 10),
        (f"{GONE}the engine's process was ended by signal 11: see the server's log", 10),
        # what somebody killed, or ended nobody knows how, is excused once
        (f"{GONE}the engine's process was ended by signal 9: see the server's log", 9),
        (STUB_GONE, 9),
    ],
)
def test_a_candidate_that_crashes_again_and_again_is_to_blame(error: str, bad: int) -> None:
    told, its, champions = canary(lambda number: error if number % 2 else "")
    assert told == [None] * 20
    assert (its.bad, its.requests, its.under_way) == (bad, 10 + bad, 0)
    assert (champions.bad, champions.requests) == (0, 10)


def test_a_copy_that_stays_dead_has_died_once() -> None:
    told, its, _ = canary(lambda number: STUB_GONE if number else "")
    assert told == [None] * 20
    assert (its.bad, its.requests, its.under_way) == (0, 1, 0)


@pytest.mark.parametrize("refusal", [TOO_LONG, INVALID])
def test_what_a_candidate_alone_refuses_the_champion_answers_and_the_rollout_goes_back(refusal: str) -> None:
    told, its, champions = canary(lambda _: refusal)
    assert told == [None] * 20
    assert (its.bad, its.requests, its.under_way) == (20, 20, 0)
    assert (champions.bad, champions.requests) == (0, 20)
    assert decide(its, champions, [], DeployConfig(), over=False).step == "roll_back"


def test_a_candidate_whose_questions_cannot_be_put_is_to_blame() -> None:
    told, its, _ = canary(lambda _: "", dialect=Picky())
    assert told == [None] * 20
    assert (its.bad, its.requests, its.under_way) == (20, 20, 0)


@pytest.mark.parametrize("refusal", [TOO_LONG, INVALID])
def test_what_both_refuse_is_the_clients_fault_and_counts_for_neither(refusal: str) -> None:
    told, its, champions = canary(lambda _: refusal, lambda _: refusal)
    assert [error.status for error in told if error] == [400] * 20
    assert (its.bad, its.requests, its.under_way) == (0, 0, 0)
    assert (champions.bad, champions.requests, champions.under_way) == (0, 0, 0)
