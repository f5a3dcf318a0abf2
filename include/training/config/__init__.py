"""What training does: a small model from scratch, a pretrained one, and the choice between them."""

from pydantic import Field

from include.training.config.base import TrainingPart
from include.training.config.pretrain import PretrainConfig
from include.training.config.pretrained import PretrainedConfig
from include.training.config.select import SelectConfig

__all__ = ["PretrainConfig", "PretrainedConfig", "SelectConfig", "TrainingConfig"]


class TrainingConfig(TrainingPart):
    """The training step."""

    pretrain: PretrainConfig = Field(PretrainConfig(), description="The model from scratch.")
    pretrained: PretrainedConfig = Field(PretrainedConfig(), description="The model that exists already.")
    select: SelectConfig = Field(SelectConfig(), description="The choice between them.")
