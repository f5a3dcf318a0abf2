"""A reward model and what it rewards, by real launches on one rank and on two, as the workflow makes them."""

import json
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.customization.config import CustomizationConfig, GrpoConfig, RewardModelConfig
from include.customization.train_reward_model import train_reward_model
from include.customization.tune import tune
from tests.customization.made_pairs import inputs

SHORT: dict[str, Any] = {"steps": 4, "batch": 4, "length": 64, "warmup": 2, "rank": 4, "learning_rate": 1e-2}


@pytest.mark.timeout(600)
def test_the_steps_launch_a_reward_model_and_what_it_rewards(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = inputs(store)
    config = GrpoConfig(**SHORT, group=2, max_new_tokens=8, rewards={"reward_model": 1.0, "length_band": 0.5})
    section = CustomizationConfig(techniques=("grpo",), grpo=config).model_dump(mode="json")
    arguments: dict[str, Any] = {"model": refs["model"], "preferences": refs["preferences"]}
    arguments["config"] = RewardModelConfig(**SHORT)

    with monkeypatch.context() as alone:
        alone.setenv("GENAI_TRAINING_RANKS", "1")
        settings.cache_clear()
        reward_model = train_reward_model.run(store, arguments | {"customization": section})
    settings.cache_clear()
    tuned = tune.run(store, {**refs, "config": config, "reward_model": reward_model.ref})

    assert reward_model.metrics["trained"] and 0 <= reward_model.metrics["final_accuracy"] <= 1
    assert tuned.metrics["technique"] == "grpo" and tuned.metrics["steps"] == 4
    assert 0 < tuned.metrics["final_reward_model_reward"] < 1
    read = json.loads(store.read(tuned.ref, "adapter_info.json"))["licences"]
    assert read == {"instruction data": {"PSF-2.0": 40}, "preference pairs": {"MIT": 16}}
    none = train_reward_model.run(store, arguments | {"customization": CustomizationConfig().model_dump(mode="json")})
    assert none.metrics["trained"] is False
    assert set(json.loads(store.read(none.ref, "adapter_info.json"))) == {"technique", "form", "base", "trained"}
