"""A stub is killed on a real Triton, and a probe mends it."""

import os
import random
import signal
from datetime import UTC, datetime, timedelta

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ServerUnavailableError
from include.core.settings import settings
from include.inferencing import champion, fleet
from include.inferencing.learning.retraining import Requests, document_key
from include.inferencing.operations.drift import drift, measure_drift
from include.inferencing.operations.probe import adopt, measure_probe, probe
from include.inferencing.operations.retrain import decide
from include.inferencing.rollout import transitions
from include.inferencing.rollout.ownership import Heart
from include.inferencing.triton_client import TritonClient
from tests.faults.serving.packages import stand_in
from tests.gates import put_in_service, rollout_of, serving_of
from tests.inferencing.conftest import QUICK, TritonServer, run_of
from tests.inferencing.operations.scene import HOUR, complaint, exchanges, put_served, question, served_at, write_asked


def test_a_dead_stub_is_mended_and_what_cannot_be_is_named(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    serving = put_served(store, use_case)
    first = measure_probe(served_at(store, use_case))
    assert first.passed and [one.trouble for one in first.probes] == ["it is not loaded"], "a restarted Triton"
    for stub in triton.stubs():
        os.kill(stub, signal.SIGKILL)
    with TritonClient(triton.address) as client:
        assert client.ready(serving.model_name), "Triton calls a dead stub ready"

    found = measure_probe(served_at(store, use_case))
    assert found.passed and [one.mended for one in found.probes] == [True]
    assert "was loaded again" in found.verdict
    again = measure_probe(served_at(store, use_case))
    assert [one.trouble for one in again.probes] == [""]
    report = probe.run(store, {"found": found, "day": "2026-11-25"})
    assert (report.metrics["mended"], report.metrics["passed"]) == (1, True)
    assert serving.model_name in store.read(report.ref, "report.html").decode()

    broken = serving_of(store, use_case, stand_in(store, "broken", "fails", fail_every=1))
    put_in_service(store, run_of(use_case, 2), broken)
    bad = measure_probe(served_at(store, use_case))
    assert not bad.passed and [one.model for one in bad.broken] == [broken.model_name]
    assert "as this model was told to" in bad.verdict and "genai rollback" in bad.verdict
    fleet.unload_everywhere(serving.model_name)


def test_an_abandoned_rollout_is_finished(
    store: ArtifactStore, triton: TritonServer, use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inferencing.rollout.ownership.SILENCE_SECONDS", 0.5)
    assert adopt(store, use_case) == ""
    candidate = serving_of(store, use_case, stand_in(store, "good"))
    config = QUICK.model_dump(mode="json")
    transitions.start(store.bucket, rollout_of(run_of(use_case), candidate, owner="elsewhere 1@1 x", config=config))

    assert adopt(store, use_case).endswith("promoted")
    current = champion.read(store.bucket, use_case)
    assert current and current.model_name == candidate.model_name


def test_a_rollout_that_is_driven_elsewhere_is_left_once_its_beat_moves(
    store: ArtifactStore, use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inferencing.operations.probe.SILENCE_SECONDS", 300.0)
    candidate = serving_of(store, use_case, stand_in(store, "good"))
    started = rollout_of(run_of(use_case), candidate, owner="elsewhere 1@1 x", config=QUICK.model_dump(mode="json"))
    rollout = transitions.start(store.bucket, started).rollout
    assert rollout
    with Heart(store.bucket, rollout):
        assert adopt(store, use_case) == ""
    left = champion.read_alias(store.bucket, use_case)[0].rollout
    assert left and left.owner == started.owner


def test_no_server_is_worth_a_retry(store: ArtifactStore, use_case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put_served(store, use_case)
    monkeypatch.setenv("GENAI_TRITON_URL", "127.0.0.1:9")
    settings.cache_clear()
    with pytest.raises(ServerUnavailableError, match="GENAI_TRITON_URL"):
        measure_probe(served_at(store, use_case))
    monkeypatch.undo()
    settings.cache_clear()


def test_drift_asks_for_training_once_and_a_retry_for_the_same_run(store: ArtifactStore, use_case: str) -> None:
    draw = random.Random(1)
    present = datetime.now(UTC)
    put_served(store, use_case, questions=[question(draw) for _ in range(200)])
    write_asked(store.bucket, use_case, exchanges([complaint(draw) for _ in range(200)], present - HOUR))
    look = drift.run(store, {"found": measure_drift(served_at(store, use_case, present)), "day": "2026-11-25"}).ref

    first, page = decide(served_at(store, use_case, present), look)
    again, _ = decide(served_at(store, use_case, present), look)
    assert first.wanted and again.run_id == first.run_id and page.metrics["wanted"]
    requests = Requests.model_validate_json(store.bucket.get_bytes(document_key(use_case))[0])
    assert len(requests.requests) == 1
    # its model was judged and did not replace the champion
    closed = requests.requests[0].model_copy(update={"closed": "judged", "at": "2026-10-01T00:00:00+00:00"})
    store.bucket.put_bytes(document_key(use_case), Requests(requests=(closed,)).model_dump_json().encode())
    later, page = decide(served_at(store, use_case, present + timedelta(days=3)), look)
    assert not later.wanted and "has asked for this champion before" in page.metrics["reason"]
