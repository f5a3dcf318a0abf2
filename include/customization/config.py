"""Placeholder for the package's configuration."""

from pydantic import BaseModel, ConfigDict


class CustomizationConfig(BaseModel):
    """The package's knobs."""

    model_config = ConfigDict(frozen=True, extra="forbid")
