"""What is generated."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig


class SynthesizeConfig(StepConfig):
    """The synthetic twin of the ticket table."""

    rows: int = Field(1000, ge=10, le=1_000_000, description="Rows to sample.")
    seed: int = Field(7, ge=0, le=2**32 - 1, description="Seed of the sample.")
