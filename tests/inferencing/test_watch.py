"""kill -9 of the python stub and of the server heal without a person."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError, ModelError, ServerUnavailableError
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.ask import ask
from include.inferencing.triton_client import Piece, TritonClient
from include.inferencing.watch import Watcher
from tests.conftest import ObjectStoreServer
from tests.inferencing.conftest import QUICK, TritonServer, deploy, run_of
from tests.tiny_model import TEXTS


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Await a condition on servers that are partly down."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not heal in time"
        time.sleep(0.2)


class Server(TritonClient):
    """Writes down what the watch does to its model, and fails the canaries it is told to fail."""

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
DEAD = ModelError("m", "here", "Stub process 'm' is not healthy", "")


@pytest.mark.parametrize(
    ("failures", "calls"),
    [
        ((SLOW, None, SLOW), []),
        ((SLOW, SLOW), ["unload", "load"]),
        ((DEAD,), ["unload", "load"]),
    ],
)
def test_a_busy_champion_stays_loaded_and_a_dead_one_does_not(
    store: ArtifactStore, failures: tuple[GenaiError | None, ...], calls: list[str]
) -> None:
    server, watcher = Server(*failures), Watcher(store, "here", canary_seconds=0)
    for _ in failures:
        watcher._keep(server, "nobody", "m")
    assert server.calls == calls


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
    packages: list[ArtifactRef],
    use_case: str,
    tmp_path: Path,
) -> None:
    deploy(store, packages[0], run_of(use_case), QUICK)
    before = "".join(ask(TEXTS[0], use_case, store, triton.address, max_tokens=8))

    def answers() -> bool:
        try:
            return "".join(ask(TEXTS[0], use_case, store, triton.address, max_tokens=8, seconds=5)) == before
        except GenaiError:
            return False

    environment = os.environ | object_store_server.address().environment() | {"GENAI_TRITON_URL": triton.address}
    with (tmp_path / "watch.log").open("wb") as log:
        watch = subprocess.Popen(
            [sys.executable, "-m", "include.inferencing.watch"], env=environment, stderr=log, cwd=PROJECT_ROOT
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
        watch.terminate()
        assert watch.wait(10) == 0, (tmp_path / "watch.log").read_text()
