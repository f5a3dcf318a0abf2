"""Training memory against DeepSpeed's own estimators, called for real, and against what papers print."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.strategy.config import ModelPlan
from include.strategy.memory import (
    FP32_GRADIENTS,
    OPTIONS,
    activations,
    largest_layer,
    model_states,
    shape_parameters,
)

PARAMETERS = st.integers(10**6, 10**12)
NODES = st.integers(1, 64)
A_NODE = st.integers(1, 16)


@settings(deadline=None)
@given(parameters=PARAMETERS, nodes=NODES, a_node=A_NODE, offload=st.booleans())
def test_stage_2_is_what_deepspeed_estimates(parameters: int, nodes: int, a_node: int, offload: bool) -> None:
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs

    host, device = estimate_zero2_model_states_mem_needs(parameters, a_node, nodes, cpu_offload=offload)
    ours = model_states(parameters, 1, 2, nodes * a_node, a_node, "optimizer" if offload else "none")

    assert ours.device == pytest.approx(device, abs=2, rel=1e-9)
    assert ours.host == pytest.approx(host, abs=2, rel=1e-9)


@settings(deadline=None)
@given(
    parameters=PARAMETERS,
    largest=st.integers(1, 10**9),
    nodes=NODES,
    a_node=A_NODE,
    offload=st.sampled_from(["none", "optimizer", "all"]),
)
def test_stage_3_is_what_deepspeed_estimates(
    parameters: int, largest: int, nodes: int, a_node: int, offload: str
) -> None:
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs

    host, device, _ = estimate_zero3_model_states_mem_needs(
        parameters, largest, a_node, nodes, cpu_offload=offload != "none", cpu_offload_params=offload == "all"
    )
    ours = model_states(parameters, largest, 3, nodes * a_node, a_node, offload)  # type: ignore[arg-type]

    assert ours.device == pytest.approx(device, abs=2, rel=1e-9)
    assert ours.host == pytest.approx(host, abs=2, rel=1e-9)


@pytest.mark.parametrize(("stage", "gigabytes"), [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_without_the_fp32_gradients_it_is_figure_1_of_the_zero_paper(stage: int, gigabytes: float) -> None:
    # 7.5e9 parameters on 64 devices; of stage 3 DeepSpeed's 4 bytes of fp32 gradients replace the paper's 2
    shared = 1 if stage < 2 else 1 / 64
    more = 7.5e9 * shared * (FP32_GRADIENTS - 2 if stage == 3 else FP32_GRADIENTS)
    assert (model_states(7_500_000_000, 0, stage, 64).device - more) / 1e9 == pytest.approx(gigabytes, abs=0.05)


@given(parameters=PARAMETERS, devices=st.integers(1, 1024))
def test_more_sharding_more_devices_and_offload_never_take_more_of_a_device(parameters: int, devices: int) -> None:
    plain = [model_states(parameters, 0, stage, devices).device for stage in range(4)]
    assert plain == sorted(plain, reverse=True)
    for stage, offload in OPTIONS:
        needed = model_states(parameters, 0, stage, devices, None, offload).device
        assert needed <= model_states(parameters, 0, stage, devices).device or devices > 1
        assert model_states(parameters, 0, stage, 2 * devices, None, offload).device <= needed


def test_activations_are_those_of_the_paper() -> None:
    # GPT-3 of 175e9: 96 layers, width 12288, 96 heads, 2048 tokens: 34 s b h = 0.86 GB a layer, 5 a s / h = 80
    model = ModelPlan(layers=96, hidden_size=12_288, attention_heads=96, vocabulary=51_200, parameters=175 * 10**9)
    ends = 2048 * (5 * 12_288 + 4 * 51_200)
    dense, whole = (activations(model, 1, 2048, what) - ends for what in ("attention", "none"))
    assert dense / 96 == pytest.approx(0.856e9, rel=1e-3)
    assert whole / dense == pytest.approx((34 + 80) / 34)
    assert activations(model, 1, 2048, "all") - ends == pytest.approx(2 * 2048 * 12_288 * 96 + dense / 96)


def test_the_largest_layer_is_the_embedding_or_a_feed_forward_matrix() -> None:
    assert largest_layer(ModelPlan()) == 49_152 * 576
    assert largest_layer(ModelPlan(vocabulary=100)) == 4 * 576 * 576
    assert largest_layer(ModelPlan(parameters=1000)) == 1000


def test_the_parameters_of_a_shape() -> None:
    # SmolLM2-135M, whose feed-forward network is 3 x 576 x 1536 = 8 x 576^2: all but the norms
    assert shape_parameters(ModelPlan()) == pytest.approx(134_515_008, rel=1e-3)
