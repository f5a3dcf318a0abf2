"""What operations watches, and when it speaks up."""

from pydantic import BaseModel, ConfigDict


class OperationsConfig(BaseModel):
    """Error budget, drift and the weekly page."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
