"""How techniques compete, and what the winner has to prove."""

from pydantic import Field

from include.customization.config.base import Config


class GateConfig(Config):
    """What makes a customized model better than the one it came from."""

    resamples: int = Field(2000, ge=100, le=1_000_000, description="Bootstrap resamples of the held-out questions.")
    seed: int = Field(7, ge=0, description="Seed of the bootstrap.")
    least_questions: int = Field(8, ge=2, description="Fewer held-out questions than this prove nothing.")


class RaceConfig(Config):
    """The race of the techniques."""
