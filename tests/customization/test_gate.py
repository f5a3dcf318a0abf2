"""The gate on real artifacts with written-down losses."""

from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.customization.config import GateConfig
from include.customization.gate import gate
from tests.training.hand_made import hand_made_adapter, hand_made_charter, hand_made_evaluation, hand_made_model

BASE = [2.0 + 0.1 * (i % 7) for i in range(40)]
BETTER = [loss - 0.3 + 0.05 * (i % 3) for i, loss in enumerate(BASE)]
BEST = [loss - 0.5 + 0.05 * (i % 3) for i, loss in enumerate(BASE)]
CHANCE = [loss + (0.4 if i % 2 else -0.41) for i, loss in enumerate(BASE)]
TARGET = {"name": "answer_nll", "target": 1.9, "direction": "at_most", "required": True}


def mean(losses: list[float]) -> dict[str, float]:
    return {"answer_nll": sum(losses) / len(losses), "answer_chrf": 20.0}


class Scene:
    """A model, its baseline, and adapters with given losses."""

    def __init__(self, store: ArtifactStore, base: list[float], **adapters: list[float]) -> None:
        self.store = store
        self.model = hand_made_model(store, name="m", parameters=1, license="MIT")
        self.baseline = hand_made_evaluation(store, model=self.model, numbers=mean(base), losses=base)
        self.adapters = {name: hand_made_adapter(store, technique=name, base=self.model) for name in adapters}
        self.evaluations = [
            hand_made_evaluation(store, model=self.model, adapter=self.adapters[name], numbers=mean(some), losses=some)
            for name, some in adapters.items()
        ]

    def gate(self, *indicators: dict[str, Any], evaluations: list[ArtifactRef] | None = None) -> dict[str, Any]:
        charter = hand_made_charter(self.store, content={"indicators": list(indicators)})
        arguments = {
            "model": self.model,
            "baseline": self.baseline,
            "adapters": list(self.adapters.values()),
            "evaluations": self.evaluations if evaluations is None else evaluations,
            "charter": charter,
            "config": GateConfig(),
        }
        return gate.run(self.store, arguments).metrics


def test_the_best_of_two_better_ones_passes(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, lora=BEST)

    metrics = scene.gate(TARGET)

    assert metrics["passed"] is True
    assert metrics["selected"] == scene.adapters["lora"].model_dump()
    assert metrics["verdict"].startswith("lora is better than the base: -0.4")
    row = metrics["indicators"][0]
    assert row["met"] and row["base"] > row["customized"] and row["low"] < row["customized"] < row["high"]


def test_better_by_chance_is_stopped(store: ArtifactStore) -> None:
    metrics = Scene(store, BASE, lora=CHANCE).gate()

    assert metrics["passed"] is False and metrics["selected"] is None
    assert "no customized model is better than the base beyond chance" in metrics["verdict"]


def test_a_missed_required_target_stops_and_a_wished_one_does_not(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST)
    high = {"name": "answer_chrf", "target": 99.0, "direction": "at_least"}

    wished = scene.gate(TARGET, high | {"required": False})
    required = scene.gate(TARGET, high | {"required": True})

    assert wished["passed"] is True and not wished["indicators"][1]["met"]
    assert required["passed"] is False and required["selected"] is None
    assert "misses the required answer_chrf" in required["verdict"]


def test_a_technique_that_meets_the_required_targets_passes_beside_a_better_one_that_misses_them(
    store: ArtifactStore,
) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, lora=BEST)
    scene.evaluations[1] = hand_made_evaluation(
        store, model=scene.model, adapter=scene.adapters["lora"], numbers=mean(BEST) | {"answer_chrf": 1.0}, losses=BEST
    )
    wording = {"name": "answer_chrf", "target": 10.0, "direction": "at_least", "required": True}

    metrics = scene.gate(wording)
    out_of_reach = scene.gate(wording | {"target": 99.0})

    assert metrics["passed"] is True and metrics["selected"] == scene.adapters["prompt_tuning"].model_dump()
    assert metrics["indicators"][0]["met"] is True
    assert out_of_reach["passed"] is False and out_of_reach["technique"] == "lora"
    assert "lora is better than the base" in out_of_reach["verdict"]


def test_evaluations_of_other_questions_or_none_are_refused(store: ArtifactStore) -> None:
    with pytest.raises(ConfigurationError, match="same questions"):
        Scene(store, BASE, lora=BEST[:-1]).gate()
    with pytest.raises(ConfigurationError, match="without an evaluation"):
        Scene(store, BASE, lora=BEST).gate(evaluations=[])
    with pytest.raises(ConfigurationError, match="at least 8"):
        Scene(store, BASE[:4], lora=BEST[:4]).gate()


def test_evaluations_of_the_same_bytes_count_whichever_run_wrote_them(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST)
    evaluated = scene.model, scene.adapters["lora"]
    scene.model = hand_made_model(store, name="m", parameters=1, license="MIT", run=1)
    scene.adapters["lora"] = hand_made_adapter(store, technique="lora", base=scene.model, run=1)
    assert scene.model not in evaluated and scene.adapters["lora"] not in evaluated

    metrics = scene.gate({"name": "answer_chrf", "target": 1.0, "direction": "at_least"})

    assert metrics["passed"] is True
    assert metrics["selected"] == scene.adapters["lora"].model_dump()
