"""What is kept of use, and when it asks for retraining."""

from pydantic import BaseModel, ConfigDict, Field


class RetrainingConfig(BaseModel):
    """When a model is trained again without being asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    feedback: int = Field(
        20, ge=1, le=1_000_000, description="Corrections since the newest dataset and request that ask for it."
    )
    tenant_share: float = Field(
        0.5, gt=0, le=1, description="Largest share of them that one tenant counts for; 1 where there is one tenant."
    )
    drift: bool = Field(True, description="Shown drift asks for it too.")
    hours_between: float = Field(24, ge=0, le=8760, description="Least time between two requests.")
    budget: float = Field(
        10,
        ge=0,
        description="What requested runs may cost a month, in the currency of the limits; 0: none runs.",
    )
    patience_hours: float = Field(
        48, gt=0, le=8760, description="A requested run that has not judged a model for so long is given up."
    )


class LearningConfig(BaseModel):
    """Sampling, feedback and retraining. Nothing is kept of tenants that have not consented."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sample: float = Field(0.2, ge=0, le=1, description="Share of the exchanges that may be kept, and are.")
    keep_days: int = Field(30, ge=1, le=3650, description="Sampled exchanges are deleted after so many days.")
    max_characters: int = Field(
        8_000, ge=100, le=100_000, description="Longer questions, answers and corrections are not kept."
    )
    retraining: RetrainingConfig = Field(default_factory=RetrainingConfig, description="When to train again.")
