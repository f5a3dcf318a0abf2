"""A gateway on a free port, in front of the session's Triton and store."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from include.inferencing.access.keys import create_key, put_tenant
from tests.conftest import ObjectStoreServer, free_ports
from tests.inferencing.conftest import QUICK, TritonServer, deploy, run_of

# short enough for tests, long enough for two busy processors
LIMITS = {"unready": 30, "drain": 20}


class GatewayServer:
    """A gateway process of a test's own."""

    def __init__(self, folder: Path, store: ObjectStoreServer, triton: str, **limits: float) -> None:
        self.folder, self.store, self.triton = folder, store, triton
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.limits = ",".join(f"{name}={value}" for name, value in (LIMITS | limits).items())
        self.log = folder / f"gateway-{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "GatewayServer":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GENAI_")}
        environment |= self.store.address().environment() | {
            "GENAI_STATE_FOLDER": str(self.folder),
            "GENAI_GATEWAY_PORT": str(self.port),
            "GENAI_GATEWAY_LIMITS": self.limits,
            "GENAI_TRITON_URL": self.triton,
            "GENAI_PSEUDONYM_KEY": os.environ["GENAI_PSEUDONYM_KEY"],
            "PYTHONPATH": str(PROJECT_ROOT),
        }
        with self.log.open("ab") as log:
            line = [sys.executable, "-m", "include.inferencing.gateway"]
            self.process = subprocess.Popen(line, env=environment, stdout=log, stderr=log, cwd=self.folder)
        eventually(lambda: self.process is not None and self.get("/ready").status_code == 200, 30, self.told)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(60)

    def told(self) -> str:
        return self.log.read_text()[-3000:]

    def get(self, path: str, key: str = "") -> httpx.Response:
        return httpx.get(self.url + path, headers=bearer(key), timeout=10)

    def post(self, body: Any, key: str, path: str = "/v1/chat/completions", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(self.url + path, content=content, headers=bearer(key) | headers, timeout=90)

    def client(self, key: str, **values: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **({"max_retries": 0, "timeout": 90} | values))

    def lines(self) -> list[dict[str, Any]]:
        """One a request; of the last one only what is whole, as it may be written just now."""
        whole = [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole if line.startswith('{"at"')]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def eventually(condition: Callable[[], object], seconds: float = 30, told: Callable[[], str] = str) -> None:
    """Wait for a condition; a server that does not answer yet is no answer."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.HTTPError, openai.APIError):
            if condition():
                return
        assert time.monotonic() < deadline, f"not within {seconds} s: {told()}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def served(store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef]) -> str:
    """A use case with a champion, for tests that do not change it."""
    deploy(store, packages[0], run_of("served"), QUICK)
    return "served"


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, object_store_server: ObjectStoreServer, triton: TritonServer, served: str
) -> Iterator[GatewayServer]:
    """A gateway of the session."""
    server = GatewayServer(tmp_path_factory.mktemp("gateway"), object_store_server, triton.address).start()
    yield server
    server.stop()


@pytest.fixture
def new_gateway(
    tmp_path: Path, object_store_server: ObjectStoreServer, triton: TritonServer
) -> Iterator[Callable[..., GatewayServer]]:
    """Starts gateways with limits of a test's own."""
    made: list[GatewayServer] = []

    def make(triton_url: str = "", **limits: float) -> GatewayServer:
        made.append(GatewayServer(tmp_path, object_store_server, triton_url or triton.address, **limits))
        return made[-1].start()

    yield make
    for server in made:
        if server.process and server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture
def new_key(store: ArtifactStore, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Makes a tenant of the test's own and a key; keyword arguments are the tenant's."""

    def make(tenant: str = "", days: float | None = None, **values: Any) -> str:
        name = tenant or re.sub(r"\W+", "-", request.node.name)[:50].strip("-")
        put_tenant(store.bucket, name, {"models": ["*"], "requests_per_minute": 100_000} | values)
        return create_key(store.bucket, name, days)

    return make


def accepted(gateway: GatewayServer, key: str) -> str:
    """The key, once the gateway knows it."""
    eventually(lambda: gateway.get("/v1/models", key).status_code == 200, 10, gateway.told)
    return key
