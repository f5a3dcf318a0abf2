"""What the charter's assumptions predict of work that was really done. Seconds, and money in the limits' currency."""

from typing import NamedTuple

from include.strategy import sizing
from include.strategy.accelerators import serving_device, training_device
from include.strategy.config import StrategyConfig
from include.strategy.estimate import TERA, replica_of

# the evaluation computes in fp32 under transformers
EVALUATED_BYTES = 4.0


class Run(NamedTuple):
    """A training run: its model's parameters, those of them that it trained, tokens, and the seconds it took."""

    name: str
    parameters: int
    trained: int
    tokens: int
    seconds: float


def training_seconds(strategy: StrategyConfig, run: Run) -> float:
    """Seconds on the declared devices at the declared utilization.

    Forward and backward through all weights are 4 operations a weight and token, the gradients of those that are
    trained 2 more (Kaplan et al. 2020, section 2.1); a forward pass more where all activations are recomputed.
    """
    plan, device = strategy.training, training_device(strategy)
    whole = sizing.training_operations(run.parameters, run.tokens, recomputed=plan.recompute == "all")
    operations = whole - 2.0 * (run.parameters - min(run.trained, run.parameters)) * run.tokens
    return sizing.training_seconds(operations, plan.devices, device.tflops * TERA, plan.utilization)


def training_cost(strategy: StrategyConfig, seconds: float | None = None) -> float:
    """What `seconds` on all declared devices cost; without them, what the charter's training run is predicted to."""
    plan, device = strategy.training, training_device(strategy)
    if seconds is None:
        recomputed = plan.recompute == "all"
        operations = sizing.training_operations(strategy.model.parameters, plan.tokens, recomputed=recomputed)
        seconds = sizing.training_seconds(operations, plan.devices, device.tflops * TERA, plan.utilization)
    return seconds * plan.devices / 3600 * device.hour_price


def answer_seconds(strategy: StrategyConfig, parameters: int, batch: int, tokens: int) -> float:
    """One answer of `tokens` tokens in a batch, divided by the batch, on one declared replica in fp32."""
    changed = {"parameters": parameters, "weight_bytes": EVALUATED_BYTES, "cache_bytes": EVALUATED_BYTES}
    served = strategy.model_copy(update={"model": strategy.model.model_copy(update=changed)})
    replica = replica_of(served, serving_device(served))
    return replica.answer_seconds(batch, strategy.demand.prompt_tokens, tokens) / batch
