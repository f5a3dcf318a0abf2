"""kill -9 of the python stub and of the server heal without a person."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT
from include.inferencing.ask import ask
from include.inferencing.config import DeployConfig
from include.inferencing.deploy import deploy
from tests.conftest import ObjectStoreServer
from tests.inferencing.conftest import TritonServer
from tests.tiny_model import TEXTS


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Await a condition on servers that are partly down."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not heal in time"
        time.sleep(0.2)


def test_a_killed_stub_and_a_killed_server_heal(
    store: ArtifactStore,
    object_store_server: ObjectStoreServer,
    triton: TritonServer,
    packages: list[ArtifactRef],
    use_case: str,
    tmp_path: Path,
) -> None:
    deploy(store, packages[0], use_case, DeployConfig(max_tokens=8))
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
            next(ask(TEXTS[0], use_case, store, triton.address))
        triton.start()
        wait_until(answers, 60)
    finally:
        watch.terminate()
        assert watch.wait(10) == 0, (tmp_path / "watch.log").read_text()
