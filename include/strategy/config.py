"""What the business declares: goal, indicators, demand, data, limits, and the plan that is sized from them."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

IndicatorName = Literal["answer_nll", "answer_bits_per_char", "answer_chrf", "seconds_per_answer"]
Sensitivity = Literal["public", "internal", "confidential", "personal"]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Indicator(_Config):
    """A number that evaluation measures on held-out questions, and what it has to reach."""

    name: IndicatorName = Field(description="What is measured, on the model before it is packaged.")
    target: float = Field(ge=0, description="Value to reach, in the indicator's own unit.")
    direction: Literal["at_most", "at_least"] = Field(description="Which side of the target is good.")
    required: bool = Field(False, description="A model that misses a required indicator is not deployed.")
    description: str = Field("", description="What it means to the business.")


class Demand(_Config):
    """The use expected of the service."""

    concurrent_users: int = Field(8, ge=1, le=1_000_000, description="Users who wait for an answer at the same time.")
    requests_a_day: int = Field(2_000, ge=1, le=10**10, description="Questions a day.")
    peak_factor: float = Field(5.0, ge=1, le=100, description="Questions in the busiest hour over the day's mean.")
    prompt_tokens: int = Field(200, ge=1, le=10**6, description="Tokens of a typical question with its context.")
    answer_tokens: int = Field(96, ge=1, le=10**6, description="Tokens of a typical answer.")
    latency_seconds: float = Field(10.0, gt=0, le=3_600, description="A whole answer within this time.")


class DataSource(_Config):
    """A source of text or tables, and how careful to be with it."""

    name: str = Field(min_length=1, description="Name of the source, as aggregation names it.")
    description: str = Field("", description="What it holds and who owns it.")
    sensitivity: Sensitivity = Field(description="How far its content may travel.")


class Limits(_Config):
    """What the use case may not exceed."""

    licences: tuple[str, ...] = Field(min_length=1, description="Licences accepted for data and models.")
    max_parameters: int = Field(1_000_000_000, ge=1, description="Largest model, in parameters.")
    budget: float = Field(1_000.0, ge=0, description="One training run and a month of serving together.")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="Currency of the budget and all prices, ISO 4217.")


class Approval(_Config):
    """Whether a human signs the charter before any work is spent on it."""

    required: bool = Field(False, description="Wait for a human's approval in the web UI.")
    approvers: tuple[str, ...] = Field((), description="Users who may approve; empty: whoever may trigger the DAG.")


class ModelPlan(_Config):
    """Shape of the model expected to be served; the defaults are SmolLM2-135M-Instruct."""

    parameters: int = Field(134_515_008, ge=1, description="Weights of the model.")
    layers: int = Field(30, ge=1, le=10_000, description="Transformer layers.")
    key_value_heads: int = Field(3, ge=1, le=10_000, description="Attention heads that keys and values have.")
    head_size: int = Field(64, ge=1, le=10_000, description="Width of one attention head.")
    weight_bytes: float = Field(1.0, ge=0.25, le=8, description="Bytes of one weight when served (1: int8).")
    cache_bytes: float = Field(2.0, ge=0.25, le=8, description="Bytes of one value in the KV cache (2: bf16).")


class TrainingPlan(_Config):
    """How the model is expected to be trained, and what that costs."""

    tokens: int = Field(500_000, ge=1, description="Tokens seen in one training run, epochs counted.")
    devices: int = Field(2, ge=1, le=100_000, description="Ranks that share the work.")
    device_memory_gb: float = Field(4.0, gt=0, le=10_000, description="Memory of one device, in 10^9 bytes.")
    zero_stage: Literal[0, 1, 2, 3] = Field(2, description="DeepSpeed ZeRO stage that the run uses.")
    device_teraflops: float = Field(0.1, gt=0, le=100_000, description="Peak of one device, 10^12 operations a second.")
    utilization: float = Field(0.3, gt=0, le=1, description="Share of that peak that training reaches.")
    device_hour_price: float = Field(0.05, ge=0, description="Price of one device for an hour.")


class ServingPlan(_Config):
    """How the model is expected to be served, and what that costs."""

    replica_tokens_per_second: float = Field(
        100.0, gt=0, description="Answer tokens a second one replica yields over all its streams; measure it."
    )
    replica_memory_gb: float = Field(4.0, gt=0, le=10_000, description="Memory of one replica, in 10^9 bytes.")
    replica_hour_price: float = Field(0.05, ge=0, description="Price of one replica for an hour.")


class StrategyConfig(_Config):
    """The strategy step's configuration: all that the charter says."""

    goal: str = Field(min_length=1, description="What the business wants to be true.")
    objectives: tuple[str, ...] = Field(min_length=1, description="Steps towards the goal that can be checked.")
    problem_or_opportunity: str = Field(min_length=1, description="Why this is worth doing now.")
    owner: str = Field(min_length=1, description="Who answers for the use case.")
    indicators: tuple[Indicator, ...] = Field(min_length=1, description="How success is measured.")
    demand: Demand = Field(default_factory=Demand, description="The use expected of the service.")
    data_sources: tuple[DataSource, ...] = Field(min_length=1, description="The data it is built from.")
    limits: Limits = Field(description="What may not be exceeded.")
    approval: Approval = Field(default_factory=Approval, description="Whether a human signs the charter.")
    model: ModelPlan = Field(default_factory=ModelPlan, description="The model that is sized.")
    training: TrainingPlan = Field(default_factory=TrainingPlan, description="The training that is sized.")
    serving: ServingPlan = Field(default_factory=ServingPlan, description="The serving that is sized.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        declared: dict[str, list[str]] = {
            "indicators": [indicator.name for indicator in self.indicators],
            "data_sources": [source.name for source in self.data_sources],
        }
        for field, names in declared.items():
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field} names {', '.join(twice)} more than once")
        return self
