"""All knobs of the inferencing step, a module a section."""

from pydantic import BaseModel, ConfigDict, Field

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
