"""The configuration of a small use case, in the place of `include.use_cases`."""

import sys
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.core.errors import ConfigurationError, PermanentError
from include.inferencing.config import OperationsConfig


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Knob(_Model):
    """One step's configuration."""

    value: int = Field(1, ge=0, le=100, description="Any number.")
    error: Literal["", "permanent", "transient"] = ""
    passed: bool = True


class Pretrain(Knob):
    steps: int = Field(10, ge=1, description="Steps.")


class Aggregate(Knob):
    records: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


class Lora(Knob):
    rank: int = Field(8, ge=1, le=256, description="Rank.")
    learning_rate: float = Field(1e-3, gt=0, description="Rate.")


class Approval(_Model):
    required: bool = False
    people: Literal[1, 2] = 1
    approvers: tuple[str, ...] = ()
    timeout_hours: float = 1.0


class Indicator(_Model):
    name: str = "answer_chrf"
    direction: Literal["at_most", "at_least"] = "at_least"
    target: float = 10
    required: bool = True
    description: str = "Agreement"


class Limits(_Model):
    currency: str = "EUR"


class TrainingPlan(_Model):
    device: str = "cpu_core"
    devices: int = 2
    device_memory_gb: None = None
    device_teraflops: None = None
    host_memory_gb: None = None
    device_hour_price: float = 3600.0


class Strategy(_Model):
    goal: str = "Answer"
    owner: str = "Engineering"
    indicators: tuple[Indicator, ...] = (Indicator(),)
    error: Literal["", "transient"] = ""
    approval: Approval = Approval()
    limits: Limits = Limits()
    training: TrainingPlan = TrainingPlan()


class DataPreparation(_Model):
    generate_texts: Knob = Knob()
    aggregate: Aggregate = Aggregate()
    compare_sources: Knob = Knob()
    find_boilerplate: Knob = Knob()
    clean: Knob = Knob()
    deduplicate: Knob = Knob()
    label: Knob = Knob()
    anonymize: Knob = Knob()
    synthesize: Knob = Knob()
    split: Knob = Knob()
    check: Knob = Knob()


class Training(_Model):
    tokenizer: Knob = Knob()
    pack: Knob = Knob()
    pretrain: Pretrain = Pretrain()
    candidates: dict[str, Knob] = {"smollm2": Knob(), "other": Knob(value=2)}
    select: Knob = Knob()


class Race(_Model):
    rungs: tuple[float, ...] = (1.0,)
    evaluation: Knob = Knob()


class Gate(Knob):
    indicator: str = "answer_nll"
    approval: Approval = Approval()


class Customization(_Model):
    techniques: tuple[Literal["lora", "prompt_tuning"], ...] = ("lora", "prompt_tuning")
    lora: Lora = Lora()
    prompt_tuning: Knob = Knob()
    preferences: Knob = Knob()
    reward_model: Knob = Knob()
    race: Race = Race()
    gate: Gate = Gate()

    def path(self, name: str) -> str:
        return f"customization.{name}"


class Inferencing(_Model):
    package: Knob = Knob()
    deploy: Knob = Knob()
    operations: OperationsConfig = OperationsConfig()
    learning: Knob = Knob()


class SampleUseCase(_Model):
    name: str
    title: str = "Sample"
    schedule: str | None = "0 3 * * *"
    strategy: Strategy = Strategy()
    data_preparation: DataPreparation = DataPreparation()
    training: Training = Training()
    customization: Customization = Customization()
    evaluation: Knob = Knob()
    inferencing: Inferencing = Inferencing()

    def at(self, path: str) -> Any:
        value: Any = self
        for part in path.split("."):
            if isinstance(value, tuple):
                value = value[int(part)]
            else:
                value = value[part] if isinstance(value, dict) else getattr(value, part)
        return value


def use_case_names() -> list[str]:
    return ["sample", "broken"]


def load_use_case(name: str, overrides: dict[str, Any] | None = None) -> SampleUseCase:
    if name == "broken":
        raise ConfigurationError("customization.lora.rnk", 8, "unknown key", "Did you mean rank?")
    tree: dict[str, Any] = {"name": name}
    for path, value in (overrides or {}).items():
        *parents, last = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = deepcopy(value)
    try:
        return SampleUseCase.model_validate(tree)
    except ValueError as error:
        raise ConfigurationError("overrides", overrides, str(error), "Correct it") from None


def load_each(names: Iterable[str]) -> tuple[list[SampleUseCase], dict[str, PermanentError]]:
    loaded: list[SampleUseCase] = []
    errors: dict[str, PermanentError] = {}
    for name in names:
        try:
            # tests put another one in its place
            loaded.append(sys.modules["include.use_cases"].load_use_case(name))
        except PermanentError as error:
            errors[name] = error
    return loaded, errors
