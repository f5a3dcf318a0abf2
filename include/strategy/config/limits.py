"""Demand, data and limits: what the plan has to serve, from what, within what."""

from typing import Literal, get_args

from pydantic import Field

from include.strategy.config.base import StrategyPart

# from the least to the most careful
Sensitivity = Literal["public", "internal", "confidential", "personal"]
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)


class Demand(StrategyPart):
    """The use expected of the service."""

    concurrent_users: int = Field(8, ge=1, le=1_000_000, description="Users who wait for an answer at the same time.")
    requests_a_day: int = Field(2_000, ge=1, le=10**10, description="Questions a day.")
    peak_factor: float = Field(5.0, ge=1, le=100, description="Questions in the busiest hour over the day's mean.")
    prompt_tokens: int = Field(200, ge=1, le=10**6, description="Tokens of a typical question with its context.")
    answer_tokens: int = Field(96, ge=1, le=10**6, description="Tokens of a typical answer.")
    latency_seconds: float = Field(10.0, ge=0.001, le=3_600, description="A whole answer within this time.")
    first_token_seconds: float | None = Field(
        None, ge=0.001, le=3_600, description="Its first token within this time; null: only the whole answer counts."
    )


class DataSource(StrategyPart):
    """A source of text or tables, and how careful to be with it."""

    name: str = Field(min_length=1, description="Name of the source, as aggregation names it.")
    description: str = Field("", description="What it holds and who owns it.")
    sensitivity: Sensitivity = Field(description="How far its content may travel.")
    tokens: int | None = Field(None, ge=0, le=10**18, description="Tokens of text in it, about; null: not known.")
    examples: int | None = Field(
        None, ge=0, le=10**15, description="Questions with an answer in it, about; null: not known."
    )
    preference_pairs: int = Field(0, ge=0, le=10**15, description="Pairs of a better and a worse answer in it.")


class Limits(StrategyPart):
    """What the use case may not exceed."""

    licences: tuple[str, ...] = Field(min_length=1, description="Licences accepted for data and models.")
    max_parameters: int = Field(1_000_000_000, ge=1, le=10**15, description="Largest model, in parameters.")
    budget: float = Field(1_000.0, ge=0, le=10**15, description="One training run and a month of serving together.")
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$", description="Currency of the budget and all prices, ISO 4217.")
