"""The engine's process on a real tritonserver: what its death, or that of who started it, does to answers."""

import os
import queue
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
import tritonclient.grpc as grpc

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.core.settings import settings
from include.inferencing.gateway.attempt import failure_of
from include.inferencing.gateway.backends.openvino import OpenVino
from include.inferencing.publish import publish
from include.inferencing.triton_client import TritonClient, inputs_of
from include.inferencing.triton_model.engine_process import EngineError, EngineProcess
from include.local import tritonserver
from tests.inferencing.conftest import TritonServer
from tests.tiny_model import TEXTS

MODEL = "engine"
# answers are long in coming on busy processors; none of them is measured
PATIENCE = 60


@pytest.fixture(scope="module", autouse=True)
def others(triton: TritonServer) -> frozenset[int]:
    """Engines of other tests' models."""
    return frozenset(process.pid for process in engines(triton))


@pytest.fixture(scope="module")
def loaded(
    store: ArtifactStore, triton: TritonServer, others: frozenset[int], packages: list[ArtifactRef]
) -> Iterator[TritonClient]:
    """The tiny model, loaded."""
    publish(store, packages[0], MODEL)
    with TritonClient(triton.address) as client:
        client.load(MODEL, PATIENCE)
        yield client
        client.unload(MODEL)


def answer(client: TritonClient) -> str:
    return "".join(piece.text for piece in client.stream(MODEL, TEXTS[0], 24, PATIENCE))


def engines(triton: TritonServer, others: frozenset[int] = frozenset()) -> list[psutil.Process]:
    """The engines but for `others`, also those that nobody waited for."""
    assert triton.process
    return [
        process
        for process in psutil.Process(triton.process.pid).children(recursive=True)
        if process.pid not in others
        if process.status() == psutil.STATUS_ZOMBIE or any(part.endswith("engine.py") for part in process.cmdline())
    ]


def asked(address: str, waiting: int) -> tuple[grpc.InferenceServerClient, "queue.Queue[tuple[Any, Any]]"]:
    """A client with so many questions on their way, behind them one whose time is soon over."""
    found: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client = grpc.InferenceServerClient(address)
    client.start_stream(lambda result, error: found.put((result, error)))
    inputs = inputs_of(TEXTS[0], {"max_tokens": 64}, "")
    for number in range(waiting + 1):
        microseconds = 1 if number == waiting else PATIENCE
        client.async_stream_infer(MODEL, inputs, timeout=int(microseconds * 1e6))
    return client, found


def test_an_engine_that_is_killed_fails_all_who_wait_and_comes_back(
    triton: TritonServer, others: frozenset[int], loaded: TritonClient
) -> None:
    before, (engine,) = answer(loaded), engines(triton, others)
    # what ends Triton's whole group leaves answers their time
    engine.send_signal(signal.SIGTERM)
    engine.send_signal(signal.SIGINT)
    assert answer(loaded) == before

    engine.suspend()
    client, found = asked(triton.address, 6)
    with closing(client):
        # requests are read in their order: the last one's end shows that all have been
        assert "[deadline]" in str(found.get(timeout=PATIENCE)[1])
        engine.kill()
        errors = [str(found.get(timeout=PATIENCE)[1]) for _ in range(6)]
    assert all("[failed] generation failed, the model must be loaded again" in error for error in errors), errors
    assert all("the engine's process was ended by signal 9" in error for error in errors), errors
    # to gateways and probes a dead copy, which the first time says nothing of the package
    failure = failure_of(errors[0], OpenVino())
    assert failure.dead and failure.killed
    with pytest.raises(ModelError, match=r"\[failed\] generation failed"):
        answer(loaded)
    assert not engines(triton, others)

    loaded.unload(MODEL)
    loaded.load(MODEL, PATIENCE)
    assert answer(loaded) == before


def test_an_engine_does_not_outlive_the_process_that_started_it(
    triton: TritonServer, others: frozenset[int], loaded: TritonClient
) -> None:
    before, (engine,) = answer(loaded), engines(triton, others)
    # copies of models lie where the next start looks for what a killed server left
    assert Path(engine.cmdline()[-2]).is_relative_to(tritonserver.temporary(triton.settings))
    # as one in a step, or a load, that is long
    engine.suspend()
    os.kill(engine.ppid(), signal.SIGKILL)
    gone, _ = psutil.wait_procs([engine], timeout=PATIENCE)
    assert gone

    loaded.unload(MODEL)
    loaded.load(MODEL, PATIENCE)
    assert answer(loaded) == before and len(engines(triton, others)) == 1


def test_an_engine_that_does_not_load_says_why_and_leaves_nothing(
    store: ArtifactStore,
    triton: TritonServer,
    others: frozenset[int],
    loaded: TritonClient,
    packages: list[ArtifactRef],
) -> None:
    publish(store, packages[0], "damaged")
    store.bucket.put_bytes(f"{settings().model_repository}/damaged/1/openvino_model.xml", b"<net></net>")
    with pytest.raises(ModelError, match="Unable to read the model"):
        loaded.load("damaged", PATIENCE)
    assert len(engines(triton, others)) == 1


# tells much before it hears anything, then ends each answer that it hears of
TALKER = """
import json, sys
from multiprocessing.connection import Connection
other = Connection(int(sys.argv[2]))
def tell(message): other.send_bytes(json.dumps(message).encode())
tell("ready")
for _ in range(100):
    tell([[0, list(range(4000)), ""]])
while True:
    what, number, *rest = json.loads(other.recv_bytes())
    if number == 499:
        tell([[number, [], "stop"]])
        sys.exit(3)
    tell([[number, [], "stop"]])
"""


def test_neither_side_waits_for_the_other_and_what_was_told_last_is_heard(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(TALKER)
    process, ended = EngineProcess(tmp_path), list[int]()
    for number in range(500):
        process.add(number, list(range(4000)), {})
    with pytest.raises(EngineError, match="ended with code 3"):
        while True:
            ended += [number for number, _, ending in process.news(PATIENCE) if ending]
    assert ended == list(range(500))
    process.end()
