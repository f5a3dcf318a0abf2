"""Clients that are slow, go away, or come in floods; tenants' own models; what may serve at all."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import httpx
import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Alias
from include.inferencing.gateway.relay import in_share
from include.inferencing.rollout.decide import Observed
from include.inferencing.traffic import ModelTraffic, by_model, read_traffic
from tests.conftest import ObjectStoreServer
from tests.faults.serving.packages import stand_in
from tests.gates import gate_of, made_package, rollout_of, serving_of
from tests.inferencing.conftest import TritonServer, run_of
from tests.inferencing.gateway.conftest import GatewayServer, accepted, bearer, eventually
from tests.inferencing.gateway.scene import Scene, Stream, ready

SLOW, LONG, NARROW = "unhurried", "long", "narrow"


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory,
    store: ArtifactStore,
    object_store_server: ObjectStoreServer,
    triton: TritonServer,
) -> Iterator[Scene]:
    found = Scene(tmp_path_factory.mktemp("clients"), store, object_store_server, [triton])
    found.serve(SLOW, gap_seconds=0.1)
    found.serve(LONG, answer="a long answer, " * 3_000)
    limits = {"limits": {"max_sequences": 4, "max_new_tokens": 64}}
    found.serve(NARROW, stand_in(store, NARROW, info=limits, answer="few " * 5, gap_seconds=0.05))
    yield found
    found.end()


@pytest.fixture(scope="module")
def hasty(
    scene: Scene, tmp_path_factory: pytest.TempPathFactory, object_store_server: ObjectStoreServer
) -> Iterator[GatewayServer]:
    """A gateway that has little patience."""
    limits = {"header_seconds": 1, "body_seconds": 1, "write_seconds": 1}
    server = GatewayServer(tmp_path_factory.mktemp("hasty"), object_store_server, scene.addresses, **limits).start()
    for name in scene.served.values():
        ready(server, name, 1)
    yield server
    server.stop()


@pytest.fixture
def key(hasty: GatewayServer, new_key: Callable[..., str]) -> str:
    return accepted(hasty, new_key("clients", concurrent=8, requests_per_minute=100_000))


def opened(gateway: GatewayServer, buffer: int = 0) -> socket.socket:
    found = socket.socket()
    if buffer:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    found.settimeout(60)
    found.connect(("127.0.0.1", gateway.port))
    return found


def request(key: str, model: str, length: int | None = None, **values: Any) -> bytes:
    asked = {"model": model, "messages": [{"role": "user", "content": "Why?"}]}
    body = json.dumps(asked | values).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-length: {length or len(body)}\r\n\r\n".encode() + body


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_headers_and_bodies_that_do_not_come_end_the_connection(hasty: GatewayServer, key: str) -> None:
    with opened(hasty) as silent, opened(hasty) as slow, opened(hasty) as headers:
        slow.sendall(request(key, SLOW, length=500))
        headers.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n")
        assert everything(silent) == everything(headers) == b""
        told = everything(slow)
    assert told.startswith(b"HTTP/1.1 408 ") and b'"code": "request_timeout"' in told
    with opened(hasty) as huge:
        huge.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n")
        # what is sent after the refusal is answered by a reset
        with pytest.raises(OSError):
            while True:
                huge.sendall(b"a: " + b"b" * 8000 + b"\r\n")


def test_a_client_that_does_not_read_loses_its_answer_and_disturbs_nobody(hasty: GatewayServer, key: str) -> None:
    with opened(hasty, buffer=4096) as slow:
        slow.sendall(request(key, LONG, stream=True, max_tokens=9_000))
        assert slow.recv(1)
        other = Stream(hasty, key, SLOW, 20)

        def given_up() -> bool:
            return any(line["status"] == 499 and line.get("model") == LONG for line in hasty.lines())

        eventually(given_up, 30, hasty.told)
        assert other.end().done and len(other.pieces) == 20


def test_a_request_whose_client_went_away_is_cancelled_at_triton(scene: Scene, hasty: GatewayServer, key: str) -> None:
    stats = f"http://127.0.0.1:{scene.tritons[0].settings.triton_http_port}/v2/models/{scene.served[SLOW]}/stats"

    def responses() -> int:
        """The most responses that a request had."""
        return len(httpx.get(stats).json()["model_stats"][0]["response_stats"])

    for stream in (True, False):
        connection = opened(hasty)
        connection.sendall(request(key, SLOW, stream=stream, max_tokens=40))
        if stream:
            assert connection.recv(100)
        else:
            eventually(lambda: hasty.get("/ready").text.count('"in_flight":1'), 10, hasty.told)
        connection.close()
        eventually(lambda: '"in_flight":1' not in hasty.get("/ready").text, 10, hasty.told)
    gone = [line for line in hasty.lines() if line["status"] == 499 and line.get("model") == SLOW]
    assert len(gone) == 2 and all(line["tokens"] < 25 for line in gone)
    assert responses() < 40


def test_a_flood_of_one_tenant_leaves_anothers_requests_alone(
    hasty: GatewayServer, key: str, new_key: Callable[..., str]
) -> None:
    calm = accepted(hasty, new_key("calm"))
    flooding = threading.Event()
    statuses: list[int] = []

    def flood() -> None:
        body = {"model": NARROW, "messages": [{"role": "user", "content": "Why?"}]}
        with httpx.Client(headers=bearer(key), timeout=60) as client:
            while not flooding.is_set():
                response = client.post(f"{hasty.url}/v1/chat/completions", json=body)
                statuses.append(response.status_code)
                if response.status_code != 200:
                    assert response.headers["retry-after"]

    threads = [threading.Thread(target=flood, daemon=True) for _ in range(24)]
    for thread in threads:
        thread.start()
    eventually(lambda: 429 in statuses and 200 in statuses, 30, hasty.told)
    answers = [Stream(hasty, calm, NARROW).end() for _ in range(5)]
    flooding.set()
    for thread in threads:
        thread.join()

    assert all(one.done for one in answers)
    waited = {
        tenant: median(
            line["queue_ms"]
            for line in hasty.lines()
            if line["tenant"] == tenant and line.get("model") == NARROW and line["status"] == 200
        )
        for tenant in ("calm", "clients")
    }
    # the flood has three of the four places, and twice as many of its requests wait
    assert waited["calm"] < waited["clients"] / 4


def test_a_tenants_adapter_is_known_to_that_tenant_alone(
    scene: Scene, hasty: GatewayServer, key: str, store: ArtifactStore, new_key: Callable[..., str]
) -> None:
    theirs = made_package(store, "theirs", adapter="theirs")
    adapter = {"ref": store.manifest(theirs).inputs["adapter"], "gate": gate_of(store, theirs)}
    files = {entry.path: store.read(_package(scene), entry.path).decode() for entry in _files(scene)}
    scene.serve("shared", made_package(store, "shared", files=files, adapters={"acme": adapter}))
    ready(hasty, scene.served["shared"], 1)
    acme = accepted(hasty, new_key("acme", models=["shared:acme"]))
    asked: dict[str, Any] = {"model": "shared:acme", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 1}

    assert hasty.post(asked, acme).status_code == 200
    assert [one["id"] for one in hasty.get("/v1/models", acme).json()["data"]] == ["shared:acme"]
    assert hasty.post(asked | {"model": "shared"}, acme).status_code == 404
    # `key` is of a tenant that may ask every use case
    assert hasty.post(asked | {"model": "shared"}, key).status_code == 200
    theirs_told, unknown = hasty.post(asked, key), hasty.post(asked | {"model": "shared:nobody"}, key)
    assert theirs_told.status_code == unknown.status_code == 404
    assert theirs_told.text.replace("acme", "nobody") == unknown.text


def _package(scene: Scene) -> ArtifactRef:
    alias, _ = champion.read_alias(scene.store.bucket, SLOW)
    assert alias.champion
    return alias.champion.package


def _files(scene: Scene) -> list[Any]:
    return [entry for entry in scene.store.manifest(_package(scene)).files if entry.path.startswith(("1/", "config"))]


def test_a_share_goes_to_the_candidate_and_nothing_to_what_has_no_gate(
    scene: Scene, hasty: GatewayServer, key: str, store: ArtifactStore
) -> None:
    scene.serve("canary", answer="from the champion")
    candidate = serving_of(store, "canary", stand_in(store, "canary-2", answer="from the candidate"))
    scene.publish("canary-2", candidate)

    def put(**update: Any) -> None:
        champion.change(store.bucket, "canary", lambda alias: alias.model_copy(update=update))

    put(rollout=rollout_of(run_of("canary", 2), candidate, phase="canary", share=0.5))
    ready(hasty, candidate.model_name, 1)
    for one in [Stream(hasty, key, "canary", 3).end() for _ in range(20)]:
        assert one.done and "".join(one.pieces).split()[:2] == ["from", "the"]
    lines = [line for line in hasty.lines() if line.get("model") == "canary"][-20:]
    for line in lines:
        expected = candidate.model_name if in_share(line["id"], 0.5) else scene.served["canary"]
        assert line["triton_model"] == expected
    assert len({line["triton_model"] for line in lines}) == 2

    current: Alias = champion.read_alias(store.bucket, "canary")[0]
    assert current.champion
    put(champion=current.champion.model_copy(update={"gate": None}), rollout=None)
    eventually(lambda: hasty.post({"model": "canary", "messages": [{"role": "user", "content": "a"}]}, key).is_error)
    assert "no gate let it pass" in hasty.log.read_text()


def test_a_candidate_that_fails_is_answered_for_by_the_champion_and_blamed(
    scene: Scene, hasty: GatewayServer, key: str, store: ArtifactStore
) -> None:
    scene.serve("blamed", answer="from the champion")
    failing = serving_of(store, "blamed", stand_in(store, "blamed-2", answer="never", fail_every=1))
    scene.publish("blamed-2", failing)
    rollout = rollout_of(run_of("blamed", 2), failing, phase="canary", share=0.5)
    champion.change(store.bucket, "blamed", lambda alias: alias.model_copy(update={"rollout": rollout}))
    ready(hasty, failing.model_name, 1)
    since = datetime.now(UTC)

    for one in [Stream(hasty, key, "blamed", 3).end() for _ in range(20)]:
        assert one.done and not one.error and "".join(one.pieces).split() == ["from", "the", "champion"]

    def seen() -> Observed:
        until = datetime.now(UTC) + timedelta(minutes=1)
        traffic = by_model(read_traffic(store.bucket, since, until))
        return Observed.of(traffic.get(failing.model_name, ModelTraffic()))

    # a breaker keeps most of the share away from what has failed a few times
    eventually(lambda: seen().bad > 0, 20, hasty.told)
    assert seen().requests == seen().bad
