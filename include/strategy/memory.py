"""Memory of training a decoder-only transformer under DeepSpeed's ZeRO. Bytes throughout.

Model states are counted as DeepSpeed's own estimators do (deepspeed/runtime/zero), which the tests call. They count
more than the paper's 16 bytes a weight (Rajbhandari et al. 2020, section 3.1: 2 of weights, 2 of gradients, 12 of
Adam's states in fp32): gradients are kept in fp32 for the optimizer, 4 bytes more. Stages 0 to 2 hold the 16-bit
gradients beside them, 20 bytes in all; stage 3 lets go of these as it reduces them, 18 bytes.
"""

from typing import NamedTuple

from include.strategy.config.plan import ModelPlan, Offload, Recompute

WEIGHTS = 2
GRADIENTS = 2
FP32_GRADIENTS = 4
OPTIMIZER = 12
# DeepSpeed's additional_buffer_factor: pinned buffers and copies in the host's memory
HOST_BUFFERS = 1.5
# feed-forward networks differ, and so do mixtures of experts
FAR_SHAPE = 2.5
OPTIONS: tuple[tuple[int, Offload], ...] = (
    (0, "none"),
    (1, "none"),
    (2, "none"),
    (3, "none"),
    (1, "optimizer"),
    (2, "optimizer"),
    (3, "optimizer"),
    (3, "all"),
)


class States(NamedTuple):
    """Bytes of model states: on one device, and in the memory of the host with the most devices."""

    device: float
    host: float


def largest_layer(model: ModelPlan) -> int:
    """Weights of the largest module, which stage 3 gathers whole: the embedding, or a feed-forward matrix."""
    return min(model.parameters, model.hidden_size * max(model.vocabulary, 4 * model.hidden_size))


def shape_parameters(model: ModelPlan) -> int:
    """Weights that a dense model of the declared shape has, about: embedding, attention, and 8 h^2 a feed-forward."""
    heads = 2 * model.attention_heads + 2 * model.key_value_heads
    layer = model.hidden_size * model.head_size * heads + 8 * model.hidden_size**2
    return model.vocabulary * model.hidden_size + model.layers * layer


def model_states(
    parameters: int, largest: int, stage: int, devices: int, a_node: int | None = None, offload: Offload = "none"
) -> States:
    """Model states under a ZeRO stage on `devices` in all, of which the fullest host has `a_node`; None: all.

    `largest`: weights of a layer.

    Stage 1 shards the optimizer's states, 2 the gradients too, 3 the weights too. Offloaded, the optimizer's states
    (`optimizer`), and under stage 3 the weights too (`all`), lie in the hosts' memory.
    """
    if stage == 3:
        return _stage_3(parameters, largest, devices, a_node or devices, offload)
    if offload != "none":
        gradients = 0 if stage == 2 else GRADIENTS
        return States(parameters * (WEIGHTS + gradients), parameters * max(4 * devices, 16) * HOST_BUFFERS)
    whole = WEIGHTS + (GRADIENTS + FP32_GRADIENTS if stage < 2 else 0) + (OPTIMIZER if stage < 1 else 0)
    shared = WEIGHTS + GRADIENTS + FP32_GRADIENTS + OPTIMIZER - whole
    # each rank first loads the weights in fp32 where its host can
    return States(
        whole * parameters + shared * parameters / devices, parameters * 4 * (a_node or devices) * HOST_BUFFERS
    )


def _stage_3(parameters: int, largest: int, devices: int, a_node: int, offload: Offload) -> States:
    gathered = (WEIGHTS + GRADIENTS) * largest
    states = FP32_GRADIENTS + OPTIMIZER
    hosted = a_node / devices * HOST_BUFFERS
    if offload == "all":
        return States(gathered, parameters * (WEIGHTS + states) * hosted)
    if offload == "optimizer":
        return States(gathered + WEIGHTS * parameters / devices, parameters * states * hosted)
    sharded = (WEIGHTS + states) * parameters / devices
    return States(gathered + sharded, largest * 4 * a_node * HOST_BUFFERS)


def frozen_states(
    parameters: int, largest: int, stage: int, devices: int, a_node: int | None = None, offload: Offload = "none"
) -> States:
    """Weights that are not trained, laid out as `model_states` does: without gradients and an optimizer's states."""
    a_node = a_node or devices
    if stage < 3:
        return States(WEIGHTS * parameters, WEIGHTS * parameters * a_node * HOST_BUFFERS)
    gathered = WEIGHTS * largest
    if offload == "all":
        return States(gathered, WEIGHTS * parameters * a_node / devices * HOST_BUFFERS)
    return States(gathered + WEIGHTS * parameters / devices, WEIGHTS * largest * a_node * HOST_BUFFERS)


def activations(model: ModelPlan, micro_batch: int, length: int, recompute: Recompute) -> float:
    """Bytes of the activations of one micro-batch of sequences of `length` tokens, without tensor parallelism.

    Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models": s b h (34 + 5 a s / h)
    a layer (equation 1); without the attention's part where that is computed again (section 5), as fused attention
    does; only the layer's input, 2 s b h, where all is, with one layer whole at a time. Logits in fp32 and what leads
    to them: 5 s b h + 4 s b v (section 4.3).
    """
    tokens, width = float(length * micro_batch), model.hidden_size
    dense = 34 * tokens * width
    attention = 5 * tokens * model.attention_heads * length
    ends = tokens * (5 * width + 4 * model.vocabulary)
    if recompute == "all":
        return 2 * tokens * width * model.layers + dense + ends
    return (dense + (attention if recompute == "none" else 0)) * model.layers + ends
