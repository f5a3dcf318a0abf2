"""How the candidates are compared."""

from typing import Literal

from pydantic import Field

from include.training.config.base import TrainingPart


class SelectConfig(TrainingPart):
    """How the candidates are compared."""

    indicator: Literal["answer_bits_per_char", "answer_chrf", "seconds_per_answer"] = Field(
        "answer_bits_per_char", description="Decides among the candidates within the charter's limits."
    )
