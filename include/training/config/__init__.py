"""What training does: a small model from scratch, a pretrained one, and the choice between them."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart
from include.training.config.candidates import (
    SMOLLM2,
    Candidate,
    FolderCandidate,
    HubCandidate,
    PackageCandidate,
    StoreCandidate,
)
from include.training.config.pretrain import PretrainConfig
from include.training.config.select import SelectConfig
from include.training.config.tokens import PackConfig, TokenizerConfig

__all__ = [
    "Candidate",
    "FolderCandidate",
    "HubCandidate",
    "PackConfig",
    "PackageCandidate",
    "PretrainConfig",
    "SelectConfig",
    "StoreCandidate",
    "TokenizerConfig",
    "TrainingConfig",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class TrainingConfig(TrainingPart):
    """The training step."""

    tokenizer: TokenizerConfig = Field(TokenizerConfig(), description="The tokenizer of the model from scratch.")
    pack: PackConfig = Field(PackConfig(), description="What the model from scratch reads.")
    pretrain: PretrainConfig = Field(PretrainConfig(), description="The model from scratch.")
    candidates: dict[Name, Candidate] = Field(
        {"smollm2": SMOLLM2}, min_length=1, description="Models that exist already, by a name of your own each."
    )
    select: SelectConfig = Field(SelectConfig(), description="The choice between all of them.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        context = self.pretrain.shape.context
        if self.pack.length > context:
            raise ValueError(f"pack.length {self.pack.length} exceeds the model's context {context} (pretrain.context)")
        return self
