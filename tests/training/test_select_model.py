"""The choice among real artifacts: limits first, then the indicator."""

from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError
from include.training.config import SelectConfig
from include.training.select_model import select_model
from tests.training.hand_made import hand_made_charter, hand_made_evaluation, hand_made_model, hand_made_screening


@pytest.fixture
def candidates(store: ArtifactStore) -> tuple[list[ArtifactRef], list[ArtifactRef]]:
    models = [
        hand_made_model(store, name="small", parameters=5_000_000, license="MIT"),
        hand_made_model(store, name="large", parameters=135_000_000, license="Apache-2.0"),
    ]
    numbers = [{"answer_bits_per_char": 2.5, "answer_nll": 1.0}, {"answer_bits_per_char": 1.5, "answer_nll": 2.0}]
    evaluations = [
        hand_made_evaluation(store, model=model, numbers=some | {"answer_chrf": 20.0, "seconds_per_answer": 1.0})
        for model, some in zip(models, numbers, strict=True)
    ]
    return models, evaluations


def select(store: ArtifactStore, models: list[ArtifactRef], evaluations: list[ArtifactRef], **limits: object) -> dict:
    charter = hand_made_charter(store, content={"limits": limits, "indicators": []})
    arguments = {"models": models, "evaluations": evaluations, "charter": charter, "config": SelectConfig()}
    return select_model.run(store, arguments).metrics


def test_the_fewest_bits_a_character_win_whatever_the_tokens(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]]
) -> None:
    models, evaluations = candidates

    metrics = select(store, models, evaluations)

    assert metrics["selected"] == models[1].model_dump()
    assert metrics["reason"] == "large: answer_bits_per_char 1.5; small has 2.5"


def test_every_candidate_is_held_to_the_declared_indicators_and_none_is_stopped(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]]
) -> None:
    models, evaluations = candidates
    declared = [
        {"name": "answer_bits_per_char", "direction": "at_most", "target": 1.5, "required": True},
        {"name": "answer_chrf", "direction": "at_least", "target": 20.5, "required": False},
    ]
    charter = hand_made_charter(store, content={"limits": {}, "indicators": declared})
    arguments = {"models": models, "evaluations": evaluations, "charter": charter, "config": SelectConfig()}

    outcome = select_model.run(store, arguments)

    rows = [
        (row["model"], row["name"], row["value"], row["target"], row["met"]) for row in outcome.metrics["indicators"]
    ]
    assert rows == [
        ("small", "answer_bits_per_char", 2.5, 1.5, False),
        ("small", "answer_chrf", 20.0, 20.5, False),
        ("large", "answer_bits_per_char", 1.5, 1.5, True),
        ("large", "answer_chrf", 20.0, 20.5, False),
    ]
    assert outcome.metrics["targets_met"] == "1 of 2"
    page = store.read(outcome.ref, "report.html").decode()
    for words in ("Declared indicators", "at most 1.5", "at least 20.5", "2.5 [2.4, 2.6]", "missed", "stops nothing"):
        assert words in page


def test_a_charter_without_indicators_shows_none(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]]
) -> None:
    metrics = select(store, *candidates)

    assert metrics["indicators"] == [] and "targets_met" not in metrics


@pytest.mark.parametrize("indicator", ["answer_bits_per_char", "answer_chrf", "seconds_per_answer"])
def test_the_better_side_of_each_indicator_wins(store: ArtifactStore, indicator: str) -> None:
    models = [hand_made_model(store, name=name, parameters=1, license="MIT") for name in ("low", "high")]
    others = {"answer_bits_per_char": 1.0, "answer_chrf": 1.0, "seconds_per_answer": 1.0}
    numbers = [others | {indicator: value} for value in (1.0, 2.0)]
    evaluations = [
        hand_made_evaluation(store, model=model, numbers=some) for model, some in zip(models, numbers, strict=True)
    ]
    charter = hand_made_charter(store, content={})
    arguments = {"models": models, "evaluations": evaluations, "charter": charter}

    metrics = select_model.run(store, arguments | {"config": SelectConfig(indicator=indicator)}).metrics

    assert metrics["name"] == ("high" if indicator == "answer_chrf" else "low")


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"max_parameters": 10_000_000}, "135,000,000 parameters, over the limit of 10,000,000"),
        ({"licences": ["MIT"]}, "licence Apache-2.0 is not among MIT"),
    ],
)
def test_the_charter_excludes(
    store: ArtifactStore,
    candidates: tuple[list[ArtifactRef], list[ArtifactRef]],
    limits: dict[str, object],
    why: str,
) -> None:
    metrics = select(store, *candidates, **limits)

    assert metrics["selected"] == candidates[0][0].model_dump()
    assert why in metrics["reason"]


