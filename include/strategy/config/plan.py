"""The model, its training and its serving, as they are sized."""

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from include.strategy.config.base import StrategyPart

Offload = Literal["none", "optimizer", "all"]
Recompute = Literal["none", "attention", "all"]
# beyond these, no device is meant, and what is computed from them is no number
LEAST_TERAFLOPS = 1e-6
LEAST_BANDWIDTH = 0.001
LEAST_SHARE = 0.001
HIGHEST_PRICE = 10**9
OWN = "Own figure; null: that of the table, strategy/accelerators.yaml."


class ModelPlan(StrategyPart):
    """Shape of the model expected to be served; the defaults are SmolLM2-135M-Instruct."""

    parameters: int = Field(134_515_008, ge=1, le=10**15, description="Weights of the model.")
    layers: int = Field(30, ge=1, le=10_000, description="Transformer layers.")
    hidden_size: int = Field(576, ge=1, le=1_000_000, description="Width of the model.")
    vocabulary: int = Field(49_152, ge=1, le=10_000_000, description="Entries of the tokenizer.")
    attention_heads: int = Field(9, ge=1, le=10_000, description="Attention heads that queries have.")
    key_value_heads: int = Field(
        3, ge=1, le=10_000, validate_default=True, description="Attention heads that keys and values have."
    )
    head_size: int = Field(64, ge=1, le=10_000, description="Width of one attention head.")
    weight_bytes: float = Field(1.0, ge=0.25, le=8, description="Bytes of one weight when served (1: int8).")
    cache_bytes: float = Field(2.0, ge=0.25, le=8, description="Bytes of one value in the KV cache (2: bf16).")

    @field_validator("key_value_heads")
    @classmethod
    def _divide_attention_heads(cls, value: int, info: ValidationInfo) -> int:
        queries = info.data.get("attention_heads", value)
        if queries % value:
            known = ", ".join(str(count) for count in range(1, queries + 1) if queries % count == 0)
            raise ValueError(f"{value} heads do not divide the {queries} attention_heads that share them: {known} do")
        return value


class TrainingPlan(StrategyPart):
    """How the model is expected to be trained, and what that costs."""

    tokens: int = Field(500_000, ge=1, le=10**18, description="Tokens seen in one training run, epochs counted.")
    device: str = Field("cpu_core", min_length=1, description="Type of a device, by its name in the table.")
    devices: int = Field(2, ge=1, le=100_000, description="Ranks that share the work.")
    devices_a_node: int = Field(8, ge=1, le=1_024, description="Devices in one machine, at most.")
    zero_stage: Literal[0, 1, 2, 3] = Field(2, description="DeepSpeed ZeRO stage that the run uses.")
    offload: Offload = Field("none", description="What lies in the host's memory: optimizer, or weights too (all).")
    micro_batch: int = Field(4, ge=1, le=65_536, description="Sequences that one device computes at once.")
    sequence_length: int = Field(256, ge=1, le=10**7, description="Tokens of a sequence.")
    recompute: Recompute = Field(
        "attention",
        description="Activations computed again in the backward pass: attention (as fused kernels do) or all.",
    )
    utilization: float = Field(0.3, ge=LEAST_SHARE, le=1, description="Share of a device's peak that training reaches.")
    device_memory_gb: float | None = Field(None, gt=0, le=10_000, description=f"10^9 bytes of one device. {OWN}")
    host_memory_gb: float | None = Field(
        None, ge=0, le=100_000, description=f"10^9 bytes of the host for each device; 0: the device is the host. {OWN}"
    )
    device_teraflops: float | None = Field(
        None, ge=LEAST_TERAFLOPS, le=100_000, description=f"Peak of one device, 10^12 operations a second. {OWN}"
    )
    device_hour_price: float | None = Field(
        None, ge=0, le=HIGHEST_PRICE, description=f"Price of one device for an hour. {OWN}"
    )

    @model_validator(mode="after")
    def _can_offload(self) -> Self:
        allowed: dict[int, tuple[Offload, ...]] = {1: ("none", "optimizer"), 2: ("none", "optimizer"), 0: ("none",)}
        if self.offload not in allowed.get(self.zero_stage, ("none", "optimizer", "all")):
            raise ValueError(
                f"ZeRO stage {self.zero_stage} cannot offload {self.offload}; weights are moved by stage 3"
            )
        return self


class ServingPlan(StrategyPart):
    """How the model is expected to be served, and what that costs."""

    device: str = Field("cpu_core", min_length=1, description="Type of a replica's devices, by its name in the table.")
    devices: int = Field(1, ge=1, le=1_024, description="Devices that share one replica.")
    max_streams: int = Field(64, ge=1, le=100_000, description="Answers that one replica writes at once, at most.")
    bandwidth_utilization: float = Field(
        0.6, ge=LEAST_SHARE, le=1, description="Share of the memory bandwidth that is reached."
    )
    compute_utilization: float = Field(
        0.4, ge=LEAST_SHARE, le=1, description="Share of the peak that reading a prompt reaches."
    )
    replica_tokens_per_second: float | None = Field(
        None,
        ge=0.01,
        le=10**9,
        description="Answer tokens a second of a replica over all streams, as measured; null: predicted.",
    )
    replica_memory_gb: float | None = Field(None, gt=0, le=100_000, description=f"10^9 bytes of one replica. {OWN}")
    replica_bandwidth_gbs: float | None = Field(
        None, ge=LEAST_BANDWIDTH, le=10**7, description=f"Memory bandwidth of one replica, 10^9 bytes a second. {OWN}"
    )
    replica_teraflops: float | None = Field(
        None, ge=LEAST_TERAFLOPS, le=10**6, description=f"Peak of one replica, 10^12 operations a second. {OWN}"
    )
    replica_hour_price: float | None = Field(
        None, ge=0, le=HIGHEST_PRICE, description=f"Price of one replica for an hour. {OWN}"
    )
    hosted_price_per_million_tokens: float | None = Field(
        None,
        ge=0,
        le=HIGHEST_PRICE,
        description="Price of a hosted service of the model's class; null: none is considered.",
    )
