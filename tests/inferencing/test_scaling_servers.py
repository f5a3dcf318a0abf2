"""The scaler on real Tritons under supervisord: servers come and go under load, instances change under streams."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT, Settings, settings
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Target
from include.inferencing.scaling.instances import set_instances
from include.inferencing.scaling.scale import SCALE, change_scale, read_scale
from include.inferencing.scaling.scaler import Rules, Scaler, Wish
from include.inferencing.traffic import TRAFFIC, Minute, TrafficReport, minute_of
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.credentials import write_private
from include.local.layout import layout
from include.local.programs import programs
from include.local.serving_scaler import LocalServers
from include.local.stack import Stack
from include.local.supervision import launch
from tests.conftest import ObjectStoreServer, free_ports
from tests.inferencing.conftest import TritonServer, served

TOKENS = 48


def eventually(holds: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Clients:
    """Streams one after the other in several threads, sent as a gateway does: to the servers that the scale names."""

    def __init__(self, address: Callable[[], str], model: str, count: int) -> None:
        self.address, self.model = address, model
        self.stopping = threading.Event()
        self.failed: list[str] = []
        self.answered: dict[str, int] = {}
        self.threads = [threading.Thread(target=self._work) for _ in range(count)]

    def __enter__(self) -> "Clients":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _work(self) -> None:
        while not self.stopping.is_set():
            address, tokens = self.address(), 0
            try:
                with TritonClient(address) as triton:
                    for piece in triton.stream(self.model, "What is def?", TOKENS, 60):
                        tokens += piece.tokens
                self.answered[address] = self.answered.get(address, 0) + 1
            except GenaiError as error:
                self.failed.append(f"{address} after {tokens} tokens: {error}")

    @property
    def count(self) -> int:
        """Answers until now."""
        return sum(self.answered.values())


def test_instances_change_under_streams(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    model = served(store, triton, packages[0], use_case)
    with TritonClient(triton.address) as client, Clients(lambda: triton.address, model, 6) as clients:
        for count in (2, 1, 2, 1):
            before = clients.count
            assert set_instances(client, model, count, 60)
            assert not set_instances(client, model, count, 60)
            eventually(lambda: clients.count > before + 12)  # noqa: B023
            assert len(triton.stubs()) == count
    assert clients.failed == []


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, object_store_server: ObjectStoreServer, triton: TritonServer
) -> Iterator[Stack]:
    """Two Tritons of a local stack under its supervisord, the first one running; nothing else of the stack."""
    folder, port = tmp_path_factory.mktemp("stack"), free_ports(20)
    for part in ("serving", "tools"):
        (folder / part).symlink_to((PROJECT_ROOT / ".genai" / part).resolve())
    names = ("triton_http_port", "triton_grpc_port", "triton_metrics_port")
    address = object_store_server.address()
    values = Settings(
        state_folder=folder,
        serving_python=settings().serving_interpreter,
        s3_endpoint=address.endpoint,
        s3_access_key=address.access_key,
        s3_secret_key=address.secret_key,
        triton_servers=2,
        **{name: port + place for place, name in enumerate(names)},
    )
    found = Stack(values, lambda line: None)
    found.programs = [p for p in programs(values, found.credentials) if p.name.startswith("triton")]
    for number, program in enumerate(found.programs, 1):
        tritonserver.temporary(values, number).mkdir(parents=True)
        found.at.run.mkdir(exist_ok=True)
        write_private(found.at.spec(program.name), program.spec.dumps())
    tritonserver.prepare(layout(values).triton)
    layout(values).repository_ready.touch()
    launch(found.at, values, found.programs)
    eventually(lambda: "triton" in {status.name for status in found.status() if status.state == "healthy"})
    yield found
    found.stop()


def state(stack: Stack, name: str) -> str:
    return next(status.state for status in stack.status() if status.name == name)


def test_a_second_server_comes_and_goes_under_load(
    store: ArtifactStore, stack: Stack, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    """Each tick is another scaler's, as if the one before had been killed."""
    bucket, servers = store.bucket, LocalServers(stack.settings)
    model = served(store, triton, packages[0], use_case)
    with TritonClient(servers.addresses[0]) as first:
        first.load(model, 60)
    rules = Rules(
        {use_case: Wish(Target(0.95, 10.0), Capacity(0.1, 0.01, 0.0, 10.0, 8))},
        Bounds(floor=1, ceiling=2, instances=1, stabilization=1.0, boot=1.0),
    )

    def tick() -> None:
        Scaler(bucket, servers, lambda: rules).tick(datetime.now(UTC))

    def asked(count: int) -> None:
        at = minute_of(datetime.now(UTC))
        TrafficReport(gateway="test", minutes=[Minute(at=at, arrived=count)]).write(bucket)

    def routed() -> str:
        addresses = read_scale(bucket).routed(servers.addresses)
        return min(addresses, key=lambda address: clients.answered.get(address, 0))

    def until(holds: Callable[[], bool]) -> None:
        eventually(lambda: (tick(), holds())[1])

    try:
        asked(0)
        tick()
        assert (state(stack, "triton-2"), read_scale(bucket).servers) == ("standby", 1)
        with Clients(routed, model, 4) as clients:
            asked(1000)
            until(lambda: read_scale(bucket).servers == 2)
            assert state(stack, "triton-2") == "healthy"
            eventually(lambda: clients.answered.get(servers.addresses[1], 0) > 8)
            asked(0)
            until(lambda: read_scale(bucket).servers == 1 and 2 not in servers.running())
            eventually(lambda: state(stack, "triton-2") == "standby")
            before = clients.count
            eventually(lambda: clients.count > before + 8)
        assert clients.failed == []
        assert not list(Path("/dev/shm").glob(f"{tritonserver.shared_memory_prefix(stack.settings, 2)}*"))
        assert [change.servers for change in read_scale(bucket).changes] == [1, 1, 2, 1]
    finally:
        bucket.delete([SCALE, *bucket.keys(TRAFFIC)])


def test_two_scalers_write_one_scale(store: ArtifactStore) -> None:
    bucket = store.bucket

    def raised() -> None:
        for _ in range(10):
            change_scale(bucket, lambda scale: scale.model_copy(update={"wanted": scale.wanted + 1}))

    try:
        threads = [threading.Thread(target=raised) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read_scale(bucket).wanted == 20
    finally:
        bucket.delete([SCALE])
