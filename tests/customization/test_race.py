"""The race: costs before and after, who goes on, and the corrected p-values."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.customization.config import CustomizationConfig, RaceConfig, RewardModelConfig
from include.customization.halve import halve
from include.customization.predict_costs import predict_costs
from include.customization.race.costs import Costs
from include.customization.race.significance import holm, p_value
from tests.customization.race_scene import Scene, raced_adapter
from tests.customization.test_gate import BASE, BEST, BETTER

RACE = {"rungs": [0.5, 1.0], "eta": 2}
# of the sample's charter: a core hour costs 0.05
HOUR = 0.05


def halved(scene: Scene, costs: ArtifactRef | None = None, **race: Any) -> Any:
    config = RaceConfig.model_validate(RACE | race)
    arguments = {
        "names": scene.names,
        "adapters": list(scene.adapters.values()),
        "evaluations": scene.evaluations,
        "costs": costs or scene.costs(**RACE | race),
        "earlier": [],
        "rung": 0,
        "indicator": "answer_bits_per_char",
        "config": config,
    }
    return halve.run(scene.store, arguments)


def reasons(outcome: Any, store: ArtifactStore) -> dict[str, str]:
    told = json.loads(store.read(outcome.ref, "rung.json"))
    return {one["name"]: ("on: " if one["goes_on"] else "stopped: ") + one["reason"] for one in told["standings"]}


def test_the_better_half_goes_on_and_what_is_not_trained_goes_on_for_free(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, few_shot=BASE, lora=BEST)

    outcome = halved(scene)

    assert reasons(outcome, store) == {
        "lora": "on: among the best 1 of 2",
        "prompt_tuning": "stopped: not among the best 1 of 2",
        "few_shot": "on: nothing is trained: it goes on for free",
    }
    assert outcome.metrics["names"] == ["customization.lora", "customization.few_shot"]
    survivors = [{"config": f"customization.{n}", "item": scene.adapters[n].model_dump()} for n in ("lora", "few_shot")]
    assert outcome.metrics["survivors"] == survivors and outcome.metrics["passed"] is True
    # 100 metered seconds of one device each
    assert outcome.metrics["spent"] == pytest.approx(2 * 100 / 3600 * HOUR, abs=1e-6)
    assert "95% low" in store.read(outcome.ref, "report.html").decode()


def test_what_the_budget_does_not_pay_for_is_stopped_with_that_reason(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST, prompt_tuning=BETTER)
    scene.adapters["lora"] = raced_adapter(store, technique="lora", base=scene.model, seconds=3600.0)
    scene.evaluations[0] = scene.evaluation(BEST, scene.adapters["lora"])

    # lora has taken an hour and would take another, prompt tuning 100 seconds
    outcome = halved(scene, budget=1.5, budget_in="device_hours")

    told = reasons(outcome, store)
    assert told["lora"].startswith("stopped: out of budget: it would take 1 device hours, 0.47")
    assert told["prompt_tuning"] == "on: among the best 1 of 2"
    assert (outcome.metrics["unit"], outcome.metrics["budget"]) == ("device hours", 1.5)

    nothing = halved(scene, budget=1.0, budget_in="device_hours").metrics
    assert nothing["passed"] is False and nothing["survivors"] == []
    assert "out of budget" in nothing["verdict"]


def test_a_technique_without_an_evaluation_is_named(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST, prompt_tuning=BETTER)
    scene.evaluations.pop()
    with pytest.raises(ConfigurationError, match=r"prompt_tuning.*was not evaluated"):
        halved(scene)


def test_costs_are_predicted_from_the_charter_and_a_race_beyond_the_budget_never_begins(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST, full=BETTER, few_shot=BASE)

    costs = json.loads(store.read(scene.costs(), "costs.json"))
    seconds = {one["name"]: one["device_seconds"] for one in costs["entrants"]}
    # 48 steps of 4 x 128 tokens, 4 or 6 operations each of a million weights, at 0.4e12 x 0.3 a second
    assert seconds == {
        "lora": pytest.approx(48 * 4 * 128 * 4e6 / 0.12e12),
        "full": pytest.approx(48 * 4 * 128 * 6e6 / 0.12e12),
        "few_shot": 0.0,
    }
    assert costs["prices"]["hour_price"] == pytest.approx(HOUR)
    # a budget of 100, less a month of serving
    assert costs["budget"] == pytest.approx(100 - 36.5, abs=0.1)

    poor = store.manifest(scene.costs(budget=1e-9)).metrics
    assert poor["passed"] is False and "raise customization.race.budget" in poor["verdict"]


def test_what_is_made_before_the_race_is_predicted_and_leaves_less_for_the_rungs(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST, prompt_tuning=BETTER)
    grpo = {"grpo": {"rewards": {"reward_model": 1.0}}, "preferences": {"own_answers": 10, "max_new_tokens": 88}}
    learning = CustomizationConfig.model_validate({"techniques": ["grpo"], **grpo})
    predict = {"model": scene.model, "charter": scene.charter()}

    outcome = predict_costs.run(store, predict | {"config": learning})

    told = Costs.model_validate_json(store.read(outcome.ref, "costs.json"))
    # answers are read once; both answers of a pair of 128 tokens in 32 steps of 4
    assert told.shared == {
        "own answers": pytest.approx(2 * 10 * 600 * 1e6 / 0.12e12),
        "reward model": pytest.approx(4 * 2 * 32 * 4 * 128 * 1e6 / 0.12e12),
    }
    first = told.spent(told.entrants[0].device_seconds * learning.race.rungs[0] + told.shared_seconds)
    assert outcome.metrics["predicted"] == pytest.approx(first, abs=1e-6)
    assert b"reward model" in store.read(outcome.ref, "report.html")
    more = learning.model_copy(update={"reward_model": RewardModelConfig(steps=64)})
    assert not predict_costs.run(store, predict | {"config": more}).reused

    # the rungs have what is left: 100 metered seconds of each technique, and those of 100,000 own answers
    config = {"techniques": ["lora", "prompt_tuning", "dpo"], "preferences": {"own_answers": 100_000}, "race": RACE}
    costs = predict_costs(store, **predict, config=CustomizationConfig.model_validate(config))
    shared = Costs.model_validate_json(store.read(costs, "costs.json")).shared
    assert shared == {"own answers": pytest.approx(2 * 100_000 * 560 * 1e6 / 0.12e12)}
    spent = halved(scene, costs=costs).metrics["spent"]
    assert spent == pytest.approx((200 + shared["own answers"]) / 3600 * HOUR, abs=1e-6)


def test_rungs_rise_to_the_whole() -> None:
    for rungs in ([0.5], [0.5, 0.5, 1], [1, 0.5], [0, 1], []):
        with pytest.raises(ValidationError):
            RaceConfig.model_validate({"rungs": rungs})
    assert RaceConfig.model_validate({"rungs": [1]}).rungs == (1.0,)


def test_p_values_are_of_signs_and_corrected_for_their_number() -> None:
    # Holm 1979: the smallest times 4, the next times 3, never below one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # of eight differences of one sign, 2 of 256 sign patterns are as extreme
    assert p_value([1.0] * 8, 10_000, 0) == pytest.approx(2 / 256, abs=1e-9)
    assert p_value([0.0] * 8, 100, 0) == 1.0
    assert p_value([1.0, -1.0] * 8, 100, 0) == 1.0
    assert p_value([float("nan"), *[1.0] * 7], 100, 0) == 1.0
