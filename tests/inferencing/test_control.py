"""kill -9 of the python stub and of the server heal without a person."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError, ModelError, ServerUnavailableError
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.champion import Serving
from include.inferencing.control import Control
from include.inferencing.keeper import Keeper, Wanted
from include.inferencing.publish import publish
from include.inferencing.rollout import transitions
from include.inferencing.triton_client import Piece, TritonClient
from tests.asking import ask
from tests.conftest import ObjectStoreServer
from tests.faults.serving.packages import stand_in
from tests.gates import gate_of, put_in_service, rollout_of, serving_of
from tests.inferencing.conftest import QUICK, TritonServer, deploy, run_of
from tests.tiny_model import TEXTS


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Await a condition on servers that are partly down."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not heal in time"
        time.sleep(0.2)


class Server(TritonClient):
    """Writes down what a keeper does to its model, and fails the canaries it is told to fail."""

    def __init__(self, *failures: GenaiError | None) -> None:
        self.failures, self.calls = list(failures), list[str]()

    def check(self) -> None: ...

    def ready(self, model: str) -> bool:
        return True

    def load(self, model: str, seconds: float) -> None:
        self.calls.append("load")

    def unload(self, model: str) -> None:
        self.calls.append("unload")

    def stream(self, model: str, question: str, max_tokens: int, seconds: float) -> Iterator[Piece]:
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        yield Piece("pong", 1)


SLOW = ServerUnavailableError("m", "here", "the answer did not come before its deadline", "")
BUSY = ModelError("m", "here", "Triton answers: [overloaded] 64 answers are under way", "")
DEAD = ModelError("m", "here", "Stub process 'm' is not healthy", "")


@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ((SLOW, None, SLOW), []),
        ((SLOW, SLOW), ["unload", "load"]),
        ((DEAD,), ["unload", "load"]),
        ((BUSY, BUSY, BUSY), []),
    ],
)
def test_a_busy_champion_stays_loaded_and_a_dead_one_does_not(
    store: ArtifactStore, failures: tuple[GenaiError | None, ...], calls: list[str]
) -> None:
    server, keeper = Server(*failures), Keeper(store, "here", Wanted(store), canary_seconds=0)
    serving = serving_of(store, "nobody", stand_in(store, "good"))
    for _ in failures:
        keeper._keep(server, serving)
    assert server.calls == calls


def test_a_gate_that_was_missing_is_looked_at_again(store: ArtifactStore) -> None:
    wanted, serving = Wanted(store), serving_of(store, "nobody", stand_in(store, "put back"))
    assert serving.gate
    key = next(key for key in store.bucket.keys(serving.gate.prefix) if key.endswith("manifest.json"))
    kept, _ = store.bucket.get_bytes(key)
    store.bucket.delete([key])
    assert "is gone" in wanted.refused(serving)
    store.bucket.put_bytes(key, kept)
    assert not wanted.refused(serving)


def test_a_keeper_that_died_is_replaced(
    store: ArtifactStore, triton: TritonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(store)
    with monkeypatch.context() as patch:
        patch.setattr("include.inferencing.keeper.Keeper._run", lambda _: None)
        control.look()
        wait_until(lambda: not any(keeper.is_alive for keeper in control.keepers.values()), 5)
    control.look()
    assert all(keeper.is_alive for keeper in control.keepers.values())
    control.stop()


@pytest.mark.parametrize("garbage", [b"{torn", b"\xff\xfe", b"[]", b'{"model_name": 1}'])
def test_a_garbage_alias_is_an_error_with_a_name(store: ArtifactStore, garbage: bytes) -> None:
    alias = champion.document(store.bucket, "garbage")
    store.bucket.put_bytes(alias.key, garbage)
    with pytest.raises(GenaiError, match=alias.key):
        champion.read(store.bucket, "garbage")
    store.bucket.delete([alias.key])


def test_a_killed_stub_and_a_killed_server_heal(
    store: ArtifactStore,
    object_store_server: ObjectStoreServer,
    triton: TritonServer,
    use_case: str,
    tmp_path: Path,
) -> None:
    deploy(store, stand_in(store, "good"), run_of(use_case), QUICK)
    before = "".join(ask(TEXTS[0], use_case, store, triton.address, max_tokens=8))

    def answers() -> bool:
        try:
            return "".join(ask(TEXTS[0], use_case, store, triton.address, max_tokens=8, seconds=5)) == before
        except GenaiError:
            return False

    environment = os.environ | object_store_server.address().environment() | {"GENAI_TRITON_URL": triton.address}
    with (tmp_path / "control.log").open("wb") as log:
        control = subprocess.Popen(
            [sys.executable, "-m", "include.inferencing.control"], env=environment, stderr=log, cwd=PROJECT_ROOT
        )
    try:
        for stub in triton.stubs():
            os.kill(stub, signal.SIGKILL)
        assert not answers()
        wait_until(answers, 60)

        triton.kill()
        with pytest.raises(GenaiError):
            next(iter(ask(TEXTS[0], use_case, store, triton.address)))
        triton.start()
        wait_until(answers, 60)
    finally:
        control.terminate()
        assert control.wait(10) == 0, (tmp_path / "control.log").read_text()


def test_what_no_gate_let_pass_is_never_loaded_and_what_nothing_names_does_not_stay(
    store: ArtifactStore, triton: TritonServer, use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inferencing.keeper.STRAY_SECONDS", 0.5)
    good, stray = serving_of(store, use_case, stand_in(store, "good")), stand_in(store, "stray")
    refused = stand_in(store, "refused")
    ungated = Serving(
        model_name=champion.model_name(use_case, refused), package=refused, gate=gate_of(store, refused, passed=False)
    )
    put_in_service(store, run_of(use_case), good)
    transitions.start(store.bucket, rollout := rollout_of(run_of(use_case, 2), ungated))
    transitions.advance(store.bucket, rollout, "probing")
    publish(store, stray, champion.model_name(use_case, stray))
    control = Control(store)
    with TritonClient(triton.address) as client:
        client.load(champion.model_name(use_case, stray), 30)

        def settled() -> bool:
            control.look()
            return client.ready(good.model_name) and not client.ready(champion.model_name(use_case, stray))

        wait_until(settled, 30)
        assert not client.ready(ungated.model_name)
    control.stop()


def test_a_rollout_whose_owner_died_is_finished(
    store: ArtifactStore, triton: TritonServer, use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inferencing.rollout.ownership.SILENCE_SECONDS", 0.5)
    candidate = serving_of(store, use_case, stand_in(store, "good"))
    config = QUICK.model_dump(mode="json")
    transitions.start(store.bucket, rollout_of(run_of(use_case), candidate, owner="elsewhere 1@1 x", config=config))
    control = Control(store)

    def served() -> bool:
        control.look()
        return champion.read(store.bucket, use_case) is not None

    wait_until(served, 30)
    alias, _ = champion.read_alias(store.bucket, use_case)
    assert [one.what for one in alias.log] == ["started", "taken_over", "probing", "promoted"]
    control.stop()
