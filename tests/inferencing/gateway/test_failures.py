"""What clients see of servers that die: nothing while no token was sent, an error at once afterwards, never a hang."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from tests.conftest import ObjectStoreServer
from tests.inferencing.gateway.conftest import GatewayServer, accepted, eventually
from tests.inferencing.gateway.scene import Scene, Stream, ready

TRAFFIC = "serving/traffic/"
SLOW, THINKS = "slow", "thinks"


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, store: ArtifactStore, object_store_server: ObjectStoreServer
) -> Iterator[Scene]:
    found = Scene(tmp_path_factory.mktemp("scene"), store, object_store_server)
    found.serve(SLOW, gap_seconds=0.1)
    found.serve(THINKS, first_seconds=1.5)
    yield found
    found.end()


@pytest.fixture
def gateway(scene: Scene, new_gateway: Callable[..., GatewayServer]) -> GatewayServer:
    found = new_gateway(scene.addresses)
    for name in scene.served.values():
        ready(found, name, 2)
    return found


@pytest.fixture
def key(gateway: GatewayServer, new_key: Callable[..., str]) -> str:
    return accepted(gateway, new_key("failures", concurrent=50))


def lines_of(gateway: GatewayServer, count: int) -> list[dict[str, Any]]:
    """Lines of the log about answers, once there are so many."""

    def answers() -> list[dict[str, Any]]:
        return [line for line in gateway.lines() if "triton_model" in line]

    eventually(lambda: len(answers()) >= count, 20, gateway.told)
    return answers()


def test_a_killed_triton_ends_its_streams_at_once_and_takes_no_other_request_with_it(
    scene: Scene, gateway: GatewayServer, key: str
) -> None:
    begun = [Stream(gateway, key, SLOW) for _ in range(6)]
    eventually(lambda: all(one.pieces for one in begun), 20, gateway.told)
    body = {"model": SLOW, "max_tokens": 40, "messages": [{"role": "user", "content": "Why?"}]}
    with ThreadPoolExecutor(2) as pool:
        wholes = [pool.submit(gateway.post, body, key) for _ in range(2)]
        waiting = _kill_one(scene, gateway, key)
        for stream in (*begun, *waiting):
            stream.end()
        answers = [one.result() for one in wholes]

    broken = [one for one in begun if one.error]
    assert len(broken) == 3
    assert all(one.status == 200 and one.error["type"] == "server_error" and not one.done for one in broken)
    assert all(len(one.pieces) < 40 for one in broken)
    assert all(one.done and len(one.pieces) == 40 for one in begun if one not in broken)
    assert all(one.done and one.status == 200 for one in waiting)
    # of an answer that is sent as a whole nothing was sent yet, whatever was written
    assert [one.json()["choices"][0]["message"]["content"].split() for one in answers] == [["token"] * 40] * 2
    assert [one.json()["usage"]["completion_tokens"] for one in answers] == [40, 40]
    # half of the twelve were there: three were broken, the three that had sent nothing went elsewhere
    assert sorted(line["retried"] for line in lines_of(gateway, 12)) == [0] * 9 + [1] * 3
    assert Stream(gateway, key, SLOW, 3).end().done

    scene.revive(scene.tritons[0])
    ready(gateway, scene.served[SLOW], 2)


def _kill_one(scene: Scene, gateway: GatewayServer, key: str) -> list[Stream]:
    """Kill a server with half of twelve requests; those of them that have no token yet."""
    waiting = [Stream(gateway, key, THINKS) for _ in range(4)]
    eventually(lambda: sum(one["in_flight"] for one in gateway.get("/ready").json()["servers"].values()) == 12, 10)
    scene.kill(scene.tritons[0])
    return waiting


def test_a_killed_stub_whose_model_stays_ready_is_found_out_and_hangs_nobody(
    scene: Scene, gateway: GatewayServer, key: str
) -> None:
    begun = [Stream(gateway, key, SLOW) for _ in range(2)]
    eventually(lambda: all(one.pieces for one in begun), 20, gateway.told)
    scene.kill_stub(scene.tritons[0], SLOW)
    for stream in begun:
        stream.end()
    assert sorted(bool(one.error) for one in begun) == [False, True]
    assert 'genai_gateway_breaker{model="' + scene.served[SLOW] in gateway.get("/metrics").text
    assert all(Stream(gateway, key, SLOW, 2).end().done for _ in range(4))

    scene.load(scene.tritons[0], SLOW)
    first = scene.tritons[0].address

    def used() -> bool:
        return Stream(gateway, key, SLOW, 1).end().done and any(
            line["server"] == first and line["status"] == 200 for line in gateway.lines()[-3:] if "server" in line
        )

    eventually(used, 30, gateway.told)


def test_requests_wait_for_the_only_triton_to_come_back(
    scene: Scene, new_gateway: Callable[..., GatewayServer], new_key: Callable[..., str]
) -> None:
    gateway = new_gateway(scene.tritons[0].address)
    ready(gateway, scene.served[THINKS], 1)
    key = accepted(gateway, new_key("patient"))
    first = Stream(gateway, key, THINKS)
    eventually(lambda: gateway.get("/ready").json()["servers"][scene.tritons[0].address]["in_flight"], 10)
    scene.kill(scene.tritons[0])
    second = Stream(gateway, key, THINKS)
    scene.revive(scene.tritons[0])

    assert first.end().done and second.end().done
    assert not first.error and not second.error


def test_a_gateway_goes_on_with_what_it_knows_while_the_store_is_away(
    gateway: GatewayServer, key: str, object_store_server: ObjectStoreServer, store: ArtifactStore
) -> None:
    object_store_server.kill()
    try:
        eventually(lambda: gateway.get("/ready").json()["store"] != "ok", 20, gateway.told)
        assert gateway.get("/ready").status_code == 200
        assert Stream(gateway, key, SLOW, 3).end().done
    finally:
        object_store_server.start()
    eventually(lambda: gateway.get("/ready").json()["store"] == "ok", 20, gateway.told)
    eventually(lambda: any(SLOW in store.bucket.get_bytes(one)[0].decode() for one in store.bucket.keys(TRAFFIC)), 20)


def test_sigterm_completes_what_is_under_way(gateway: GatewayServer, key: str) -> None:
    stream = Stream(gateway, key, SLOW)
    eventually(lambda: stream.pieces, 20, gateway.told)
    assert gateway.stop(signal.SIGTERM) == -signal.SIGTERM
    assert stream.end().done and len(stream.pieces) == 40
