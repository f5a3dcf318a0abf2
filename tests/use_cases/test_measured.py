"""Indicators that nothing in the use case measures, and a judge that would be sent what is not public."""

from typing import Any

import pytest

from include.core.errors import ConfigurationError
from include.use_cases import load_use_case

TASK = "lm_eval.python_basics.acc_norm"


def indicator(name: str) -> dict[str, Any]:
    return {
        "strategy.indicators": [{"name": name, "direction": "at_least", "target": 0.3}],
        "strategy.objectives": [{"text": "It knows Python.", "indicators": [name]}],
    }


def test_the_sample_measures_its_task() -> None:
    found = load_use_case("python_assistant", indicator(TASK))
    assert found.strategy.indicators[0].name == TASK
    assert list(found.training.candidates) == ["smollm2"]
    renamed = load_use_case("python_assistant", {"training.candidates.smollm2.name": "Small"})
    assert renamed.at("training.candidates.smollm2").name == "Small"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (indicator("lm_eval.python_reading.acc"), r"strategy.indicators.0.name = .*Add python_reading to them"),
        (indicator(TASK) | {"evaluation.lm_eval.tasks": []}, "evaluation.lm_eval.tasks are none"),
        (indicator("lm_eval.python_basics.magic"), "nothing measures it"),
        (indicator("judge_score"), "no answer is judged.*Set evaluation.judge.answers"),
        (
            {"training.select.indicator": "judge_score"},
            "training.select.indicator = 'judge_score': no answer is judged",
        ),
        (indicator("judge_win_rate"), "no answer is judged.*Set evaluation.judge.pairs"),
        (
            {"training.select.indicator": "judge_win_rate", "evaluation.judge.pairs": 8},
            "candidates have no base to be compared with",
        ),
        ({"evaluation.judge.pairs": 8}, "are sent to the judge, and tickets, feedback are not public"),
        ({"evaluation.judge.answers": 8}, "are sent to the judge, and tickets, feedback are not public"),
        ({"evaluation.judge.answers": 80, "evaluation.judge.hosting": "own"}, "judge.answers 80 exceeds answers 24"),
        ({"training.candidates.smollm2.sha256": "abc"}, "training.candidates.smollm2.sha256 = 'abc'"),
    ],
)
def test_what_is_not_measured_or_may_not_travel_is_refused(overrides: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_use_case("python_assistant", overrides)


def test_a_judge_of_ones_own_may_see_all() -> None:
    overrides = indicator("judge_score") | {"evaluation.judge.answers": 8, "evaluation.judge.hosting": "own"}
    assert load_use_case("python_assistant", overrides).evaluation.judge.answers == 8
