"""What every configuration of the training step shares."""

from pydantic import BaseModel, ConfigDict


class TrainingPart(BaseModel):
    """A part of the training step's configuration: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
