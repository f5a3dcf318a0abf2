"""What training does: a small model from scratch, a pretrained one, and the choice between them."""

from typing import Annotated

from pydantic import Field

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

__all__ = [
    "Candidate",
    "FolderCandidate",
    "HubCandidate",
    "PackageCandidate",
    "PretrainConfig",
    "SelectConfig",
    "StoreCandidate",
    "TrainingConfig",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class TrainingConfig(TrainingPart):
    """The training step."""

    pretrain: PretrainConfig = Field(PretrainConfig(), description="The model from scratch.")
    candidates: dict[Name, Candidate] = Field(
        {"smollm2": SMOLLM2}, min_length=1, description="Models that exist already, by a name of your own each."
    )
    select: SelectConfig = Field(SelectConfig(), description="The choice between all of them.")
