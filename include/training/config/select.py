"""How the candidates are compared."""

from pydantic import Field, field_validator

from include.evaluation.measures import MEASURES, measure
from include.training.config.base import TrainingPart


class SelectConfig(TrainingPart):
    """How the candidates are compared."""

    indicator: str = Field(
        "answer_bits_per_char",
        description="Decides among the candidates within the charter's limits: any measure of an evaluation.",
        examples=list(MEASURES),
    )
    resamples: int = Field(2000, ge=100, le=1_000_000, description="Resamples of the questions two are compared on.")
    seed: int = Field(7, ge=0, description="Seed of the bootstrap.")

    @field_validator("indicator")
    @classmethod
    def _is_measured(cls, name: str) -> str:
        if measure(name) is None:
            raise ValueError(f"nothing measures it. Measured are: {', '.join(MEASURES)}, lm_eval.<task>.<metric>")
        return name
