"""A real tritonserver on free ports, and a tiny Llama to serve."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.artifacts.manifest import RunName
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT, Settings, settings
from include.inferencing import champion
from include.inferencing import deploy as deployment
from include.inferencing.config import DeployConfig, PackageConfig
from include.inferencing.package import package
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.guard import remove
from include.local.layout import layout
from tests.conftest import ObjectStoreServer, free_ports
from tests.gates import gate_of
from tests.tiny_model import tiny_adapter, tiny_model

# no gateway is there to be waited for, and no traffic to be seen
QUICK = DeployConfig(
    max_tokens=8,
    probes=10,
    probes_at_once=8,
    settle_seconds=0,
    canary_seconds=0,
    grace_seconds=0,
    more_errors=0.3,
    late_share=0.3,
)
TECHNIQUES = ("lora", "prompt_tuning", "few_shot")


class TritonServer:
    """A tritonserver of a test's own; reads S3 with the read-only keys."""

    def __init__(self, folder: Path, store: ObjectStoreServer) -> None:
        self.folder, self.store, port = folder, store, free_ports(8) + 4
        (folder / "tools").symlink_to(PROJECT_ROOT / ".genai" / "tools")
        self.settings = Settings(
            state_folder=folder,
            serving_python=settings().serving_interpreter,
            triton_http_port=port,
            triton_grpc_port=port + 1,
            triton_metrics_port=port + 2,
            triton_servers=1,
        )
        self.address = self.settings.triton_address
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        tritonserver.prepare(layout(self.settings).triton)
        tritonserver.temporary(self.settings).mkdir(parents=True, exist_ok=True)
        remove(tritonserver.leftovers(self.settings))
        address = self.store.address(self.store.reader)
        line = tritonserver.command(self.settings, address)
        keys = address.access_key, address.secret_key.get_secret_value()
        environment = os.environ | tritonserver.environment(self.settings, *keys)
        with (self.folder / "triton.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, env=environment, cwd=self.folder)
        deadline = time.monotonic() + 60
        while True:
            try:
                with TritonClient(self.address) as client:
                    client.check()
                return
            except GenaiError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError((self.folder / "triton.log").read_text()[-3000:]) from None

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def stubs(self) -> list[int]:
        """Process ids of the python stubs: one a loaded model."""
        assert self.process
        found = []
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = entry.read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "triton_python_b" in name and int(rest.split()[1]) == self.process.pid:
                found.append(int(entry.parent.name))
        return found


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory, object_store_server: ObjectStoreServer) -> Iterator[TritonServer]:
    object_store_server.store().bucket.put_bytes(f"{settings().model_repository}/README", b"Triton's model repository")
    server = TritonServer(tmp_path_factory.mktemp("triton"), object_store_server)
    server.start()
    os.environ["GENAI_TRITON_URL"] = server.address
    settings.cache_clear()
    yield server
    server.kill()
    remove(tritonserver.leftovers(server.settings))
    del os.environ["GENAI_TRITON_URL"]
    settings.cache_clear()


def run_of(use_case: str, day: int = 1) -> RunName:
    """A run of the use case that looks at a day of January."""
    return RunName(use_case=use_case, run_id=f"day-{day}", as_of=f"2026-01-{day:02d}T00:00:00+00:00")


def deploy(
    store: ArtifactStore,
    package: ArtifactRef,
    run: RunName,
    config: DeployConfig,
    dataset: ArtifactRef | None = None,
) -> Outcome:
    """Deploy a package that a gate let pass, on the held-out questions of `dataset`."""
    return deployment.deploy(store, package, run, config, gate=gate_of(store, package, dataset=dataset))


@pytest.fixture(scope="session")
def packages(store: ArtifactStore) -> list[ArtifactRef]:
    """A package a technique: the tiny model with LoRA, with prompt tuning, and with examples."""
    model = tiny_model(store, seed=0)
    adapters = [tiny_adapter(store, model=model, technique=technique) for technique in TECHNIQUES]
    config = PackageConfig(weight_format="fp32", max_prompt_tokens=128, max_new_tokens=64, cache_tokens=2048)
    return [package(store, model=model, adapter=adapter, config=config) for adapter in adapters]


@pytest.fixture
def use_case(store: ArtifactStore, triton: TritonServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """A use case of the test's own; what it serves is unloaded afterwards."""
    name = re.sub(r"\W+", "-", request.node.name)[:60].strip("-")
    yield name
    current = champion.read(store.bucket, name)
    store.bucket.delete([champion.document(store.bucket, name).key])
    if current is not None:
        with TritonClient(triton.address) as client:
            client.unload(current.model_name)
