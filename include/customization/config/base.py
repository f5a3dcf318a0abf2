"""What all configurations of this package are."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, with known fields and finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
