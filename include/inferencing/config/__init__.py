"""All knobs of the inferencing step, a module a section."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.inferencing.config.deployment import DeployConfig
from include.inferencing.config.learning import LearningConfig
from include.inferencing.config.operations import OperationsConfig
from include.inferencing.config.packaging import PackageConfig
from include.inferencing.config.scaling import ScalingConfig

__all__ = ["DeployConfig", "InferencingConfig", "LearningConfig", "OperationsConfig", "PackageConfig", "ScalingConfig"]


class InferencingConfig(BaseModel):
    """All knobs of the inferencing step."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    package: PackageConfig = Field(default_factory=PackageConfig, description="Export and limits.")
    deploy: DeployConfig = Field(default_factory=DeployConfig, description="Smoke test and rollout.")
    scaling: ScalingConfig = Field(default_factory=ScalingConfig, description="Servers and instances.")
    operations: OperationsConfig = Field(default_factory=OperationsConfig, description="Error budget, drift, reports.")
    learning: LearningConfig = Field(default_factory=LearningConfig, description="Feedback and retraining.")

    @model_validator(mode="after")
    def _asks_for_no_more_than_the_package_gives(self) -> Self:
        most = self.package.max_new_tokens
        if self.deploy.max_tokens > most:
            raise ValueError(
                f"deploy.max_tokens {self.deploy.max_tokens} exceeds package.max_new_tokens {most}: Triton would "
                f"refuse the smoke test. Set deploy.max_tokens to {most} or less"
            )
        return self
