"""Arithmetic of training and serving a decoder-only transformer. Bytes, seconds and plain counts throughout."""

import math

# mixed precision with Adam: bf16 weights and gradients; fp32 weights, momentum and variance
WEIGHT_BYTES = 2
GRADIENT_BYTES = 2
OPTIMIZER_BYTES = 12
HOURS_A_MONTH = 730
SECONDS_A_DAY = 86_400
ZERO_STAGES = (0, 1, 2, 3)


def training_memory(parameters: int, devices: int, stage: int) -> float:
    """Bytes of model states on one device under a ZeRO stage; activations come on top.

    Stage 1 shards the optimizer's states, 2 the gradients too, 3 the weights too
    (Rajbhandari et al. 2020, "ZeRO", section 3.1 and figure 1).
    """
    weights = WEIGHT_BYTES / (devices if stage >= 3 else 1)
    gradients = GRADIENT_BYTES / (devices if stage >= 2 else 1)
    optimizer = OPTIMIZER_BYTES / (devices if stage >= 1 else 1)
    return parameters * (weights + gradients + optimizer)


def training_operations(parameters: int, tokens: int) -> float:
    """Floating-point operations of one training run: 6 a weight and token.

    Two for the forward pass and four for the backward one (Kaplan et al. 2020, section 2.1).
    """
    return 6.0 * parameters * tokens


def training_seconds(operations: float, devices: int, device_flops: float, utilization: float) -> float:
    """Seconds that `operations` take on `devices`, each with `device_flops` a second at its peak."""
    return operations / (devices * device_flops * utilization)


def cache_bytes_per_token(layers: int, key_value_heads: int, head_size: int, value_bytes: float) -> float:
    """Bytes of the KV cache for one token: a key and a value in every layer (Pope et al. 2022, section 2.1)."""
    return 2.0 * layers * key_value_heads * head_size * value_bytes


def serving_memory(parameters: int, weight_bytes: float, token_cache_bytes: float, tokens: int, streams: int) -> float:
    """Bytes of one replica that answers `streams` requests of `tokens` tokens, prompt and answer, at once."""
    return parameters * weight_bytes + token_cache_bytes * tokens * streams


def peak_requests_per_second(requests_a_day: int, peak_factor: float) -> float:
    """Requests a second in the busiest hour."""
    return requests_a_day * peak_factor / SECONDS_A_DAY


def demanded_tokens_per_second(
    requests_per_second: float, concurrent_users: int, answer_tokens: int, latency_seconds: float
) -> float:
    """Answer tokens a second that the service has to yield.

    The larger of what arrives at the peak, and of all concurrent users being answered in time. Reading the
    prompt is not counted: it takes a small share of the time on the servers this is used for.
    """
    return answer_tokens * max(requests_per_second, concurrent_users / latency_seconds)


def replicas(tokens_per_second: float, replica_tokens_per_second: float) -> int:
    """Replicas that yield `tokens_per_second`; at least one."""
    return max(1, math.ceil(tokens_per_second / replica_tokens_per_second))


def streams_a_replica(concurrent_users: int, count: int) -> int:
    """Streams that the busiest of `count` replicas carries."""
    return math.ceil(concurrent_users / count)
