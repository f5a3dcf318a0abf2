"""How a gateway looks at its servers."""

import asyncio
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from include.inferencing.gateway.fleet import Fleet
from include.inferencing.gateway.limits import GatewayLimits


class Alive(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """What Triton says of itself."""

    async def ServerLive(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerLiveResponse(live=True)


def test_a_server_that_hangs_delays_no_look_at_the_others() -> None:
    async def play() -> None:
        alive = grpc.aio.server()
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Alive(), alive)
        good = f"127.0.0.1:{alive.add_insecure_port('127.0.0.1:0')}"
        await alive.start()
        silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        bad = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        fleet = Fleet([good, bad], GatewayLimits())
        try:
            async with asyncio.timeout(30):
                while not (fleet.servers and fleet.servers[good].live):
                    await fleet.poll()
                    polling = fleet.servers[bad].polling
                    assert polling and not polling.done()
            assert not fleet.servers[bad].live
        finally:
            await fleet.close()
            silent.close()
            await alive.stop(None)

    asyncio.run(play())
