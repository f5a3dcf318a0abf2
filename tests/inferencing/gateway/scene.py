"""Two Tritons that may be killed, a gateway before both, and models whose answers take their time."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Serving
from include.inferencing.publish import publish
from include.inferencing.triton_client import TritonClient
from tests.conftest import ObjectStoreServer
from tests.faults.serving.packages import stand_in
from tests.gates import put_in_service, serving_of
from tests.inferencing.conftest import TritonServer, run_of
from tests.inferencing.gateway.conftest import GatewayServer, bearer, eventually

WORDS = "token " * 40


class Scene:
    """Servers of a test module's own."""

    def __init__(
        self, folder: Path, store: ArtifactStore, server: ObjectStoreServer, tritons: Sequence[TritonServer] = ()
    ) -> None:
        self.folder, self.store, self.borrowed = folder, store, bool(tritons)
        self.tritons = list(tritons)
        self.served: dict[str, str] = {}
        for number in range(0 if tritons else 2):
            (folder / str(number)).mkdir()
            self.tritons.append(TritonServer(folder / str(number), server))
            self.tritons[-1].start()

    @property
    def addresses(self) -> str:
        return ",".join(triton.address for triton in self.tritons)

    def serve(self, use_case: str, package: ArtifactRef | None = None, **behaviour: Any) -> str:
        """Put a package in service, on both servers; its name there."""
        package = package or stand_in(self.store, use_case, **({"answer": WORDS} | behaviour))
        serving = serving_of(self.store, use_case, package)
        self.publish(use_case, serving)
        put_in_service(self.store, run_of(use_case), serving)
        return serving.model_name

    def publish(self, name: str, serving: Serving) -> None:
        """Have a package loaded, in no use case's service."""
        publish(self.store, serving.package, serving.model_name)
        self.served[name] = serving.model_name
        for triton in self.tritons:
            self.load(triton, name)

    def load(self, triton: TritonServer, *use_cases: str) -> None:
        with TritonClient(triton.address) as client:
            for use_case in use_cases or self.served:
                # a model that is loaded already would be left as it is
                client.unload(self.served[use_case])
                client.load(self.served[use_case], 60)

    def revive(self, triton: TritonServer) -> None:
        """Start a killed server again and load what it had."""
        triton.start()
        self.load(triton)

    def kill(self, triton: TritonServer) -> None:
        """kill -9 of the server; its stubs may outlive it."""
        stubs = triton.stubs()
        triton.kill()
        for stub in stubs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stub, signal.SIGKILL)

    def kill_stub(self, triton: TritonServer, use_case: str) -> None:
        """kill -9 of the process that runs the model, which Triton goes on calling ready."""
        for stub in triton.stubs():
            line = Path(f"/proc/{stub}/cmdline").read_bytes().decode(errors="replace")
            if self.served[use_case] in line:
                os.kill(stub, signal.SIGKILL)
                return
        raise AssertionError(f"no stub of {use_case}")

    def end(self) -> None:
        for use_case in self.served:
            self.store.bucket.delete([champion.document(self.store.bucket, use_case).key])
        for triton in self.tritons:
            if self.borrowed:
                with TritonClient(triton.address) as client:
                    for name in self.served.values():
                        client.unload(name)
            elif triton.process and triton.process.poll() is None:
                self.kill(triton)


def ready(gateway: GatewayServer, model: str, servers: int) -> None:
    """Wait until the gateway sees a model ready on so many servers."""

    def seen() -> bool:
        told = gateway.get("/ready").json()["servers"].values()
        return sum(model in one["ready"] for one in told) == servers

    eventually(seen, 30, gateway.told)


@dataclass
class Stream:
    """One streamed request in a thread of its own: what came of it."""

    gateway: GatewayServer
    key: str
    model: str
    max_tokens: int = 40
    pieces: list[str] = field(default_factory=list)
    status: int = 0
    server_model: str = ""
    error: dict[str, Any] = field(default_factory=dict)
    done: bool = False

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        body = {"model": self.model, "stream": True, "max_tokens": self.max_tokens}
        body["messages"] = [{"role": "user", "content": "Why?"}]
        url = f"{self.gateway.url}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, headers=bearer(self.key), timeout=90) as response:
            self.status = response.status_code
            if self.status != 200:
                self.error = json.loads(response.read())["error"]
                return
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    self.done = True
                elif line.startswith("data: "):
                    event = json.loads(line[6:])
                    self.error = event.get("error", {})
                    self.pieces += [text for one in event.get("choices", ()) if (text := one["delta"].get("content"))]

    def end(self) -> "Stream":
        self.thread.join(60)
        assert not self.thread.is_alive(), "the client hangs"
        return self
