"""Sizes a declared plan and holds it against its limits."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.strategy import sizing
from include.strategy.accelerators import AcceleratorTable, Device, accelerators, serving_device, training_device
from include.strategy.config import StrategyConfig
from include.strategy.fitting import GIGA, RESERVED, MemoryOption, advice, options, planned
from include.strategy.memory import activations
from include.strategy.serving import Replica, replicas_in_time

TERA = 1e12


class Sizing(BaseModel):
    """What training and serving take. Memory in 10^9 bytes, costs in the limits' currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    training_options: list[MemoryOption]
    training_plan: MemoryOption = Field(description="The layout that the plan declares.")
    training_advice: str
    activations_gb: float = Field(description="Of one micro-batch on one device.")
    training_operations: float
    training_seconds: float
    training_device_hours: float
    training_cost: float
    weights_gb: float
    cache_kb_a_token: float = Field(description="10^3 bytes of KV cache for one token.")
    cache_gb: float = Field(description="KV cache of one replica at the declared concurrency and lengths.")
    serving_memory_gb: float = Field(description="One replica: weights and KV cache.")
    replica_memory_gb: float = Field(description="Memory of one replica that weights and KV cache may take.")
    streams_that_fit: int = Field(description="Answers at once whose KV cache fits one replica's memory.")
    streams_in_time: int = Field(description="Answers at once that one replica ends within the latency.")
    streams_a_replica: int = Field(
        description="Answers at once on the busiest replica: of users, or in flight at the peak."
    )
    batch: int = Field(description="Answers at once for which the replicas are predicted.")
    batch_seconds: float = Field(description="A whole answer at that batch, predicted.")
    one_stream_tokens_per_second: float = Field(description="Of one answer on an idle replica, predicted.")
    first_token_seconds: float = Field(description="Longest wait for a first token at these streams, predicted.")
    token_seconds: float = Field(description="One token for each of these streams, predicted.")
    answer_seconds: float = Field(description="A whole answer at these streams, predicted.")
    replica_tokens_per_second: float = Field(description="As measured where that is declared, else predicted.")
    replica_measured: bool
    peak_requests_per_second: float
    demanded_tokens_per_second: float
    replicas: int
    serving_cost_a_month: float
    total_cost: float = Field(description="One training run and a month of serving.")


def size(config: StrategyConfig, table: AcceleratorTable | None = None) -> Sizing:
    """The sizing of a declared plan; ConfigurationError where it names a device that the table lacks."""
    table = table or accelerators()
    trained, served = training_device(config, table), serving_device(config, table)
    training, serving = _training(config, trained, table), _serving(config, served)
    return Sizing.model_validate(
        training | serving | {"total_cost": training["training_cost"] + serving["serving_cost_a_month"]}
    )


def _training(config: StrategyConfig, device: Device, table: AcceleratorTable) -> dict[str, Any]:
    model, plan = config.model, config.training
    recomputed = plan.recompute == "all"
    operations = sizing.training_operations(model.parameters, plan.tokens, recomputed=recomputed)
    seconds = sizing.training_seconds(operations, plan.devices, device.tflops * TERA, plan.utilization)
    hours = seconds * plan.devices / 3600
    return {
        "training_options": options(config, device),
        "training_plan": planned(config, device),
        "training_advice": advice(config, device, table),
        "activations_gb": activations(model, plan.micro_batch, plan.sequence_length, plan.recompute) / GIGA,
        "training_operations": operations,
        "training_seconds": seconds,
        "training_device_hours": hours,
        "training_cost": hours * device.hour_price,
    }


def replica_of(config: StrategyConfig, device: Device) -> Replica:
    """The model on one replica, with the shares of the peak that the plan expects."""
    model, plan = config.model, config.serving
    return Replica(
        parameters=model.parameters,
        weight_bytes=model.weight_bytes,
        token_cache=sizing.cache_bytes_per_token(
            model.layers, model.key_value_heads, model.head_size, model.cache_bytes
        ),
        memory=device.memory_gb * (1 - RESERVED) * GIGA,
        bandwidth=device.bandwidth_gbs * GIGA * plan.bandwidth_utilization,
        flops=device.tflops * TERA * plan.compute_utilization,
    )


