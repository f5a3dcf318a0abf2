"""How a dataset becomes tokens: the tokenizer, and the rows that it is packed into."""

from pydantic import Field

from include.evaluation.canaries import MOST
from include.training.config.base import TrainingPart


class TokenizerConfig(TrainingPart):
    """A byte-level BPE tokenizer of the dataset's own texts."""

    vocabulary: int = Field(4096, ge=300, le=262_144, description="Entries, at most.")
    megabytes: float = Field(
        512, gt=0, le=65_536, description="10^6 characters it is trained on, at most: texts from all of the corpus."
    )


class PackConfig(TrainingPart):
    """Texts and questions as rows of tokens, in files that are read while training."""

    length: int = Field(256, ge=8, le=131_072, description="Tokens of a row: what the model is trained on at once.")
    shard_megabytes: float = Field(64, gt=0, le=4096, description="Size of a file of rows, in 10^6 bytes, at most.")
    validation_share: float = Field(
        0.01, ge=0, le=0.5, description="Share of the corpus's texts that is kept to measure on; 0: no validation."
    )
    canaries: int = Field(
        0, ge=0, le=MOST, description="Made-up secrets among the questions, to see whether the model gives them away."
    )
