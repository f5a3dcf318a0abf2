"""What the use case decides itself, whatever is recommended."""

from typing import Literal

from pydantic import Field

from include.strategy.config.base import StrategyPart

Route = Literal["scratch", "pretrained", "race"]
Hosting = Literal["own", "hosted"]
Technique = Literal["few_shot", "prompt_tuning", "lora", "full", "continued_pretraining", "dpo"]
Domain = Literal["general", "specialised", "unlike"]


class DecisionPlan(StrategyPart):
    """Choices that win over the recommended ones, which the charter goes on showing; null: what is recommended."""

    domain: Domain = Field(
        "specialised", description="How far the texts are from what public models have read; unlike: they have not."
    )
    route: Route | None = Field(None, description="Train from scratch, start from a pretrained model, or race both.")
    hosting: Hosting | None = Field(None, description="Serve on hardware of one's own, or use a hosted service.")
    techniques: tuple[Technique, ...] | None = Field(None, description="Customization techniques worth racing.")
