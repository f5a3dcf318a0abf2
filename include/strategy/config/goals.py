"""How success is measured."""

from typing import Literal

from pydantic import Field

from include.strategy.config.base import StrategyPart

IndicatorName = Literal["answer_nll", "answer_bits_per_char", "answer_chrf", "seconds_per_answer"]


class Indicator(StrategyPart):
    """A number that evaluation measures on held-out questions, and what it has to reach."""

    name: IndicatorName = Field(description="What is measured, on the model before it is packaged.")
    target: float = Field(ge=0, description="Value to reach, in the indicator's own unit.")
    direction: Literal["at_most", "at_least"] = Field(description="Which side of the target is good.")
    required: bool = Field(False, description="A model that misses a required indicator is not deployed.")
    description: str = Field("", description="What it means to the business.")
