"""What the business declares: goal, indicators, demand, data, limits, and the plan that is sized from them."""

from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from include.core.approval import Approval
from include.strategy.config.assessment import Assessment
from include.strategy.config.base import StrategyPart
from include.strategy.config.decision import DecisionPlan
from include.strategy.config.goals import DeclaredObjective, Indicator, IndicatorName, Objective
from include.strategy.config.limits import SENSITIVITIES, DataSource, Demand, Limits, Sensitivity
from include.strategy.config.plan import ModelPlan, ServingPlan, TrainingPlan

__all__ = [
    "SENSITIVITIES",
    "Approval",
    "Assessment",
    "DataSource",
    "DecisionPlan",
    "Demand",
    "Indicator",
    "IndicatorName",
    "Limits",
    "ModelPlan",
    "Objective",
    "Sensitivity",
    "ServingPlan",
    "StrategyConfig",
    "TrainingPlan",
]


class StrategyConfig(StrategyPart):
    """The strategy step's configuration: all that the charter says."""

    goal: str = Field(min_length=1, description="What the business wants to be true.")
    problem_or_opportunity: str = Field(min_length=1, description="Why this is worth doing now.")
    owner: str = Field(min_length=1, description="Who answers for the use case.")
    indicators: tuple[Indicator, ...] = Field(min_length=1, description="How success is measured.")
    objectives: tuple[DeclaredObjective, ...] = Field(
        min_length=1,
        description="Steps towards the goal: of each the text, and the indicators that show whether it is reached.",
    )
    demand: Demand = Field(default_factory=Demand, description="The use expected of the service.")
    data_sources: tuple[DataSource, ...] = Field(min_length=1, description="The data it is built from.")
    limits: Limits = Field(description="What may not be exceeded.")
    assessment: Assessment | None = Field(None, description="Value, feasibility and risk, for the portfolio.")
    approval: Approval = Field(default_factory=Approval, description="Whether a human signs the charter.")
    model: ModelPlan = Field(default_factory=ModelPlan, description="The model that is sized.")
    training: TrainingPlan = Field(default_factory=TrainingPlan, description="The training that is sized.")
    serving: ServingPlan = Field(default_factory=ServingPlan, description="The serving that is sized.")

    decision: DecisionPlan = Field(DecisionPlan(), description="What wins over the recommended route and techniques.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        declared: dict[str, list[str]] = {
            "indicators": [indicator.name for indicator in self.indicators],
            "data_sources": [source.name for source in self.data_sources],
        }
        for field, names in declared.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field} names {', '.join(twice)} more than once")
        return self

    @field_validator("objectives")
    @classmethod
    def _name_declared_indicators(
        cls, objectives: tuple[Objective, ...], info: ValidationInfo
    ) -> tuple[Objective, ...]:
        declared = [indicator.name for indicator in info.data.get("indicators", ())]
        for index, objective in enumerate(objectives):
            unknown = [name for name in objective.indicators if name not in declared]
            if unknown and declared:
                raise ValueError(
                    f"objectives.{index}.indicators names {', '.join(unknown)}, which strategy.indicators does not "
                    f"declare; it declares {', '.join(declared)}"
                )
        return objectives
