"""What decides in the race and at the gate has to be measured often enough."""

from typing import Any

import pytest

from include.core.errors import ConfigurationError
from include.use_cases import load_use_case

CHRF = {"customization.gate.indicator": "answer_chrf"}
RUNG = "customization.race.evaluation"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (CHRF, rf"{RUNG}\.answers = 1: the race decides by .*answer_chrf, on 8 .*8, or decide by answer_b"),
        (CHRF | {f"{RUNG}.answers": 8, "evaluation.answers": 7}, r"evaluation\.answers = 7: the gate decides by"),
        (
            {f"{RUNG}.questions": 7},
            rf"{RUNG}\.questions = 7: the race decides by .*answer_bits_per_char, on 8",
        ),
        (
            {"customization.gate.least_questions": 49},
            r"evaluation\.questions = 48: the gate .*on 49 of them",
        ),
    ],
)
def test_too_few_values_to_decide_by_are_named_before_anything_runs(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_use_case("python_assistant", overrides)


PAIRS = {"name": "people", "location": "data/pairs", "license": "CC-BY-NC-4.0"}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"customization.lora.canaries": 0}, r"customization\.lora\.canaries = 0: the gate passes nothing"),
        (
            {
                "customization.preferences.files": [PAIRS],
                "strategy.data_sources": [{"name": "people", "sensitivity": "public"}],
            },
            r"files\.0\.license = 'CC-BY-NC-4\.0': strategy\.limits\.licences are",
        ),
    ],
    ids=["no canary", "licence of pairs"],
)
def test_what_could_never_pass_the_gate_is_named_before_anything_runs(overrides: dict[str, Any], said: str) -> None:
    if "strategy.data_sources" in overrides:
        declared = load_use_case("python_assistant").model_dump(mode="json")["strategy"]["data_sources"]
        overrides = overrides | {"strategy.data_sources": [*declared, *overrides["strategy.data_sources"]]}
    with pytest.raises(ConfigurationError, match=said):
        load_use_case("python_assistant", overrides)


def test_a_race_that_stops_nobody_needs_no_answers_on_its_rung() -> None:
    load_use_case("python_assistant", CHRF | {"customization.race.rungs": [1]})
    load_use_case("python_assistant", CHRF | {f"{RUNG}.answers": 8})
