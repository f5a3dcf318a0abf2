"""The scaler on real Tritons under supervisord, behind a gateway: servers come and go, instances change, under load."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import openai
import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT, Settings, settings
from include.inferencing.access.keys import create_key, put_tenant
from include.inferencing.control import Control
from include.inferencing.publish import publish
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Target
from include.inferencing.scaling.instances import set_instances
from include.inferencing.scaling.scale import SCALE, change_scale, read_scale
from include.inferencing.scaling.scaler import Rules, Scaler, Wish
from include.inferencing.traffic import Minute, TrafficReport, minute_of
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.credentials import write_private
from include.local.programs import programs
from include.local.serving_scaler import LocalServers
from include.local.stack import Stack
from include.local.supervision import launch
from tests.conftest import ObjectStoreServer, free_ports
from tests.faults.serving.packages import stand_in
from tests.gates import put_in_service, serving_of
from tests.inferencing.conftest import TritonServer, run_of
from tests.inferencing.gateway.conftest import GatewayServer, accepted, eventually

NAMES = ("triton_http_port", "triton_grpc_port", "triton_metrics_port")
USE_CASE = "scaled"


class Clients:
    """Ask one question after the other in several threads, and read the whole stream."""

    def __init__(self, gateway: GatewayServer, key: str, model: str, count: int, tokens: int) -> None:
        self.ask = gateway.client(key).chat.completions.create
        self.model, self.tokens = model, tokens
        self.stopping = threading.Event()
        self.failed: list[str] = []
        self.answered = 0
        self.threads = [threading.Thread(target=self._work) for _ in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = self.answered + count
        eventually(lambda: self.answered >= wanted or self.failed, 60)
        assert self.failed == []

    def _work(self) -> None:
        while not self.stopping.is_set():
            try:
                stream = self.ask(
                    model=self.model,
                    messages=[{"role": "user", "content": "What is def?"}],
                    max_tokens=self.tokens,
                    stream=True,
                )
                ends = [chunk.choices[0].finish_reason for chunk in stream if chunk.choices]
                assert ends[-1] in ("stop", "length")
                self.answered += 1
            except (openai.APIError, httpx.HTTPError, AssertionError) as error:
                self.failed.append(repr(error))


def test_instances_change_under_streams(
    gateway: GatewayServer, served: str, triton: TritonServer, new_key: Callable[..., str]
) -> None:
    key = accepted(gateway, new_key())
    assert served in [one["id"] for one in gateway.get("/v1/models", key).json()["data"]]
    with TritonClient(triton.address) as client, Clients(gateway, key, served, 6, 48) as clients:
        loaded = client.client.get_model_repository_index(as_json=True)["models"]
        name = next(one["name"] for one in loaded if one["name"].startswith(served) and one["state"] == "READY")
        before = len(triton.stubs())
        for count in (2, 1, 2, 1):
            assert set_instances(client, name, count, 60)
            assert not set_instances(client, name, count, 60)
            clients.more(12)
            eventually(lambda: len(triton.stubs()) == before + count - 1)  # noqa: B023


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    """What is to be ended, whatever the test comes to."""
    with ExitStack() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[ObjectStoreServer]:
    """A store of the test's own: whatever it names is loaded."""
    folder = tmp_path / "store"
    folder.mkdir()
    server = ObjectStoreServer(folder)
    server.start()
    server.store().bucket.put_bytes(f"{settings().model_repository}/README", b"Triton's model repository")
    yield server
    server.kill()


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, place: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    """Two Tritons of a local stack under its supervisord, the first one running; nothing else of the stack."""
    # a socket's path is short
    folder, port, address = tmp_path_factory.mktemp("two"), free_ports(20), place.address()
    for part in ("serving", "tools"):
        (folder / part).symlink_to((PROJECT_ROOT / ".genai" / part).resolve())
    values = {
        "state_folder": folder,
        "serving_python": settings().serving_interpreter,
        "s3_endpoint": address.endpoint,
        "s3_access_key": address.access_key,
        "s3_secret_key": address.secret_key,
        "triton_servers": 2,
    }
    found = Stack(Settings.model_validate(values | {n: port + i for i, n in enumerate(NAMES)}), lambda line: None)
    found.programs = [p for p in programs(found.settings, found.credentials) if p.name.startswith("triton")]
    found.at.run.mkdir(exist_ok=True)
    for number, program in enumerate(found.programs, 1):
        tritonserver.temporary(found.settings, number).mkdir(parents=True)
        write_private(found.at.spec(program.name), program.spec.dumps())
    tritonserver.prepare(found.at.triton)
    found.at.repository_ready.touch()
    launch(found.at, found.settings, found.programs)
    eventually(lambda: state(found, "triton") == "healthy")
    monkeypatch.setenv("GENAI_TRITON_URL", found.settings.triton_address)
    settings.cache_clear()
    yield found
    found.stop()
    monkeypatch.undo()
    settings.cache_clear()


