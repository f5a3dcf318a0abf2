"""Reinforcement learning: from preferences between two answers, and from rewards."""

from typing import Literal

from pydantic import Field

from include.customization.config.base import Config
from include.customization.config.techniques import TuningConfig


class PreferencesConfig(Config):
    """Pairs of a better and a worse answer."""


class RewardModelConfig(TuningConfig):
    """A model that scores answers, trained on preferences."""

    technique: Literal["reward_model"] = Field("reward_model", description="Name of the technique.")


class DpoConfig(TuningConfig):
    """Direct preference optimization."""

    technique: Literal["dpo"] = Field("dpo", description="Name of the technique.")


class GrpoConfig(TuningConfig):
    """Group relative policy optimization by reward functions."""

    technique: Literal["grpo"] = Field("grpo", description="Name of the technique.")
