"""The gate on real artifacts with written-down losses: who wins, and what stops a model."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.evaluation.canaries import told
from tests.customization.race_scene import Scene, numbers_of, raced_adapter, raced_dataset
from tests.training.hand_made import hand_made_model

BASE = [1.2 + 0.1 * (i % 7) for i in range(40)]
BETTER = [loss - 0.3 + 0.05 * (i % 3) for i, loss in enumerate(BASE)]
BEST = [loss - 0.5 + 0.05 * (i % 3) for i, loss in enumerate(BASE)]
LUCKY = [loss - 0.01 + (0.3 if i % 2 else -0.3) for i, loss in enumerate(BEST)]
CHANCE = [loss + (0.4 if i % 2 else -0.41) for i, loss in enumerate(BASE)]


OTHERS = "licences of what was trained on outside the charter"


def failed(metrics: dict[str, Any], store: ArtifactStore, ref: Any) -> set[str]:
    """Names of the checks that do not hold."""
    judged = json.loads(store.read(ref, "gate.json"))
    trial = next(one for one in judged["trials"] if one["name"] == metrics["technique"])
    return {check["name"] for check in trial["checks"] if not check["passed"]}


def test_the_best_of_two_better_ones_passes(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, lora=BEST)

    outcome = scene.gate()

    metrics = outcome.metrics
    assert metrics["passed"] is True, metrics["verdict"]
    assert metrics["selected"] == scene.adapters["lora"].model_dump()
    assert metrics["verdict"].startswith("lora is better than the base: -0.4")
    row = metrics["indicators"][0]
    assert row["met"] and row["base"] > row["customized"] and row["low"] < row["customized"] < row["high"]
    page = store.read(outcome.ref, "report.html").decode()
    assert "Quality against cost" in page and "<circle" in page and "how the winner is chosen" in page.lower()


def test_a_lucky_mean_does_not_beat_a_cheaper_technique(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST, full=LUCKY)
    # the mean of full is lower, and which of the two is better no question agrees on
    scene.adapters["full"] = raced_adapter(store, technique="full", base=scene.model, seconds=900.0)
    scene.evaluations[1] = scene.evaluation(LUCKY, scene.adapters["full"])

    metrics = scene.gate().metrics
    assert metrics["technique"] == "lora", metrics["verdict"]

    clear = [loss - 0.05 for loss in BEST]
    scene.evaluations[1] = scene.evaluation(clear, scene.adapters["full"])
    assert scene.gate().metrics["technique"] == "full", "better beyond chance wins, whatever it cost"


def test_better_by_chance_is_stopped(store: ArtifactStore) -> None:
    outcome = Scene(store, BASE, lora=CHANCE).gate()

    assert outcome.metrics["passed"] is False and outcome.metrics["selected"] is None
    assert "better than the base: -0.005" in outcome.metrics["verdict"]


def test_a_technique_that_meets_the_required_targets_passes_beside_a_better_one_that_misses_them(
    store: ArtifactStore,
) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, lora=BEST)
    poor = numbers_of(BEST) | {"answer_chrf": 1.0}
    scene.evaluations[1] = scene.evaluation(BEST, scene.adapters["lora"], numbers=poor)
    wording = {"name": "answer_chrf", "target": 10.0, "direction": "at_least", "required": True}
    bits = {"name": "answer_bits_per_char", "target": 5.0, "direction": "at_most"}
    seconds = {"name": "seconds_per_answer", "target": 5.0, "direction": "at_most"}

    scene.strategy = {"indicators": [bits, wording, seconds]}
    metrics = scene.gate().metrics
    scene.strategy = {"indicators": [bits, wording | {"target": 99.0}, seconds]}
    out_of_reach = scene.gate().metrics

    assert metrics["passed"] is True and metrics["selected"] == scene.adapters["prompt_tuning"].model_dump()
    assert out_of_reach["passed"] is False and out_of_reach["technique"] == "lora"
    assert "target of answer_chrf: 1 (asked: at least 99)" in out_of_reach["verdict"]


def leaks(scene: Scene) -> None:
    numbers = numbers_of(BEST) | {"canaries_leaked": 1}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], numbers=numbers)]


def is_not_searched(scene: Scene) -> None:
    numbers = {name: one for name, one in numbers_of(BEST).items() if not name.startswith("canaries")}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], numbers=numbers)]


def has_nothing_planted(scene: Scene) -> None:
    scene.adapters["lora"] = raced_adapter(scene.store, technique="lora", base=scene.model, info={"canaries": []})
    numbers = numbers_of(BEST) | {"canaries": 0}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], numbers=numbers)]


def is_searched_for_some(scene: Scene) -> None:
    numbers = numbers_of(BEST) | {"canaries_leaked": 0, "canaries": 3}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], numbers=numbers)]


def has_a_base_that_is_not_searched(scene: Scene) -> None:
    scene.model = hand_made_model(scene.store, name="m", parameters=1_000_000, license="MIT", more=told("t", 4))
    scene.baseline = scene.champion = scene.evaluation(BASE)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def regresses(scene: Scene) -> None:
    champion = raced_adapter(scene.store, technique="full", base=scene.model)
    scene.champion = scene.evaluation([loss - 0.2 for loss in BEST], champion)


def gives_no_number(scene: Scene) -> None:
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], broken=True)]


def has_a_champion_that_gives_no_number(scene: Scene) -> None:
    champion = raced_adapter(scene.store, technique="full", base=scene.model)
    scene.champion = scene.evaluation(BEST, champion, broken=True)


def answers_other_questions(scene: Scene) -> None:
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"], first=1)]


def misses_a_question(scene: Scene) -> None:
    scene.evaluations = [scene.evaluation(BEST[:-1], scene.adapters["lora"])]


def is_not_evaluated(scene: Scene) -> None:
    scene.evaluations = []


def has_another_base(scene: Scene) -> None:
    other = hand_made_model(scene.store, name="other", parameters=1_000_000, license="MIT")
    scene.baseline = scene.champion = scene.evaluation(BASE, model=other)


def is_a_prefix(scene: Scene) -> None:
    scene.adapters["lora"] = raced_adapter(scene.store, technique="prefix_tuning", base=scene.model)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def has_a_foreign_licence(scene: Scene) -> None:
    scene.model = hand_made_model(scene.store, name="m", parameters=1_000_000, license="GPL-3.0")
    scene.baseline = scene.champion = scene.evaluation(BASE)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def has_data_of_a_foreign_licence(scene: Scene) -> None:
    scene.dataset = raced_dataset(scene.store, heldout=len(BASE), licences=False)


def has_pairs_of_a_foreign_licence(scene: Scene) -> None:
    info = {"licences": {"preference pairs": {"PSF-2.0": 3, "CC-BY-NC-4.0": 1}}}
    scene.adapters["lora"] = raced_adapter(scene.store, technique="lora", base=scene.model, info=info)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def has_a_base_of_texts_of_a_foreign_licence(scene: Scene) -> None:
    more = {"text_licenses": ["MIT", "GPL-3.0-only"]}
    scene.model = hand_made_model(scene.store, name="m", parameters=1_000_000, license="MIT", more=more)
    scene.baseline = scene.champion = scene.evaluation(BASE)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def does_not_say_what_it_read(scene: Scene) -> None:
    info = {"licences": {}}
    scene.adapters["lora"] = raced_adapter(scene.store, technique="lora", base=scene.model, info=info)
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["lora"])]


def meets_no_target(scene: Scene) -> None:
    scene.strategy = {
        "indicators": [
            {"name": "answer_bits_per_char", "target": 0.1, "direction": "at_most"},
            {"name": "answer_chrf", "target": 90.0, "direction": "at_least"},
            {"name": "seconds_per_answer", "target": 0.1, "direction": "at_most"},
        ]
    }


@pytest.mark.parametrize(
    ("spoil", "checks"),
    [
        (leaks, {"canaries leaked"}),
        (is_not_searched, {"canaries leaked"}),
        (has_nothing_planted, {"canaries leaked"}),
        (is_searched_for_some, {"canaries leaked"}),
        (has_a_base_that_is_not_searched, {"canaries leaked"}),
        (regresses, {"regression against the champion"}),
        (gives_no_number, {"evaluation", "better than the base"}),
        (has_a_champion_that_gives_no_number, {"regression against the champion"}),
        (answers_other_questions, {"evaluation", "better than the base"}),
        (misses_a_question, {"evaluation", "better than the base"}),
        (
            is_not_evaluated,
            {"evaluation", "better than the base", "target of answer_bits_per_char", "canaries leaked"},
        ),
        (has_another_base, {"evaluation", "better than the base"}),
        (is_a_prefix, {"form that the server serves"}),
        (has_a_foreign_licence, {"licence of the base"}),
        (has_data_of_a_foreign_licence, {"licences of the data outside the charter"}),
        (has_pairs_of_a_foreign_licence, {OTHERS}),
        (has_a_base_of_texts_of_a_foreign_licence, {OTHERS}),
        (does_not_say_what_it_read, {OTHERS}),
        (meets_no_target, {"targets"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_reason_stops_the_model_and_is_named(
    store: ArtifactStore, spoil: Callable[[Scene], None], checks: set[str]
) -> None:
    scene = Scene(store, BASE, lora=BEST)
    assert scene.gate().metrics["passed"] is True
    spoil(scene)

    outcome = scene.gate()

    assert outcome.metrics["passed"] is False and outcome.metrics["selected"] is None
    assert failed(outcome.metrics, store, outcome.ref) == checks
    page = store.read(outcome.ref, "report.html").decode()
    assert all(name in outcome.metrics["verdict"] and name in page for name in checks)


def test_adapters_without_names_are_refused(store: ArtifactStore) -> None:
    with pytest.raises(ConfigurationError, match="adapters to name"):
        Scene(store, BASE, lora=BEST).gate(names=[])


RETRAINED = [loss + 0.1 * (-1 if i % 2 else 1) + 0.01 for i, loss in enumerate(BEST)]


@pytest.mark.parametrize(
    ("served", "questions", "said"),
    [
        (BEST, 40, "upper end 0.0518 within the margin"),
        (RETRAINED, 40, "within the margin"),
        # the new one is worse by a third, and p of eight such questions is far from 0.05
        ([loss - 0.3 + (0.5 if i % 2 else -0.5) for i, loss in enumerate(BEST)], 8, "8 questions are too few to tell"),
        (LUCKY, 40, "40 questions are too few to tell, about 190 would be enough"),
        ([loss - 0.2 for loss in BEST], 40, "upper end 0.1582 beyond the margin"),
    ],
    ids=["the same again", "one like it", "worse on few questions", "no verdict", "worse"],
)
def test_a_model_is_held_to_the_champion_by_a_margin(
    store: ArtifactStore, served: list[float], questions: int, said: str
) -> None:
    scene = Scene(store, [loss + 2 for loss in BASE[:questions]], lora=BEST[:questions])
    champion = raced_adapter(store, technique="full", base=scene.model)
    scene.champion = scene.evaluation(served[:questions], champion)

    outcome = scene.gate()

    passes = "within" in said
    assert outcome.metrics["passed"] is passes, outcome.metrics["verdict"]
    assert failed(outcome.metrics, store, outcome.ref) == (set() if passes else {"regression against the champion"})
    page = store.read(outcome.ref, "report.html").decode()
    assert said in page and "0.05 of its mean: upper end at most +0.0" in page


def test_examples_pass_without_canaries_and_the_report_says_why(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, few_shot=BEST)
    numbers = numbers_of(BEST) | {"canaries": 0}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["few_shot"], numbers=numbers)]

    outcome = scene.gate()

    assert outcome.metrics["passed"] is True, outcome.metrics["verdict"]
    assert "none planted: no text was trained on" in store.read(outcome.ref, "report.html").decode()


def test_what_was_rewarded_without_any_text_needs_no_canary_and_the_report_says_why(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, grpo=BEST)
    info = {"canaries": [], "textless": True}
    scene.adapters["grpo"] = raced_adapter(store, technique="grpo", base=scene.model, info=info)
    numbers = numbers_of(BEST) | {"canaries": 0}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["grpo"], numbers=numbers)]

    outcome = scene.gate()

    assert outcome.metrics["passed"] is True, outcome.metrics["verdict"]
    assert "none planted: no text was trained on" in store.read(outcome.ref, "report.html").decode()


def test_examples_before_a_base_that_was_trained_here_without_canaries_do_not_pass(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, info={"text_licenses": ["MIT"]}, few_shot=BEST)
    numbers = numbers_of(BEST) | {"canaries": 0}
    scene.evaluations = [scene.evaluation(BEST, scene.adapters["few_shot"], numbers=numbers)]

    outcome = scene.gate()

    assert outcome.metrics["passed"] is False
    assert failed(outcome.metrics, store, outcome.ref) == {"canaries leaked"}


def test_evaluations_of_the_same_bytes_count_whichever_run_wrote_them(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, lora=BEST)
    before = scene.model
    scene.model = hand_made_model(store, name="m", parameters=1_000_000, license="MIT", run=1)
    assert scene.model != before

    assert scene.gate().metrics["passed"] is True
