"""What all parts of the declaration have in common."""

from pydantic import BaseModel, ConfigDict


class StrategyPart(BaseModel):
    """Frozen; refuses names and values that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)
