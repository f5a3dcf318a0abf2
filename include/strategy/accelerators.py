"""Types of devices as data, and the device that a plan means: the table's figures, or the use case's own."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.strategy.config import StrategyConfig
from include.strategy.config.plan import HIGHEST_PRICE, LEAST_BANDWIDTH, LEAST_TERAFLOPS

TABLE = "include/strategy/accelerators.yaml"


class Accelerator(BaseModel):
    """One type of device. Memory in 10^9 bytes, bandwidth in 10^9 bytes a second, operations in 10^12 a second."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    memory_gb: float = Field(gt=0)
    bandwidth_gbs: float = Field(ge=LEAST_BANDWIDTH)
    bf16_tflops: float = Field(ge=LEAST_TERAFLOPS)
    host_memory_gb: float = Field(ge=0)
    hour_price: float = Field(ge=0, le=HIGHEST_PRICE)
    note: str = ""


class AcceleratorTable(BaseModel):
    """The types by name, and the currency of their prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    accelerators: dict[str, Accelerator] = Field(min_length=1)


class Device(NamedTuple):
    """What a plan runs on: one device of training, or one replica of serving. `own`: figures of the use case."""

    name: str
    memory_gb: float
    bandwidth_gbs: float
    tflops: float
    host_memory_gb: float
    hour_price: float
    own: tuple[str, ...] = ()


def accelerators(path: Path = PROJECT_ROOT / TABLE) -> AcceleratorTable:
    """The table; ConfigurationError names the entry that is wrong."""
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join((path.name, *map(str, first["loc"])))
        raise ConfigurationError(field, first["input"], first["msg"], "Correct the table") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(path.name, None, f"not YAML: {error}", "Correct the table") from None


# by content, so that an edit counts at once
@lru_cache(maxsize=4)
def _parsed(text: str) -> AcceleratorTable:
    return AcceleratorTable.model_validate(yaml.safe_load(text))


def training_device(config: StrategyConfig, table: AcceleratorTable | None = None) -> Device:
    """One device of training; ConfigurationError where the table has no such type, or prices in another currency."""
    plan = config.training
    own = {
        "memory_gb": plan.device_memory_gb,
        "tflops": plan.device_teraflops,
        "host_memory_gb": plan.host_memory_gb,
        "hour_price": plan.device_hour_price,
    }
    return _device(config, "strategy.training", plan.device, 1, own, "device_hour_price", table or accelerators())


def serving_device(config: StrategyConfig, table: AcceleratorTable | None = None) -> Device:
    """One replica with all its devices; errors as those of `training_device`."""
    plan = config.serving
    own = {
        "memory_gb": plan.replica_memory_gb,
        "bandwidth_gbs": plan.replica_bandwidth_gbs,
        "tflops": plan.replica_teraflops,
        "hour_price": plan.replica_hour_price,
    }
    table = table or accelerators()
    return _device(config, "strategy.serving", plan.device, plan.devices, own, "replica_hour_price", table)


def _device(
    config: StrategyConfig,
    section: str,
    name: str,
    count: int,
    own: dict[str, float | None],
    price: str,
    table: AcceleratorTable,
) -> Device:
    found = table.accelerators.get(name)
    if found is None:
        known = ", ".join(table.accelerators)
        raise ConfigurationError(f"{section}.device", name, "the table has no such type", f"Name one of {known}")
    if own["hour_price"] is None and config.limits.currency != table.currency:
        raise ConfigurationError(
            f"{section}.{price}",
            None,
            f"prices of {TABLE} are in {table.currency}, the limits in {config.limits.currency}",
            f"Give the price in {config.limits.currency}, or set strategy.limits.currency to {table.currency}",
        )
    listed = {
        "memory_gb": found.memory_gb,
        "bandwidth_gbs": found.bandwidth_gbs,
        "tflops": found.bf16_tflops,
        "host_memory_gb": found.host_memory_gb,
        "hour_price": found.hour_price,
    }
    given = {field: value for field, value in own.items() if value is not None}
    figures = {field: value * count for field, value in listed.items()} | given
    return Device(name, **figures, own=tuple(given))
