"""Predictions of a real charter against written-down measurements."""

import json
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.evaluation.config import EvaluationConfig
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.strategy.review import review
from include.use_cases import load_use_case
from tests.training.hand_made import hand_made_model

MILLION = 1_000_000


@step("report")
def measured(work: Workspace, name: str, metrics: dict[str, Any]) -> None:
    (work.output / "name.txt").write_text(name)
    work.metrics |= metrics


def reviewed(store: ArtifactStore, seconds_per_step: float = 2.0, **changes: Any) -> tuple[dict[str, Any], ArtifactRef]:
    base = load_use_case("python_assistant").strategy.model_dump()
    plan = {"device_teraflops": 1.0, "utilization": 0.5, "devices": 2, "tokens": MILLION, "device_hour_price": 36.0}
    model = {"parameters": 100 * MILLION, "weight_bytes": 1.0}
    config = StrategyConfig.model_validate(base | {"training": plan, "model": model} | changes)

    def made(name: str, **metrics: Any) -> ArtifactRef:
        return measured(store, name=name, metrics=metrics)

    tuned = {"technique": "lora", "tokens": 10_000, "steps": 10, "seconds_per_step": seconds_per_step}
    arguments = {
        "charter": charter(store, config=config, techniques=["lora"]),
        "dataset": made("dataset", train=1_500, heldout=64),
        "model": hand_made_model(store, name="m", parameters=100 * MILLION, license="MIT"),
        "trained": made("scratch", parameters=10 * MILLION, tokens=MILLION, tokens_per_second=20_000),
        # examples in the prompt train nothing, so that no time of theirs is predicted
        "adapters": [
            made("lora", trained_parameters=MILLION, **tuned),
            made("few_shot", technique="few_shot", steps=0),
        ],
        "evaluations": [made("one", seconds_per_answer=0.5), made("two", seconds_per_answer=0.7)],
        "package": made("package", megabytes=120.0),
        "config": EvaluationConfig(),
    }
    outcome = review.run(store, arguments)
    rows = json.loads(store.read(outcome.ref, "review.json"))
    return {row["what"]: row for row in rows} | {"metrics": outcome.metrics}, outcome.ref


def test_predictions_stand_beside_what_was_measured(store: ArtifactStore) -> None:
    found, _ = reviewed(store)
    # 6 x 10^7 x 10^6 operations on 2 devices of 10^12 at a half: 60 s; 10^6 tokens at 20,000 a second: 50 s
    scratch = found["seconds of training, from scratch"]
    assert (scratch["predicted"], scratch["measured"]) == (pytest.approx(60), pytest.approx(50))
    # an adapter of 1% of the weights: (4 x 10^8 + 2 x 10^6) x 10^4 operations; 10 steps of 2 s
    lora = found["seconds of training, lora"]
    assert (lora["predicted"], lora["measured"]) == (pytest.approx(4.02), pytest.approx(20))
    assert lora["ratio"] == pytest.approx(20 / 4.02, abs=1e-3)
    tokens = found["tokens of the longest training run"]
    assert (tokens["predicted"], tokens["measured"]) == (MILLION, MILLION)
    # 70 s on 2 devices at 36 an hour; one run of 6 x 10^8 x 10^6 operations takes 600 s
    cost = found["cost of training, all runs"]
    assert (cost["predicted"], cost["measured"], cost["unit"]) == (pytest.approx(12), pytest.approx(1.4), "EUR")
    assert (found["size of the package"]["predicted"], found["size of the package"]["ratio"]) == (100, 1.2)
    assert (found["examples"]["predicted"], found["examples"]["measured"]) == (1_600, 1_564)
    assert found["computing time of an answer"]["measured"] == pytest.approx(0.6)
    assert found["metrics"]["training_time_ratio"] == pytest.approx(70 / 64.02, abs=1e-3)
    assert found["metrics"]["served_size_ratio"] == 1.2


def test_predictions_count_what_is_recomputed(store: ArtifactStore) -> None:
    plan = {"device_teraflops": 1.0, "utilization": 0.5, "devices": 2, "tokens": MILLION, "device_hour_price": 36.0}
    found, _ = reviewed(store, training=plan | {"recompute": "all"})
    assert found["seconds of training, from scratch"]["predicted"] == pytest.approx(80)
    assert found["seconds of training, lora"]["predicted"] == pytest.approx(6.02)


def test_the_page_says_what_to_correct(store: ArtifactStore) -> None:
    found, ref = reviewed(store)
    page = store.read(ref, "report.html").decode()
    assert (
        "seconds of training, lora is 4.975 times the prediction: correct strategy.training.utilization 0.5, 0.1 was"
        in page
    )
    assert "size of the package is" not in page
    assert found["metrics"]["far_off"] == sum(
        row["ratio"] is not None and not 0.5 <= row["ratio"] <= 2 for name, row in found.items() if name != "metrics"
    )


def test_the_time_of_an_answer_is_predicted_for_the_evaluations_batches(store: ArtifactStore) -> None:
    serving = {"replica_bandwidth_gbs": 10, "bandwidth_utilization": 0.4, "replica_teraflops": 1e5}
    found, _ = reviewed(store, serving=serving)
    # 48 tokens, each reading 10^8 weights of 4 bytes and 8 caches of 248 tokens at 4 x 10^9 bytes a second, over 8
    cache = 8 * 248 * 2 * 30 * 3 * 64 * 4
    assert found["computing time of an answer"]["predicted"] == pytest.approx(48 * (4e8 + cache) / 4e9 / 8, rel=1e-3)


def test_other_measurements_are_another_review(store: ArtifactStore) -> None:
    assert reviewed(store)[1] == reviewed(store)[1]
    assert reviewed(store)[1] != reviewed(store, seconds_per_step=3.0)[1]


def test_what_is_not_predicted_has_no_ratio(store: ArtifactStore) -> None:
    found, _ = reviewed(store, data_sources=[{"name": "a", "sensitivity": "public"}], limits={"licences": ["MIT"]})
    assert "examples" not in found
    free = {"device_hour_price": 0.0, "device_teraflops": 1.0}
    found, _ = reviewed(store, training=free)
    assert found["cost of training, all runs"]["ratio"] is None
