"""How a model is packaged for Triton."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PackageConfig(BaseModel):
    """The exported model and the limits it serves under."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight_format: Literal["int8", "fp16", "fp32"] = Field("int8", description="Numbers the weights are stored as.")
    max_prompt_tokens: int = Field(1024, ge=8, le=131_072, description="Longer prompts are refused.")
    max_new_tokens: int = Field(256, ge=1, le=32_768, description="Longest answer, and the default of max_tokens.")
    deadline_seconds: float = Field(60.0, gt=0, le=3600, description="A request that takes longer is ended.")
    max_sequences: int = Field(64, ge=1, le=4096, description="Answers generated at once; more wait.")
    max_waiting: int = Field(64, ge=0, le=65_536, description="Requests that wait for a place; more are refused.")
    cache_tokens: int = Field(16_384, ge=512, description="Tokens that the key-value cache holds.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one model instance.")
    export_seconds: float = Field(600.0, gt=0, description="The export to OpenVINO is given up after this.")
