"""How texts get their labels."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig


class LabelConfig(StepConfig):
    """How votes of the labelling functions become a label."""

    min_confidence: float = Field(0.5, ge=0, le=1, description="Below it, the label is `other`.")
