"""What serving may grow to, and what it is held to."""

from pydantic import BaseModel, ConfigDict


class ScalingConfig(BaseModel):
    """Bounds of servers and instances, and the declared latency."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
