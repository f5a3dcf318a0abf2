"""Which layouts fit a device, and the advice where none does."""

from typing import Any

import pytest

from include.core.errors import ConfigurationError
from include.strategy.accelerators import accelerators, serving_device, training_device
from include.strategy.config import StrategyConfig
from include.strategy.estimate import size
from include.strategy.fitting import fewest, options, planned
from include.use_cases import load_use_case

LLAMA_8B = {
    "parameters": 8_030_261_248,
    "layers": 32,
    "hidden_size": 4096,
    "vocabulary": 128_256,
    "attention_heads": 32,
    "key_value_heads": 8,
    "head_size": 128,
    "weight_bytes": 2,
}


def declared(**training: Any) -> StrategyConfig:
    base = load_use_case("python_assistant").strategy.model_dump()
    plan = {"micro_batch": 1, "sequence_length": 2048} | training
    return StrategyConfig.model_validate(base | {"model": LLAMA_8B, "training": plan})


def test_every_stage_is_shown_on_1_2_4_8_devices_with_and_without_offload() -> None:
    config = declared(device="h100_sxm", devices=8)
    found = {(one.stage, one.offload, one.devices): one for one in options(config, training_device(config))}
    assert {count for _, _, count in found} == {1, 2, 4, 8, 16}
    assert {(stage, offload) for stage, offload, _ in found} >= {(0, "none"), (1, "optimizer"), (3, "all")}
    # 8e9 x 20 bytes are far beyond 80 GB; 18 / 8 of them with one gathered layer are not
    assert not found[0, "none", 8].fits
    assert found[3, "none", 8].fits
    # one device holds it only with what lies on the host, and that host's 256 GB are enough for 18 x 1.5 x 8e9 bytes
    assert [offload for stage, offload, count in found if count == 1 and found[stage, offload, 1].fits] == [
        "optimizer",
        "optimizer",
        "optimizer",
        "all",
    ]


def test_a_device_that_is_the_host_offloads_nothing() -> None:
    config = declared(device="cpu_core")
    assert {one.offload for one in options(config, training_device(config))} == {"none"}


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"device": "h100_sxm", "devices": 8, "zero_stage": 3}, "The plan, stage 3 on 8 devices"),
        ({"device": "h200_sxm", "devices": 8, "zero_stage": 3}, "Simpler, and so faster: stage 1 on 8 devices"),
        ({"device": "h100_sxm", "devices": 8, "zero_stage": 0}, "does not fit (72 GB usable of 80 GB). On as many"),
        (
            {"device": "l4", "devices": 2, "host_memory_gb": 6, "recompute": "all"},
            "Nothing fits 2 of l4 (21.6 GB usable of 24 GB). The fewest that do: stage 3 on 16 devices",
        ),
        (
            {"device": "cpu_core", "micro_batch": 64},
            "Nothing fits any number of cpu_core up to 1024 (3.6 GB usable of 4 GB); activations alone take",
        ),
    ],
)
def test_the_advice_names_what_fits(plan: dict[str, Any], words: str) -> None:
    assert words in size(declared(**plan)).training_advice


def test_where_nothing_fits_the_advice_names_devices_that_do() -> None:
    told = size(declared(device="l4", micro_batch=8)).training_advice
    assert "Nothing fits any number of l4" in told
    assert told.endswith("enough memory have h200_sxm, b200_sxm, mi300x.")


def test_the_fewest_devices_that_fit() -> None:
    config = declared(device="h100_sxm", host_memory_gb=0)
    found = fewest(config, training_device(config))
    assert found and (found.devices, found.stage) == (4, 2)


def test_hosts_of_several_machines_share_what_is_offloaded() -> None:
    config = declared(device="h100_sxm", devices=16, zero_stage=3, offload="all")
    one, two = (
        planned(config.model_copy(update={"training": plan}), training_device(config)) for plan in _nodes(config)
    )
    assert two.host_gb == pytest.approx(one.host_gb / 2)


def test_states_are_sharded_over_the_devices_there_are_where_machines_are_not_full() -> None:
    model = LLAMA_8B | {"parameters": 40 * 10**9}
    config = declared(device="h100_sxm", devices=9, zero_stage=3)
    config = config.model_copy(update={"model": config.model.model_validate(model)})
    found = planned(config, training_device(config))
    assert found.device_gb >= 18 * 40 / 9
    assert not found.fits
    # the first of two machines has 8 of the 9 parts
    moved = config.training.model_copy(update={"offload": "all"})
    config = config.model_copy(update={"training": moved})
    assert planned(config, training_device(config)).host_gb == pytest.approx(18 * 40 * 8 / 9 * 1.5)


def _nodes(config: StrategyConfig) -> list[Any]:
    return [config.training.model_copy(update={"devices_a_node": count}) for count in (16, 8)]


def test_figures_of_the_use_case_win_over_the_table() -> None:
    plan = declared(device="h100_sxm", device_memory_gb=70, device_hour_price=1.5)
    device = training_device(plan)
    assert (device.memory_gb, device.hour_price, device.own) == (70, 1.5, ("memory_gb", "hour_price"))
    assert device.tflops == accelerators().accelerators["h100_sxm"].bf16_tflops
    served = plan.model_copy(update={"serving": plan.serving.model_copy(update={"device": "l4", "devices": 2})})
    assert serving_device(served).memory_gb == 48 and serving_device(served).hour_price == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategy.training.device": "h1000"}, r"yaml: strategy.training.device = 'h1000'.*Name one of cpu_core, l4"),
        ({"strategy.serving.device": ""}, r"strategy.serving.device"),
        (
            {"strategy.limits.currency": "USD"},
            r"strategy.training.device_hour_price = None: prices of .* are in EUR, the limits in USD",
        ),
        (
            {"strategy.limits.currency": "USD", "strategy.training.device_hour_price": 1},
            r"strategy.serving.replica_hour_price",
        ),
    ],
)
def test_an_unknown_device_or_a_price_in_another_currency_is_refused_at_load(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_use_case("python_assistant", changes)


def test_an_edit_of_the_table_runs_the_charter_again(tmp_path: Any) -> None:
    from include.strategy.accelerators import TABLE
    from include.strategy.charter import charter

    assert charter.resources == (TABLE,)
    wrong = tmp_path / "accelerators.yaml"
    wrong.write_text("currency: EUR\naccelerators:\n  l4: {memory_gb: -1}\n")
    with pytest.raises(ConfigurationError, match=r"accelerators.yaml.accelerators.l4.memory_gb = -1"):
        accelerators(wrong)
