"""Arithmetic of training and serving a decoder-only transformer. Bytes, seconds and plain counts throughout."""

import math

HOURS_A_MONTH = 730
SECONDS_A_DAY = 86_400


def training_operations(parameters: int, tokens: int, *, recomputed: bool = False) -> float:
    """Floating-point operations of one training run: 6 a weight and token, 8 where all activations are recomputed.

    Two for the forward pass and four for the backward one (Kaplan et al. 2020, section 2.1).
    """
    return (8.0 if recomputed else 6.0) * parameters * tokens


def attention_share(parameters: int, layers: int, width: int, length: int) -> float:
    """What each token's look back at `length` tokens computes, as a share of what the weights do; not in the others.

    A query times the keys and the weights times the values, 2 operations each for `width` values a layer, half of them
    masked: 2 l w s, beside 2 for each weight (Chowdhery et al. 2022, "PaLM", appendix B, which counts the masked too).
    """
    return layers * width * length / parameters


def training_seconds(operations: float, devices: int, device_flops: float, utilization: float) -> float:
    """Seconds that `operations` take on `devices`, each with `device_flops` a second at its peak."""
    return operations / (devices * device_flops * utilization)


def cache_bytes_per_token(layers: int, key_value_heads: int, head_size: int, value_bytes: float) -> float:
    """Bytes of the KV cache for one token: a key and a value in every layer (Pope et al. 2022, section 2.1)."""
    return 2.0 * layers * key_value_heads * head_size * value_bytes


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


def streams_a_replica(at_once: float, count: int) -> int:
    """Streams that the busiest of `count` replicas carries of the answers that are written at once."""
    return math.ceil(at_once / count)
