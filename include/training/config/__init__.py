"""What training does: a small model from scratch, a pretrained one, and the choice between them."""

from typing import Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart
from include.training.config.pretrain import PretrainConfig
from include.training.config.pretrained import PretrainedConfig
from include.training.config.select import SelectConfig
from include.training.config.tokens import PackConfig, TokenizerConfig

__all__ = ["PackConfig", "PretrainConfig", "PretrainedConfig", "SelectConfig", "TokenizerConfig", "TrainingConfig"]


class TrainingConfig(TrainingPart):
    """The training step."""

    tokenizer: TokenizerConfig = Field(TokenizerConfig(), description="The tokenizer of the model from scratch.")
    pack: PackConfig = Field(PackConfig(), description="What the model from scratch reads.")
    pretrain: PretrainConfig = Field(PretrainConfig(), description="The model from scratch.")
    pretrained: PretrainedConfig = Field(PretrainedConfig(), description="The model that exists already.")
    select: SelectConfig = Field(SelectConfig(), description="The choice between them.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        context = self.pretrain.shape.context
        if self.pack.length > context:
            raise ValueError(f"pack.length {self.pack.length} exceeds the model's context {context} (pretrain.context)")
        return self