def _serving(config: StrategyConfig, device: Device) -> dict[str, float]:
    demand, plan, replica = config.demand, config.serving, replica_of(config, device)
    prompt, answer, length = demand.prompt_tokens, demand.answer_tokens, demand.prompt_tokens + demand.answer_tokens
    requests = sizing.peak_requests_per_second(demand.requests_a_day, demand.peak_factor)
    demanded = sizing.demanded_tokens_per_second(requests, demand.concurrent_users, answer, demand.latency_seconds)
    fit = replica.streams_that_fit(length)
    timely = replica.streams_in_time(
        prompt, answer, demand.latency_seconds, demand.first_token_seconds, plan.max_streams
    )
    batch, count = _batch(config, replica, max(1, min(fit, timely)), requests)
    batch_seconds, yields = replica.answer_seconds(batch, prompt, answer), plan.replica_tokens_per_second
    count = sizing.replicas(demanded, yields) if yields else count
    # replicas are predicted so that users are answered in batches; measured ones write as much at once as is asked
    most = max(1, min(fit, plan.max_streams)) if yields else batch
    streams = max(
        min(most, sizing.streams_a_replica(demand.concurrent_users, count)),
        min(batch, sizing.streams_a_replica(requests * batch_seconds, count)),
    )
    weights = replica.parameters * replica.weight_bytes
    memory = weights + replica.token_cache * length * streams
    timed = _timed(replica, streams, prompt, answer)
    return timed | {
        "weights_gb": weights / GIGA,
        "cache_kb_a_token": replica.token_cache / 1e3,
        "cache_gb": (memory - weights) / GIGA,
        "serving_memory_gb": memory / GIGA,
        "replica_memory_gb": replica.memory / GIGA,
        "streams_that_fit": fit,
        "streams_in_time": timely,
        "streams_a_replica": streams,
        "batch": batch,
        "batch_seconds": batch_seconds,
        "replica_tokens_per_second": yields or batch * answer / batch_seconds,
        "replica_measured": yields is not None,
        "peak_requests_per_second": requests,
        "demanded_tokens_per_second": demanded,
        "replicas": count,
        "serving_cost_a_month": count * sizing.HOURS_A_MONTH * device.hour_price,
    }


def _timed(replica: Replica, streams: int, prompt: int, answer: int) -> dict[str, float]:
    return {
        "one_stream_tokens_per_second": 1 / replica.step_seconds(1, prompt + answer),
        "first_token_seconds": replica.first_token_seconds(streams, prompt),
        "token_seconds": replica.step_seconds(streams, prompt + answer),
        "answer_seconds": replica.answer_seconds(streams, prompt, answer),
    }


def _batch(config: StrategyConfig, replica: Replica, most: int, requests: float) -> tuple[int, int]:
    """The largest batch, up to `most`, that needs the fewest replicas, and their number."""
    demand = config.demand

    def seconds(streams: int) -> float:
        return replica.answer_seconds(streams, demand.prompt_tokens, demand.answer_tokens)

    def needed(streams: int) -> int:
        return replicas_in_time(demand.concurrent_users, requests, streams, seconds(streams), demand.latency_seconds)

    best = min(range(1, most + 1), key=lambda streams: (needed(streams), -streams))
    return best, needed(best)


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
    return [*found, *_training_breaches(config, sized), *_serving_breaches(config, sized)]


def _training_breaches(config: StrategyConfig, sized: Sizing) -> list[str]:
    plan, device = sized.training_plan, training_device(config)
    if plan.fits:
        return []
    if plan.device_gb > device.memory_gb * (1 - RESERVED):
        return [
            f"training takes {plan.device_gb:.2f} GB a device at ZeRO stage {plan.stage}, more than "
            f"{1 - RESERVED:.0%} of strategy.training.device_memory_gb {device.memory_gb:g}: {sized.training_advice}"
        ]
    if not device.host_memory_gb:
        return [f"strategy.training.offload is {plan.offload}, and the device {device.name} is the host itself"]
    return [
        f"training takes {plan.host_gb:.2f} GB of a host, more than its devices' "
        f"strategy.training.host_memory_gb {device.host_memory_gb:g} each: {sized.training_advice}"
    ]


def _serving_breaches(config: StrategyConfig, sized: Sizing) -> list[str]:
    demand, device = config.demand, serving_device(config)
    found = []
    if sized.serving_memory_gb > device.memory_gb * (1 - RESERVED):
        found.append(
            f"a replica takes {sized.serving_memory_gb:.2f} GB, more than {1 - RESERVED:.0%} of "
            f"strategy.serving.replica_memory_gb {device.memory_gb:g}"
        )
    timed = (
        ("a whole answer", sized.answer_seconds, "latency_seconds", demand.latency_seconds),
        ("the first token", sized.first_token_seconds, "first_token_seconds", demand.first_token_seconds),
    )
    for what, seconds, field, limit in timed:
        if limit is not None and seconds > limit:
            found.append(
                f"{what} takes {seconds:.3g} s on one {device.name} with {sized.streams_a_replica} at once, more than "
                f"strategy.demand.{field} {limit:g}"
            )
    return found
