"""Sizes a declared plan and holds it against its limits."""

from pydantic import BaseModel, ConfigDict, Field

from include.strategy import sizing
from include.strategy.config import StrategyConfig

GIGA = 1e9


class Sizing(BaseModel):
    """What training and serving take. Memory in 10^9 bytes, costs in the limits' currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    training_memory_gb: dict[str, float] = Field(description="ZeRO stage -> memory of one device.")
    training_operations: float
    training_seconds: float
    training_device_hours: float
    training_cost: float
    weights_gb: float
    cache_kb_a_token: float = Field(description="10^3 bytes of KV cache for one token.")
    cache_gb: float = Field(description="KV cache of one replica at the declared concurrency and lengths.")
    serving_memory_gb: float = Field(description="One replica: weights and KV cache.")
    peak_requests_per_second: float
    demanded_tokens_per_second: float
    replicas: int
    streams_a_replica: int
    serving_cost_a_month: float
    total_cost: float = Field(description="One training run and a month of serving.")


def size(config: StrategyConfig) -> Sizing:
    """The sizing of a declared plan."""
    model, training, serving, demand = config.model, config.training, config.serving, config.demand
    operations = sizing.training_operations(model.parameters, training.tokens)
    seconds = sizing.training_seconds(
        operations, training.devices, training.device_teraflops * 1e12, training.utilization
    )
    hours = seconds * training.devices / 3600
    requests = sizing.peak_requests_per_second(demand.requests_a_day, demand.peak_factor)
    tokens = sizing.demanded_tokens_per_second(
        requests, demand.concurrent_users, demand.answer_tokens, demand.latency_seconds
    )
    count = sizing.replicas(tokens, serving.replica_tokens_per_second)
    streams = sizing.streams_a_replica(demand.concurrent_users, count)
    token_cache = sizing.cache_bytes_per_token(model.layers, model.key_value_heads, model.head_size, model.cache_bytes)
    length = demand.prompt_tokens + demand.answer_tokens
    weights = model.parameters * model.weight_bytes
    memory = sizing.serving_memory(model.parameters, model.weight_bytes, token_cache, length, streams)
    training_cost = hours * training.device_hour_price
    monthly = count * sizing.HOURS_A_MONTH * serving.replica_hour_price
    return Sizing(
        training_memory_gb={
            str(stage): sizing.training_memory(model.parameters, training.devices, stage) / GIGA
            for stage in sizing.ZERO_STAGES
        },
        training_operations=operations,
        training_seconds=seconds,
        training_device_hours=hours,
        training_cost=training_cost,
        weights_gb=weights / GIGA,
        cache_kb_a_token=token_cache / 1e3,
        cache_gb=(memory - weights) / GIGA,
        serving_memory_gb=memory / GIGA,
        peak_requests_per_second=requests,
        demanded_tokens_per_second=tokens,
        replicas=count,
        streams_a_replica=streams,
        serving_cost_a_month=monthly,
        total_cost=training_cost + monthly,
    )


def breaches(config: StrategyConfig, sized: Sizing) -> list[str]:
    """One line for each declared limit that the plan breaks, with both numbers."""
    limits, found = config.limits, []
    if config.model.parameters > limits.max_parameters:
        found.append(
            f"strategy.model.parameters {config.model.parameters:,} exceeds "
            f"strategy.limits.max_parameters {limits.max_parameters:,}"
        )
    if sized.total_cost > limits.budget:
        found.append(
            f"estimated cost {sized.total_cost:,.2f} {limits.currency} exceeds "
            f"strategy.limits.budget {limits.budget:,.2f} {limits.currency}"
        )
    needed = sized.training_memory_gb[str(config.training.zero_stage)]
    if needed > config.training.device_memory_gb:
        found.append(
            f"training takes {needed:.2f} GB a device at ZeRO stage {config.training.zero_stage}, more than "
            f"strategy.training.device_memory_gb {config.training.device_memory_gb:g}"
        )
    if sized.serving_memory_gb > config.serving.replica_memory_gb:
        found.append(
            f"a replica takes {sized.serving_memory_gb:.2f} GB, more than "
            f"strategy.serving.replica_memory_gb {config.serving.replica_memory_gb:g}"
        )
    return found
