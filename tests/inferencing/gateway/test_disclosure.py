"""What nobody learns without a key, and what no log holds."""

import asyncio
import logging
from typing import Any

import httpx
import pytest

from include.artifacts.store import ArtifactStore
from include.inferencing.gateway.app import create_app
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.gateway import Gateway
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.gateway.metrics import Metrics
from include.inferencing.gateway.question import read_question
from include.inferencing.gateway.recorder import Recorder
from include.inferencing.gateway.servers import Server
from include.inferencing.gateway.tally import Tally


@pytest.mark.parametrize(
    ("peer", "headers", "to_all", "seen"),
    [
        ("127.0.0.1", {}, False, True),
        ("::1", {}, False, True),
        ("10.0.0.7", {}, False, False),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, False, False),
        ("10.0.0.7", {}, True, True),
    ],
)
def test_tenants_and_addresses_are_told_to_this_machine_alone(
    store: ArtifactStore, peer: str, headers: dict[str, str], to_all: bool, seen: bool
) -> None:
    async def play() -> tuple[Any, Any]:
        gateway = Gateway(store, ["10.9.8.7:1"], GatewayLimits(details_to_all=to_all))
        gateway.metrics.refused("acme", 429, "rate_limit_exceeded")
        gateway.fleet.servers["10.9.8.7:1"] = Server("10.9.8.7:1", gateway.fleet.news.tell)
        await gateway.known.read()
        transport = httpx.ASGITransport(create_app(gateway), client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            told = await client.get("/ready"), await client.get("/metrics")
        await gateway.fleet.close()
        return told

    ready, metrics = asyncio.run(play())
    assert ready.status_code == 200 and ready.json()["ready"]
    assert (metrics.status_code == 200) == seen
    assert (("10.9.8.7" in ready.text), ("acme" in metrics.text)) == (seen, seen)


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        (b'{"my name is Jane Doe": 1}', ""),
        (b'{"model": "m", "messages": [{"role": "user", "content": "a", "my name is Jane Doe": 1}]}', "messages"),
        (b'{"model": "m", "messages": [], "temperature": 3}', "temperature"),
    ],
)
def test_no_log_holds_names_of_the_clients_own(caplog: pytest.LogCaptureFixture, body: bytes, logged: str) -> None:
    with pytest.raises(ApiError) as refused, caplog.at_level(logging.INFO, "genai.gateway.requests"):
        read_question(body, chat=True)
    with caplog.at_level(logging.INFO, "genai.gateway.requests"):
        Recorder(Metrics(), Tally("g")).refused("req-1", "t", "k", refused.value)
    assert f'"param": "{logged}"' in caplog.text and "Jane" not in caplog.text
