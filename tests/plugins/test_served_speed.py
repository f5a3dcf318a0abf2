"""The charter's prediction beside what a deployment measured."""

from typing import Any

from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.use_cases.document import read_document


def test_a_measured_speed_stands_beside_the_predicted_one(store: ArtifactStore) -> None:
    from genai_airflow.served_speed import beside_prediction

    from include.core.settings import PROJECT_ROOT

    declared = read_document(PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml")["strategy"]
    # 10^9 weights of one byte at 10^10 bytes a second, and next to no cache
    serving = {"replica_bandwidth_gbs": 10, "bandwidth_utilization": 1, "replica_teraflops": 1000}
    model = {"parameters": 10**9, "layers": 1, "key_value_heads": 1, "head_size": 1}
    ref = charter(store, config=StrategyConfig.model_validate(declared | {"serving": serving, "model": model}))

    def told(**metrics: Any) -> dict[str, Any]:
        return beside_prediction(store, ref, Outcome(ref, False, "ran", metrics, 1.0)).metrics

    assert told(tokens_per_second=8.0) == {"tokens_per_second": 8.0, "predicted_tokens_per_second": 10.0}
    assert told(deployed=False) == {"deployed": False}
