"""What is to be reached, and the numbers that show it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from include.evaluation.measures import MEASURES, Direction, measure
from include.strategy.config.base import StrategyPart


def _measured(name: str) -> str:
    if measure(name) is None:
        known = "; ".join(f"{one} ({found.what}, by evaluation.evaluate)" for one, found in MEASURES.items())
        raise ValueError(f"nothing measures it. Measured are: {known}; lm_eval.<task>.<metric>")
    return name


def _with_indicators(objective: Any) -> Any:
    if isinstance(objective, str):
        raise ValueError(
            "nothing measures a sentence alone: write it as text, with indicators that strategy.indicators declares"
        )
    return objective


IndicatorName = Annotated[str, BeforeValidator(lambda name: _measured(name) if isinstance(name, str) else name)]


class Indicator(StrategyPart):
    """A number that evaluation measures on held-out questions, and what it has to reach."""

    name: IndicatorName = Field(description="What is measured, on the model before it is packaged.")
    target: float = Field(ge=0, description="Value to reach, in the indicator's own unit.")
    direction: Direction = Field(description="Which side of the target is good.")
    required: bool = Field(False, description="A model that misses a required indicator is not deployed.")
    description: str = Field("", description="What it means to the business.")

    @field_validator("direction")
    @classmethod
    def _is_the_good_one(cls, direction: Direction, info: ValidationInfo) -> Direction:
        name = info.data.get("name")
        found = measure(name) if name else None
        if found is None or direction == found.good:
            return direction
        better = "higher" if found.good == "at_least" else "lower"
        raise ValueError(f"a {better} {name} is better: its direction is {found.good}")


class Objective(StrategyPart):
    """A step towards the goal, and the declared indicators that show whether it is reached."""

    text: str = Field(min_length=1, description="What is to be reached.")
    indicators: tuple[str, ...] = Field(
        min_length=1, description="Names among strategy.indicators, one at least: they show whether it is reached."
    )


DeclaredObjective = Annotated[Objective, BeforeValidator(_with_indicators)]
