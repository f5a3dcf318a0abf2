"""What the scaler goes by and shows before all is known: files that are half saved, a decision that is not yet made."""

from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from include.core.settings import settings
from include.inferencing.scaling.manifests import METRIC
from include.inferencing.scaling.scale import Scale
from include.local import tritonserver
from include.local.serving_scaler import Metrics
from include.use_cases.serving_rules import KeptRules, longest_deadline
from tests.conftest import free_ports


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
