"""What answers are rewarded for, by name, and how a reward is asked for."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from include.core.errors import RewardError
from include.customization.config import GrpoConfig
from include.customization.rewards.chrf_to_reference import chrf_to_reference
from include.customization.rewards.format import format
from include.customization.rewards.length_band import length_band
from include.customization.rewards.no_repetition import no_repetition
from include.customization.rewards.sample import Reward, Sample

__all__ = ["Reward", "Sample", "asked", "rewards_of"]


def rewards_of(config: GrpoConfig, reward_model: Reward | None) -> dict[str, Reward]:
    """The reward functions that a configuration names, in its order."""
    built_in: dict[str, Reward | None] = {
        "chrf_to_reference": chrf_to_reference,
        "length_band": partial(length_band, least=config.least_words, most=config.most_words),
        "format": partial(format, pattern=config.pattern),
        "no_repetition": no_repetition,
        "reward_model": reward_model,
    }
    found: dict[str, Reward] = {}
    for name in config.rewards:
        reward = built_in[name]
        if reward is None:
            raise RewardError(
                f"rewards.{name}",
                None,
                "no reward model was trained for this run",
                "Give customization.tune the artifact of customization.train_reward_model",
            )
        found[name] = reward
    return found


def asked(name: str, reward: Reward) -> Callable[..., list[float]]:
    """A reward as TRL calls it.

    RewardError where it raises, or gives no finite number: an answer without a reward would teach by its absence.
    """

    def ask(
        completions: list[Any], id: list[str], question: list[str], reference: list[str], **_: object
    ) -> list[float]:
        answers = [completion[0]["content"] for completion in completions]
        samples = (Sample(*row) for row in zip(id, question, reference, answers, strict=True))
        return [_checked(name, reward, sample) for sample in samples]

    ask.__name__ = name
    return ask


def _checked(name: str, reward: Reward, sample: Sample) -> float:
    field, remedy = f"rewards.{name}", "Correct the reward, or take it out of the technique's rewards"
    try:
        value = float(reward(sample))
    except Exception as error:
        raise RewardError(field, sample.id, f"it raised {type(error).__name__}: {str(error)[:200]}", remedy) from error
    if not math.isfinite(value):
        raise RewardError(field, sample.id, f"it gave {value}, which is no finite number", remedy)
    return value
