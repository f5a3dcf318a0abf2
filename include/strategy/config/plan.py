"""The model, its training and its serving, as they are sized."""

from typing import Literal

from pydantic import Field

from include.strategy.config.base import StrategyPart


class ModelPlan(StrategyPart):
    """Shape of the model expected to be served; the defaults are SmolLM2-135M-Instruct."""

    parameters: int = Field(134_515_008, ge=1, description="Weights of the model.")
    layers: int = Field(30, ge=1, le=10_000, description="Transformer layers.")
    key_value_heads: int = Field(3, ge=1, le=10_000, description="Attention heads that keys and values have.")
    head_size: int = Field(64, ge=1, le=10_000, description="Width of one attention head.")
    weight_bytes: float = Field(1.0, ge=0.25, le=8, description="Bytes of one weight when served (1: int8).")
    cache_bytes: float = Field(2.0, ge=0.25, le=8, description="Bytes of one value in the KV cache (2: bf16).")


class TrainingPlan(StrategyPart):
    """How the model is expected to be trained, and what that costs."""

    tokens: int = Field(500_000, ge=1, description="Tokens seen in one training run, epochs counted.")
    devices: int = Field(2, ge=1, le=100_000, description="Ranks that share the work.")
    device_memory_gb: float = Field(4.0, gt=0, le=10_000, description="Memory of one device, in 10^9 bytes.")
    zero_stage: Literal[0, 1, 2, 3] = Field(2, description="DeepSpeed ZeRO stage that the run uses.")
    device_teraflops: float = Field(0.1, gt=0, le=100_000, description="Peak of one device, 10^12 operations a second.")
    utilization: float = Field(0.3, gt=0, le=1, description="Share of that peak that training reaches.")
    device_hour_price: float = Field(0.05, ge=0, description="Price of one device for an hour.")


class ServingPlan(StrategyPart):
    """How the model is expected to be served, and what that costs."""

    replica_tokens_per_second: float = Field(
        100.0, gt=0, description="Answer tokens a second one replica yields over all its streams; measure it."
    )
    replica_memory_gb: float = Field(4.0, gt=0, le=10_000, description="Memory of one replica, in 10^9 bytes.")
    replica_hour_price: float = Field(0.05, ge=0, description="Price of one replica for an hour.")
