"""What is kept of use, and when it asks for retraining."""

from pydantic import BaseModel, ConfigDict


class LearningConfig(BaseModel):
    """Sampling, feedback and retraining."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
