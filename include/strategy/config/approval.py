"""Who signs the charter."""

from pydantic import Field

from include.strategy.config.base import StrategyPart


class Approval(StrategyPart):
    """Whether a human signs the charter before any work is spent on it."""

    required: bool = Field(False, description="Wait for a human's approval in the web UI.")
    approvers: tuple[str, ...] = Field((), description="Users who may approve; empty: whoever may trigger the DAG.")
