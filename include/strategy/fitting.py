"""Which ZeRO stage on how many devices fits, and what to do where nothing does."""

from collections.abc import Callable, Iterable

from pydantic import BaseModel, ConfigDict, Field

from include.strategy.accelerators import AcceleratorTable, Device
from include.strategy.config import StrategyConfig
from include.strategy.config.plan import Offload
from include.strategy.memory import OPTIONS, States, activations, largest_layer, model_states

GIGA = 1e9
# fragmentation, the driver's context, communication buffers
RESERVED = 0.1
LEAST_SHOWN = 8
MOST_DEVICES = 1_024


class MemoryOption(BaseModel):
    """A way to lay out training, and what it takes, in 10^9 bytes: a device with activations, a host without."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    stage: int
    offload: Offload
    devices: int
    device_gb: float
    host_gb: float = Field(description="Of one machine, with all its devices.")
    fits: bool


def option(
    config: StrategyConfig,
    device: Device,
    stage: int,
    offload: Offload,
    devices: int,
    states_of: Callable[..., States] = model_states,
) -> MemoryOption:
    """One layout on `devices` of a kind. Where the device is the host, nothing is offloaded and one memory counts."""
    model, plan = config.model, config.training
    a_node = min(devices, plan.devices_a_node)
    states = states_of(model.parameters, largest_layer(model), stage, devices, a_node, offload)
    active = activations(model, plan.micro_batch, plan.sequence_length, plan.recompute)
    needed, host = (states.device + active) / GIGA, states.host / GIGA
    if device.host_memory_gb:
        roomy = host <= device.host_memory_gb * a_node
    else:
        roomy, host = offload == "none", 0.0
    fits = roomy and needed <= device.memory_gb * (1 - RESERVED)
    return MemoryOption(stage=stage, offload=offload, devices=devices, device_gb=needed, host_gb=host, fits=fits)


def options(config: StrategyConfig, device: Device) -> list[MemoryOption]:
    """Every stage, with and without offload, on 1, 2, 4, ... devices and on the declared number."""
    counts = {config.training.devices}
    counts |= {2**power for power in range(11) if 2**power <= max(LEAST_SHOWN, 2 * config.training.devices)}
    return [
        option(config, device, stage, offload, count)
        for stage, offload in OPTIONS
        if offload == "none" or device.host_memory_gb
        for count in sorted(counts)
    ]


def planned(config: StrategyConfig, device: Device) -> MemoryOption:
    """The layout that the plan declares."""
    plan = config.training
    return option(config, device, plan.zero_stage, plan.offload, plan.devices)


def simplest(
    config: StrategyConfig, device: Device, counts: Iterable[int], states_of: Callable[..., States] = model_states
) -> MemoryOption | None:
    """The first of `counts` that fits, by the lowest stage and without offload where that is enough.

    `states_of` is what is held beside the activations: `model_states`, or `frozen_states` for an adapter.
    """
    for count in counts:
        for stage, offload in OPTIONS:
            if (found := option(config, device, stage, offload, count, states_of)).fits:
                return found
    return None


def fewest(config: StrategyConfig, device: Device) -> MemoryOption | None:
    """The fewest devices, a power of two, on which anything fits."""
    return simplest(config, device, (2**power for power in range(11)))


def advice(config: StrategyConfig, device: Device, table: AcceleratorTable) -> str:
    """One or two sentences for whoever decides how to train."""
    count, plan = config.training.devices, planned(config, device)
    usable = f"{device.memory_gb * (1 - RESERVED):.3g} GB usable of {device.memory_gb:g} GB"
    here = simplest(config, device, [count])
    if plan.fits and here == plan:
        return f"The plan, {_words(plan)}, fits ({usable}), and nothing simpler does."
    if plan.fits and here:
        return f"The plan, {_words(plan)}, fits ({usable}). Simpler, and so faster: {_words(here)}."
    if here:
        return f"The plan, {_words(plan)}, does not fit ({usable}). On as many devices, {_words(here)} does."
    if few := fewest(config, device):
        return f"Nothing fits {count} of {device.name} ({usable}). The fewest that do: {_words(few)}."
    return _larger(config, device, table, usable)


def _larger(config: StrategyConfig, device: Device, table: AcceleratorTable, usable: str) -> str:
    plan = config.training
    active = activations(config.model, plan.micro_batch, plan.sequence_length, plan.recompute) / GIGA
    least = activations(config.model, 1, plan.sequence_length, "all") / GIGA
    larger = [name for name, kind in table.accelerators.items() if fewest(config, _of(name, table))]
    found = f"; enough memory have {', '.join(larger)}" if larger else ""
    return (
        f"Nothing fits any number of {device.name} up to {MOST_DEVICES} ({usable}); activations alone take "
        f"{active:.3g} GB. With micro_batch 1 and recompute all they take {least:.3g} GB{found}."
    )


def _of(name: str, table: AcceleratorTable) -> Device:
    kind = table.accelerators[name]
    return Device(name, kind.memory_gb, kind.bandwidth_gbs, kind.bf16_tflops, kind.host_memory_gb, kind.hour_price)


def _words(found: MemoryOption) -> str:
    moved = {"none": "", "optimizer": " with the optimizer offloaded", "all": " with weights and optimizer offloaded"}
    devices = f"{found.devices} device{'s' if found.devices > 1 else ''}"
    return f"stage {found.stage} on {devices}{moved[found.offload]} ({found.device_gb:.3g} GB a device)"
