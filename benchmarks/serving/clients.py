"""Clients that cost little: what they use of two processors is not the server's."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.serving.served import USE_CASE, Served


class Run(NamedTuple):
    """Streams that ran together: tokens written, seconds from first request to last token, first-token times."""

    tokens: int
    seconds: float
    first: list[float]


def question(number: int, stream: int) -> str:
    """One that was not asked before, so that no cache has its answer."""
    return f"Tell me a long story about the number {number * 1000 + stream}."


def ask_gateway(served: Served, number: int, streams: int, tokens: int) -> Run:
    """Chat completions as server-sent events."""
    return asyncio.run(_together(lambda stream: _chat(served, question(number, stream), tokens), streams))


def ask_triton(served: Served, number: int, streams: int, tokens: int) -> Run:
    """The model's own interface over gRPC, one channel for all streams."""

    async def all_of_them() -> Run:
        import tritonclient.grpc.aio as grpc

        async with grpc.InferenceServerClient(served.triton) as client:

            def ask(stream: int) -> Awaitable[tuple[int, float]]:
                return _infer(client, served.model, question(number, stream), tokens)

            return await _together(ask, streams)

    return asyncio.run(all_of_them())


async def _together(ask: Callable[[int], Awaitable[tuple[int, float]]], streams: int) -> Run:
    started = time.monotonic()
    found = await asyncio.gather(*(ask(stream) for stream in range(streams)))
    seconds = time.monotonic() - started
    return Run(sum(tokens for tokens, _ in found), seconds, [first for _, first in found])


async def _chat(served: Served, asked: str, tokens: int) -> tuple[int, float]:
    place = urlsplit(served.gateway)
    messages = [{"role": "user", "content": asked}]
    wanted = {"model": USE_CASE, "messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True}
    body = json.dumps(wanted | {"stream_options": {"include_usage": True}}).encode()
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {place.netloc}\r\nauthorization: Bearer {served.key}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\nx-request-timeout: 600\r\n\r\n"
    started, first, count = time.monotonic(), 0.0, 0
    writer.write(head.encode() + body)
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            raise SystemExit(f"gateway = {status!r}: {(await reader.read(2000))!r}")
        async for line in reader:
            if line.startswith(b"data: [DONE]"):
                break
            if line.startswith(b"data: {"):
                told = json.loads(line[6:])
                if any(choice["delta"].get("content") for choice in told["choices"]):
                    first = first or time.monotonic() - started
                if told.get("usage"):
                    count = int(told["usage"]["completion_tokens"])
    finally:
        writer.close()
    return count, first or time.monotonic() - started


async def _infer(client: Any, model: str, asked: str, tokens: int) -> tuple[int, float]:
    from include.inferencing.triton_client import inputs_of

    inputs = inputs_of(asked, {"max_tokens": tokens}, "")

    async def requests() -> Any:
        yield {"model_name": model, "inputs": inputs, "enable_empty_final_response": True}

    started, first, count = time.monotonic(), 0.0, 0
    async for result, error in client.stream_infer(requests()):
        if error:
            raise error
        written = result.as_numpy("completion_tokens")
        if written is not None:
            first = first or time.monotonic() - started
            count += int(written[0])
        if result.get_response().parameters["triton_final_response"].bool_param:
            break
    return count, first
