"""What the scaler goes by and shows before all is known: files that are half saved, a decision that is not yet made."""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing.publish import publish
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.manifests import METRIC
from include.inferencing.scaling.scale import Scale
from include.inferencing.scaling.scaler import Rules, Scaler
from include.inferencing.triton_client import TritonClient
from include.local import tritonserver
from include.local.serving_scaler import Metrics
from include.use_cases.serving_rules import KeptRules, longest_deadline
from tests.conftest import ObjectStoreServer, free_ports
from tests.faults.serving.packages import stand_in
from tests.gates import put_in_service, serving_of
from tests.inferencing.conftest import TritonServer, run_of


def test_a_file_that_cannot_be_read_keeps_its_last_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "python_assistant.yaml"
    declared = (settings().use_cases_folder / file.name).read_text()
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path))
    settings.cache_clear()
    try:
        file.write_text(declared)
        rules = KeptRules()
        whole = rules()
        for torn in (declared[: len(declared) // 2] + "\n  - :{", "title: [", ""):
            file.write_text(torn)
            assert rules() == whole
        assert KeptRules()().wishes == {}
        file.unlink()
        assert rules().wishes == {}
    finally:
        monkeypatch.undo()
        settings.cache_clear()


class TwoServers:
    """Two that run already."""

    ours = True

    def __init__(self, address: str) -> None:
        self.addresses = (address, address)

    def running(self) -> set[int]:
        return {1, 2}

    def start(self, number: int) -> None:
        raise AssertionError(f"{number} runs")

    def stop(self, number: int) -> None:
        raise AssertionError(f"{number} is wanted")


def test_a_champion_that_loads_nowhere_holds_no_server_up(
    object_store_server: ObjectStoreServer, triton: TritonServer, store: ArtifactStore, use_case: str
) -> None:
    own = object_store_server.store(bucket=f"scaler-{uuid.uuid4().hex[:12]}")
    own.bucket.ensure()
    package = stand_in(store, "good")
    serving = serving_of(store, use_case, package)
    publish(store, package, serving.model_name)
    lost = serving.model_copy(update={"model_name": champion.model_name("lost", package)})
    for name, one in ((use_case, serving), ("lost", lost)):
        put_in_service(own, run_of(name), one)
    rules = Rules({}, Bounds(floor=2, ceiling=2, instances=1))
    with TritonClient(triton.address) as client:
        assert Scaler(own.bucket, TwoServers(triton.address), lambda: rules).tick(datetime.now(UTC)).servers == 1
        client.load(serving.model_name, 60)
        assert Scaler(own.bucket, TwoServers(triton.address), lambda: rules).tick(datetime.now(UTC)).servers == 2
        client.unload(serving.model_name)


def test_nothing_is_shown_before_the_first_decision() -> None:
    port = free_ports(1)
    metrics = Metrics(port)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert REGISTRY.get_sample_value(METRIC) is None

    metrics.show(Scale(wanted=3, instances={"a": 2}))
    assert f"{METRIC} 3.0" in httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_a_further_server_that_leaves_completes_the_longest_answer() -> None:
    assert tritonserver.exit_seconds(2) > longest_deadline()
