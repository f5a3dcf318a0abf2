"""What is generated."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig
from include.data_preparation.config.tables import TICKET_TABLES, DatabaseConfig


class SynthesizeConfig(StepConfig):
    """The synthetic twin of related tables."""

    rows: int = Field(1000, ge=10, le=100_000, description="Rows to sample of the first table, the others accordingly.")
    database: DatabaseConfig = Field(
        DatabaseConfig.model_validate(TICKET_TABLES),
        description="The tables, how they are related, and what holds in their rows.",
    )
    most_records: int = Field(
        2000,
        ge=16,
        le=100_000,
        description="Root records (customers, say) that are used, each with its rows: SDV's time grows with them.",
    )
    rounds: int = Field(3, ge=1, le=20, description="Times that rows which break a rule are sampled again.")
    seed: int = Field(7, ge=0, le=2**32 - 1, description="Decides which records the model sees, and the sample.")
