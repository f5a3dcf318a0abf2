"""Run a gateway until SIGTERM: `python -m include.inferencing.gateway`."""

import logging
import sys

import uvicorn
from fastapi import FastAPI

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, GenaiError
from include.core.settings import settings
from include.inferencing.gateway.app import create_app
from include.inferencing.gateway.feedback import capture_of, feedback_router
from include.inferencing.gateway.gateway import Gateway
from include.inferencing.gateway.limits import read_limits
from include.inferencing.gateway.protocol import bounded


class Server(uvicorn.Server):
    """Says at SIGTERM that the gateway is about to end."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self.gateway = gateway

    def handle_exit(self, sig: int, frame: object) -> None:
        """End once the answers under way are complete."""
        self.gateway.ending = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def application(gateway: Gateway) -> FastAPI:
    """The gateway with what is kept of use; without a key for pseudonyms nothing is, nor is feedback taken."""
    try:
        capture = capture_of(gateway, gateway.store.bucket)
    except ConfigurationError as error:
        logging.warning("no exchange is kept, and no feedback taken: %s", error)
        return create_app(gateway)
    return create_app(gateway, capture, [feedback_router(capture)])


def main() -> int:
    """Serve; 2 where a setting is wrong."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        limits = read_limits(settings().gateway_limits)
        # a store that is away is asked again a second later, not at length
        store = ArtifactStore(StoreAddress.of(settings()), retries=0)
        gateway = Gateway(store, settings().triton_addresses, limits)
    except GenaiError as error:
        logging.error("%s", error)
        return 2
    config = uvicorn.Config(
        application(gateway),
        host=settings().host,
        port=settings().gateway_port,
        http=bounded(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=int(limits.drain),
        backlog=2048,
    )
    Server(config, gateway).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