def test_nothing_within_the_limits_is_permanent(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]]
) -> None:
    with pytest.raises(ModelError, match="limits exclude every candidate"):
        select(store, *candidates, max_parameters=1)


def test_a_candidate_without_an_evaluation_is_named(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]], tmp_path: Path
) -> None:
    models, evaluations = candidates
    with pytest.raises(ConfigurationError, match="without an evaluation"):
        select(store, models, evaluations[:1])


def test_an_evaluation_of_the_same_bytes_counts_whichever_run_wrote_them(
    store: ArtifactStore, candidates: tuple[list[ArtifactRef], list[ArtifactRef]]
) -> None:
    models, evaluations = candidates
    again = hand_made_model(store, name="large", parameters=135_000_000, license="Apache-2.0", run=1)
    assert again.digest == models[1].digest and again != models[1]

    metrics = select(store, [models[0], again], evaluations, max_parameters=200_000_000)

    assert metrics["selected"] == again.model_dump()


def rivals(store: ArtifactStore, *numbers: dict[str, float], losses: list[list[float]]) -> dict[str, object]:
    models = [
        hand_made_model(store, name=f"m{i}", parameters=10 - i, license="MIT", run=len(losses[0]))
        for i in range(len(numbers))
    ]
    evaluations = [
        hand_made_evaluation(store, model=model, numbers={"answer_nll": sum(loss) / len(loss)} | some, losses=loss)
        for model, some, loss in zip(models, numbers, losses, strict=True)
    ]
    charter = hand_made_charter(store, content={})
    return {"models": models, "evaluations": evaluations, "charter": charter}


def test_of_models_that_the_questions_cannot_tell_apart_the_smallest_is_selected(store: ArtifactStore) -> None:
    noise = [0.4 if i % 2 else -0.4 for i in range(40)]
    losses = [[1.0] * 40, [1.02 + some for some in noise], [1.5] * 40]
    arguments = rivals(store, {}, {}, {}, losses=losses)

    outcome = select_model.run(store, arguments | {"config": SelectConfig(indicator="answer_nll")})

    assert outcome.metrics["name"] == "m1" and "not worse than that of m0 beyond chance" in outcome.metrics["reason"]
    mean, low, high = outcome.metrics["difference"]
    assert low < 0 < mean < high
    page = store.read(outcome.ref, "report.html").decode()
    assert "answer_nll: against m0, on the same questions" in page


def test_the_runner_up_is_worse_beyond_chance_and_the_reason_says_by_how_much(store: ArtifactStore) -> None:
    easy = [i % 7 / 2 for i in range(40)]
    arguments = rivals(store, {}, {}, losses=[easy, [one + 0.1 + i % 3 / 100 for i, one in enumerate(easy)]])

    metrics = select_model.run(store, arguments | {"config": SelectConfig(indicator="answer_nll")}).metrics

    assert metrics["name"] == "m0" and "m1 has" in metrics["reason"] and "beyond chance" in metrics["reason"]
    assert metrics["difference"][1] > 0


def test_what_another_beats_in_quality_time_and_memory_is_dominated(store: ArtifactStore) -> None:
    costs = [(0.1, 2.0), (0.2, 1.0), (0.3, 3.0)]
    numbers = [{"seconds_per_token": seconds, "peak_memory_gb": memory} for seconds, memory in costs]
    arguments = rivals(store, *numbers, losses=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])

    outcome = select_model.run(store, arguments | {"config": SelectConfig(indicator="answer_nll")})

    assert outcome.metrics["front"] == ["m0", "m1"]
    page = store.read(outcome.ref, "report.html").decode()
    assert page.count("<circle") == 2 * (2 + 3), "two pictures: a legend of two groups, and three points"
    assert "m2 (dominated): seconds_per_token 0.3, answer_nll (lower is better) 3" in page
    assert page.count("<polyline") == 2


def test_who_was_screened_out_is_shown_with_the_reason(store: ArtifactStore) -> None:
    row = {"name": "huge", "source": "hub", "license": "MIT", "reason": "7 parameters, over the limit of 5"}
    arguments = rivals(store, {}, losses=[[1.0, 2.0]]) | {"screening": hand_made_screening(store, rows=[row])}

    outcome = select_model.run(store, arguments | {"config": SelectConfig(indicator="answer_nll")})

    assert "7 parameters, over the limit of 5" in store.read(outcome.ref, "report.html").decode()


def test_an_indicator_that_was_not_measured_is_named(store: ArtifactStore) -> None:
    arguments = rivals(store, {}, losses=[[1.0, 2.0]])
    with pytest.raises(ConfigurationError, match=r"lm_eval.basics.acc.*has not measured it"):
        select_model.run(store, arguments | {"config": SelectConfig(indicator="lm_eval.basics.acc")})
