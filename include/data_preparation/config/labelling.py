"""How texts get their labels."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig


class LabelConfig(StepConfig):
    """How votes of the labelling functions become a label, and what people are asked to look at."""

    min_confidence: float = Field(0.5, ge=0, le=1, description="Below it, the label is `other`.")
    prior_votes: float = Field(
        1000, ge=0, description="How many votes seen a labelling function's expected accuracy (labels.py) is worth."
    )
    examined: int = Field(
        10_000,
        ge=0,
        le=200_000,
        description="Documents, drawn evenly, in which label errors are looked for; 0: none. Memory: 10 kB each.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the classifier that finds label errors.")
    review: int = Field(100, ge=0, le=10_000, description="Documents that people are asked to label; 0: none.")
    annotators: int = Field(
        2, ge=1, le=10, description="People who are asked about a document: from two on, agreement."
    )
    min_agreement: float = Field(0.667, ge=-1, le=1, description="Agreement below which the data card warns.")
    seed: int = Field(7, ge=0, description="Draws the documents that are examined, and the folds.")
