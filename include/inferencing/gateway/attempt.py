"""One attempt at an answer by one model on one server."""

import asyncio
import re
import signal
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from include.inferencing.gateway.backends import Dialect, Failure, Piece
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.question import Question

if TYPE_CHECKING:
    from include.inferencing.gateway.servers import Copy

# Triton itself ends a request at its deadline; the stream outlives it by so much
GRACE_SECONDS = 2.0
# an error of a package of this project: `[code] message`
CODED = re.compile(r"\[(invalid_request|prompt_too_long|overloaded|deadline|unloading|failed)\] (.*)", re.DOTALL)
# errors begin with the words of whoever made them: further on they may be a prompt that an engine quotes
RELAYED = r"Failed to process the request\(s\) for model instance '[^']*', message: "
# a model's process that is gone, in Triton's words and in a package's: the copy answers nobody until it is loaded again
STUB_GONE = re.compile(rf"(?:{RELAYED})?Stub process (?:'[^']*' )?is not healthy")
ENGINE_GONE = re.compile(r"generation failed, the model must be loaded again: (.*)", re.DOTALL)
# signals that come from outside; one of its own crashes, as an exception in a step, is the package's
KILLED = re.compile(
    rf"the engine's process was ended by signal ({signal.SIGHUP:d}|{signal.SIGKILL:d}|{signal.SIGTERM:d}):"
)
ENGINE_ERROR = re.compile(rf"{RELAYED}|Error generating stream: ")
# what Triton says of a model that it does not have, has not loaded yet, or is about to unload
NOT_READY = ("unknown model", "is not ready", "is not found", "no available versions", "unloading")


async def attempt(
    copy: "Copy", question: Question, adapter: str, seconds: float, limits: GatewayLimits, *, counted: bool = True
) -> AsyncGenerator[Piece, None]:
    """Pieces of the answer within `seconds`; Failure says why there are none, or no more.

    Leaving it cancels the request at Triton. A probe is not `counted` among what is under way.
    """
    request = {
        "model_name": copy.model.name,
        "inputs": copy.model.dialect.inputs(question, adapter, copy.model.info),
        "timeout": int(seconds * 1e6),
    }
    call = copy.server.client.stream_infer(_once(request), stream_timeout=seconds + GRACE_SECONDS)
    if counted:
        copy.begin(call)
    clock = asyncio.get_running_loop().time
    end, wait, ended = clock() + seconds + GRACE_SECONDS / 2, limits.first_token, False
    try:
        while (piece := await _next(copy, call, wait, end - clock(), last=ended)) is not None:
            copy.heard = clock()
            wait, ended = limits.token_gap, bool(piece.finish_reason)
            yield piece
        if not ended:
            raise Failure("failed", "the stream ended before the answer did")
        copy.breaker.succeed(probe=not counted)
        copy.deaths.answered()
    finally:
        copy.calls.discard(call)
        call.cancel()


async def _once(request: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    yield request


async def _next(copy: "Copy", call: Any, wait: float, left: float, *, last: bool) -> Piece | None:
    """The next piece, None after the last one."""
    import grpc

    try:
        async with asyncio.timeout(min(wait, left)):
            result, error = await anext(call)
    except StopAsyncIteration:
        return None
    except TimeoutError:
        if last:
            return None
        if left < wait:
            raise Failure("deadline", "the deadline passed") from None
        raise Failure("silent", f"nothing came for {wait:.0f} s") from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # the call was cancelled, not this task: the model on that server is dead
        raise Failure("ended", copy.trouble) from None
    except grpc.RpcError as error:
        raise _broken(error, copy.model.dialect) from error
    if error is not None:
        raise failure_of(str(error.message() or error), copy.model.dialect)
    response = result.get_response()
    outputs = {output.name: raw for output, raw in zip(response.outputs, response.raw_output_contents, strict=False)}
    return copy.model.dialect.piece(outputs)


def failure_of(message: str, dialect: Dialect) -> Failure:
    """What a Triton error says: `[code] message` of a package, else Triton's own words, or its engine's."""
    if coded := CODED.match(message):
        code, told = coded.groups()
        gone = ENGINE_GONE.match(told) if code == "failed" else None
        return Failure(code, told.strip(), dead=bool(gone), killed=bool(gone and KILLED.match(gone[1])))
    if STUB_GONE.match(message):
        return Failure("failed", message, dead=True, killed=True)
    if failure := dialect.failure(message):
        return failure
    if not ENGINE_ERROR.match(message) and any(words in message.lower() for words in NOT_READY):
        return Failure("not_ready", message)
    return Failure("failed", message)


def _broken(error: Any, dialect: Dialect) -> Failure:
    import grpc

    code = error.code()
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Failure("deadline", "the deadline passed")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return Failure("lost", f"the connection broke: {error.details()}")
    return failure_of(str(error.details()), dialect)
