"""What the knobs of all steps have in common."""

from pydantic import BaseModel, ConfigDict


class StepConfig(BaseModel):
    """Frozen; refuses names and values that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
