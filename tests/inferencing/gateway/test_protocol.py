"""What a connection may hold, whoever is behind it: headers and trailers are bounded, bodies are the gateway's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.protocol import Bounded, bounded

KEPT: list[Bounded] = []
CHUNKED = b"GET /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body; /health at once."""
    length, more = 0, scope["path"] != "/health"
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8")]})
    await send({"type": "http.response.body", "body": b"%8d" % length})


Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def connected(client: Client) -> None:
    class Kept(bounded(GatewayLimits())):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            KEPT.append(self)
            super().connection_made(transport)

    async def play() -> None:
        config = uvicorn.Config(app, http=Kept, lifespan="off", log_config=None)
        config.load()
        state = uvicorn.server.ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: Kept(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with server, asyncio.timeout(30):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await client(reader, writer)
            writer.close()

    asyncio.run(play())


@pytest.mark.parametrize("path", [b"/health", b"/body"])
def test_endless_trailers_are_kept_nowhere_and_end_the_connection(path: bytes) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED.replace(b"/health", path) + b"1\r\nx\r\n0\r\n")
        # below the 2 s that a refused body is read for, above all buffers between
        for _ in range(4_000):
            writer.write(b"a: " + b"b" * 8_000 + b"\r\n")
            try:
                await writer.drain()
            except ConnectionError:
                break
        else:
            raise AssertionError("32 MB of trailers were read")
        assert len(KEPT[-1].headers) == 2

    connected(client)


def test_large_bodies_are_no_headers() -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            chunks = b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(64))
            writer.write(CHUNKED.replace(b"/health", b"/body") + chunks + b"0\r\n\r\n")
            assert (await reader.readuntil(b"  524288")).startswith(b"HTTP/1.1 200")

    connected(client)
