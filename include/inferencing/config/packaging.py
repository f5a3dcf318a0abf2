"""How a model is packaged for Triton."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class VllmConfig(BaseModel):
    """Arguments of the vLLM engine, as model.json names them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dtype: Literal["bfloat16", "float16", "float32"] = Field(
        "bfloat16", description="Numbers the weights are stored as."
    )
    quantization: Literal["fp8"] | None = Field(None, description="fp8: weights rounded as they are loaded (H100).")
    gpu_memory_utilization: float = Field(0.9, gt=0, le=0.98, description="Share of the GPU's memory that it takes.")
    tensor_parallel_size: int = Field(1, ge=1, le=64, description="GPUs that one model is spread over.")
    max_num_batched_tokens: int = Field(8192, ge=256, le=1_048_576, description="Most tokens of one step.")
    enforce_eager: bool = Field(False, description="No CUDA graphs: slower, starts sooner.")
    max_loras: int = Field(8, ge=1, le=256, description="Live adapters in one batch.")


class PackageConfig(BaseModel):
    """The exported model and the limits it serves under."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    engine: Literal["openvino", "vllm"] = Field(
        "openvino", description="openvino: CPU, Triton's python backend; vllm: NVIDIA GPU, Triton's vLLM backend."
    )
    adapter: Literal["merged", "live"] = Field(
        "merged", description="merged: what customized the model is in its weights; live: beside them (LoRA)."
    )
    weight_format: Literal["int8", "fp16", "fp32"] = Field(
        "int8", description="Numbers the weights are stored as, for openvino."
    )
    max_prompt_tokens: int = Field(1024, ge=8, le=131_072, description="Longer prompts are refused.")
    max_new_tokens: int = Field(256, ge=1, le=32_768, description="Longest answer, and the default of max_tokens.")
    deadline_seconds: float = Field(60.0, gt=0, le=3600, description="A request that takes longer is ended.")
    max_sequences: int = Field(64, ge=1, le=4096, description="Answers generated at once; more wait.")
    max_waiting: int = Field(64, ge=0, le=65_536, description="Requests that wait for a place; more are refused.")
    cache_tokens: int = Field(16_384, ge=512, description="Tokens that the key-value cache holds, for openvino.")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one model instance, for openvino.")
    export_seconds: float = Field(600.0, gt=0, description="The export to OpenVINO is given up after this.")
    vllm: VllmConfig = Field(default_factory=VllmConfig, description="The engine's arguments, for vllm.")
