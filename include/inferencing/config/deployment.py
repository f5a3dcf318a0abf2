"""What a package must show before it becomes the champion."""

from pydantic import BaseModel, ConfigDict, Field


class DeployConfig(BaseModel):
    """The smoke test that a package passes before it becomes the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    question: str = Field("What does the Python function len do?", min_length=1, description="Smoke test's question.")
    max_tokens: int = Field(32, ge=1, le=1024, description="Longest answer of the smoke test, in tokens.")
    answer_seconds: float = Field(30.0, gt=0, le=600, description="Deadline of the smoke test's answer.")
    ready_seconds: float = Field(120.0, gt=0, le=3600, description="Time Triton may take to load the model.")