def state(stack: Stack, name: str) -> str:
    return next(status.state for status in stack.status() if status.name == name)


class Scaled:
    """The scaler as a new process at each tick, beside the control loop, with what a test says is asked for."""

    def __init__(self, store: ArtifactStore, stack: Stack) -> None:
        self.store, self.servers, self.control = store, LocalServers(stack.settings), Control(store)
        wish = Wish(Target(0.95, 10.0), Capacity(0.01, 0.001, 0.0, 10.0, 32))
        self.rules = Rules({USE_CASE: wish}, Bounds(floor=1, ceiling=2, instances=1, stabilization=1.0, boot=1.0))

    def asked(self, count: int) -> None:
        now = datetime.now(UTC)
        for ago, arrived in ((1, 0), (0, count)):
            minute = Minute(at=minute_of(now - timedelta(minutes=ago)), arrived=arrived)
            TrafficReport(gateway=f"test-{ago}", minutes=[minute]).write(self.store.bucket)

    def until(self, holds: Callable[[], bool]) -> None:
        def ticked() -> bool:
            self.control.look()
            Scaler(self.store.bucket, self.servers, lambda: self.rules).tick(datetime.now(UTC))
            return holds()

        eventually(ticked, 90, lambda: read_scale(self.store.bucket).model_dump_json())

    @property
    def routed(self) -> int:
        return read_scale(self.store.bucket).servers

    def answers(self, number: int) -> int:
        with TritonClient(self.servers.addresses[number - 1]) as triton:
            stats = triton.client.get_inference_statistics(as_json=True).get("model_stats", [])
        return sum(int(one["inference_stats"]["success"].get("count", 0)) for one in stats)


def test_a_second_server_comes_and_goes_under_load(
    place: ObjectStoreServer, stack: Stack, tmp_path: Path, ends: ExitStack
) -> None:
    """Answers of more than a second stream meanwhile, and none of them is lost."""
    store = place.store()
    package = stand_in(store, "scaled", answer="word " * 30, gap_seconds=0.04)
    candidate = serving_of(store, USE_CASE, package)
    publish(store, package, candidate.model_name)
    put_in_service(store, run_of(USE_CASE), candidate)
    put_tenant(store.bucket, "tenant", {"models": ["*"]})
    key, scaled = create_key(store.bucket, "tenant", None), Scaled(store, stack)
    scaled.asked(0)
    scaled.until(lambda: scaled.routed == 1 and scaled.answers(1) > 0)
    assert state(stack, "triton-2") == "standby"
    gateway = GatewayServer(tmp_path, place, stack.settings.triton_address).start()
    ends.callback(gateway.stop)
    ends.callback(scaled.control.stop)
    with Clients(gateway, accepted(gateway, key), USE_CASE, 6, 30) as clients:
        clients.more(6)
        # enough at any second of a minute, and still once that minute is over
        scaled.asked(100_000)
        scaled.until(lambda: scaled.routed == 2)
        assert state(stack, "triton-2") == "healthy"
        eventually(lambda: scaled.answers(2) > 12)
        scaled.asked(0)
        scaled.until(lambda: 2 not in scaled.servers.running())
        eventually(lambda: state(stack, "triton-2") == "standby")
        clients.more(12)
    assert clients.failed == []
    assert not list(Path("/dev/shm").glob(f"{tritonserver.shared_memory_prefix(stack.settings, 2)}*"))
    assert [change.servers for change in read_scale(store.bucket).changes] == [1, 1, 2, 1]


def test_two_scalers_write_one_scale(store: ArtifactStore) -> None:
    def raised() -> None:
        for _ in range(10):
            change_scale(store.bucket, lambda scale: scale.model_copy(update={"wanted": scale.wanted + 1}))

    threads = [threading.Thread(target=raised) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = read_scale(store.bucket).wanted
    store.bucket.delete([SCALE])
    assert wanted == 20
