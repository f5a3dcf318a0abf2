"""Rewards: what each gives, and that none fails unseen."""

from typing import Any

import pytest

from include.core.errors import RewardError
from include.customization.config import CustomizationConfig, GrpoConfig
from include.customization.rewards import Reward, Sample, asked, rewards_of

REFERENCE = "It returns the number of items of a container."


def rewards(answer: str, **knobs: Any) -> dict[str, float]:
    names = ["chrf_to_reference", "length_band", "format", "no_repetition"]
    config = GrpoConfig(rewards=dict.fromkeys(names, 1.0), pattern=r"[A-Z].*\.", least_words=4, most_words=10, **knobs)
    sample = Sample("q1", "What does len do?", REFERENCE, answer)
    return {name: round(reward(sample), 2) for name, reward in rewards_of(config, None).items()}


def test_each_reward_is_between_0_and_1() -> None:
    good = {"chrf_to_reference": 1.0, "length_band": 1.0, "format": 1.0, "no_repetition": 1.0}
    assert rewards(REFERENCE) == good
    assert rewards("") == dict.fromkeys(good, 0.0)
    looped = rewards("so it is " * 10)
    assert looped["length_band"] == 0.33 and looped["no_repetition"] == 0.11 and looped["format"] == 0.0
    assert rewards("Two words.")["length_band"] == 0.5


def broken(sample: Sample) -> float:
    raise KeyError("gold")


@pytest.mark.parametrize(
    ("reward", "problem"),
    [(broken, "it raised KeyError: 'gold'"), (lambda sample: float("nan"), "it gave nan, which is no finite number")],
)
def test_a_reward_that_fails_is_named_with_the_question(reward: Reward, problem: str) -> None:
    ask = asked("polite", reward)
    with pytest.raises(RewardError, match=rf"rewards\.polite = 'q7': {problem}"):
        ask([[{"role": "assistant", "content": "Yes."}]], ["q7"], ["Is it?"], ["Yes."])


def test_a_pattern_that_never_ends_stops_the_job() -> None:
    config = GrpoConfig(rewards={"format": 1.0}, pattern=r"((a|a)+)+b(?<=x)")
    ask = asked("format", rewards_of(config, None)["format"])
    with pytest.raises(RewardError, match=r"rewards\.format = 'q7': it raised TimeoutError"):
        ask([[{"content": "a" * 60}]], ["q7"], ["Is it?"], ["Yes."])


def test_rewards_that_cannot_be_given_are_refused() -> None:
    with pytest.raises(RewardError, match="no reward model was trained"):
        rewards_of(GrpoConfig(rewards={"reward_model": 1.0}), None)
    for wrong, said in (
        ({"rewards": {"format": 1.0}}, "needs a pattern"),
        ({"pattern": "("}, "no regular expression"),
        ({"pattern": r"\p{Nonsense}"}, "no regular expression"),
        ({"batch": 6}, "whole groups of 4"),
        ({"steps": 10, "iterations": 4}, "use a multiple"),
        ({"rewards": {"politeness": 1.0}}, "chrf_to_reference"),
    ):
        with pytest.raises(ValueError, match=said):
            CustomizationConfig.model_validate({"grpo": wrong})
