"""Two Tritons, two gateways and serving-control on free ports, each started again when it dies."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT, settings
from include.inferencing import champion, fleet
from include.inferencing.access.keys import create_key, put_tenant
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.guard import remove
from tests.conftest import ObjectStoreServer
from tests.inferencing.conftest import TritonServer
from tests.inferencing.gateway.conftest import GatewayServer

USE_CASE = "storm"
TENANTS = ("ada", "bob")
UNLIMITED = {"models": ["*"], "requests_per_minute": 1_000_000, "tokens_per_minute": 100_000_000}
PAUSE = 0.3
# the store answers late where processors are busy
PATIENT = 6


class Supervised:
    """A program that is started again when it dies; `up` once it answers."""

    def __init__(self, name: str, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self.name, self.start = name, start
        self.process: subprocess.Popen[bytes] | None = None
        self.up_since = 0.0
        self.ending = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def kill(self) -> None:
        """SIGKILL; it comes back."""
        self.up_since = 0.0
        if self.process:
            self.process.kill()

    def end(self) -> None:
        """SIGKILL; it does not."""
        self.ending = True
        self.kill()
        self.thread.join(60)

    def is_up(self, seconds: float = 0.0) -> bool:
        """Whether it has answered for so long."""
        return bool(self.up_since) and time.monotonic() - self.up_since >= seconds

    def _run(self) -> None:
        while not self.ending:
            try:
                self.process = self.start()
            except AssertionError as error:
                print(f"{self.name} did not start: {str(error)[-500:]}", file=sys.stderr)
                continue
            self.up_since = time.monotonic()
            self.process.wait()
            self.up_since = 0.0
            time.sleep(PAUSE)


class Scene:
    """All programs, and what they serve."""

    def __init__(self, folder: Path, server: ObjectStoreServer) -> None:
        self.folder, self.server = folder, server
        self.store = ArtifactStore(server.address(), retries=PATIENT)
        self.store.bucket.put_bytes(f"{settings().model_repository}/README", b"Triton's model repository")
        self.tritons, self.gateways = list[TritonServer](), list[GatewayServer]()
        for number in (1, 2):
            (folder / f"triton-{number}").mkdir()
            self.tritons.append(TritonServer(folder / f"triton-{number}", server))
            self.tritons[-1].start()
        self.addresses = [one.address for one in self.tritons]
        self.before = os.environ.get("GENAI_TRITON_URL", "")
        os.environ["GENAI_TRITON_URL"] = ",".join(self.addresses)
        settings.cache_clear()
        self.keys = [self._key(tenant) for tenant in TENANTS]
        for number in (1, 2):
            (folder / f"gateway-{number}").mkdir()
            self.gateways.append(GatewayServer(folder / f"gateway-{number}", server, os.environ["GENAI_TRITON_URL"]))
            self.gateways[-1].start()
        named = {f"triton-{n}": one for n, one in enumerate(self.tritons, 1)}
        named |= {f"gateway-{n}": one for n, one in enumerate(self.gateways, 1)}
        self.programs = {name: self._kept(one, name) for name, one in named.items()}
        self.programs["control"] = Supervised("control", self._control)

    def _key(self, tenant: str) -> str:
        put_tenant(self.store.bucket, tenant, UNLIMITED)
        return create_key(self.store.bucket, tenant)

    def _kept(self, server: TritonServer | GatewayServer, name: str) -> Supervised:
        """Begins with the process that runs."""
        running = [server.process]

        def start() -> "subprocess.Popen[bytes]":
            process = running.pop() if running else None
            if process is None:
                server.start()
                process = server.process
            assert process
            return process

        return Supervised(name, start)

    def environment(self) -> dict[str, str]:
        """Of a program that serves this use case."""
        return os.environ | self.server.address().environment() | {"PYTHONPATH": str(PROJECT_ROOT)}

    def _control(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "control.log").open("ab") as log:
            line = [sys.executable, "-m", "include.inferencing.control"]
            return subprocess.Popen(line, env=self.environment(), stdout=log, stderr=log, cwd=PROJECT_ROOT)

    def is_whole(self) -> bool:
        """Whether all programs are up, and the champion answers on both Tritons."""
        current = champion.read(self.store.bucket, USE_CASE)
        if current is None or not all(one.is_up(1.0) for one in self.programs.values()):
            return False
        try:
            for address in self.addresses:
                with TritonClient(address) as triton:
                    list(triton.stream(current.model_name, "ping", 1, 2.0))
        except GenaiError:
            return False
        return True

    def loaded(self) -> list[set[str]]:
        """What each Triton has loaded."""
        found = []
        for address in self.addresses:
            with TritonClient(address) as triton:
                found.append(fleet.loaded(triton))
        return found

    def asked(self) -> dict[str, str]:
        """Request's id -> the Triton that it was on last, of the gateways' logs."""
        found = {}
        for gateway in self.gateways:
            for line in gateway.log.read_text().splitlines():
                # a killed gateway may leave half a line
                with suppress(ValueError):
                    told = json.loads(line) if line.startswith('{"at"') else {}
                    found[told.get("id", "")] = told.get("server", "")
        return found

    def end(self) -> None:
        """End all of it."""
        for program in self.programs.values():
            program.end()
        for one in self.tritons:
            remove(tritonserver.leftovers(one.settings))
        os.environ["GENAI_TRITON_URL"] = self.before
        settings.cache_clear()


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Await a condition on programs of which some are down."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.2)
