"""What techniques cost: predicted from the charter before they run, metered afterwards. Device seconds, and money."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.customization.config import (
    AnyTechnique,
    CustomizationConfig,
    RaceConfig,
    RewardModelConfig,
    TuningConfig,
)
from include.customization.preferences.own_answers import MOST_TOKENS
from include.customization.preferences.wanted import learners, rewarded_by_model

COSTS_FILE = "costs.json"
HOURS_A_MONTH = 730
DAYS_A_MONTH = HOURS_A_MONTH / 24
UNLIMITED = 10.0**15
# operations a weight and token (Kaplan et al. 2020, section 2.1): forward, and backward through frozen weights; the
# gradients of those that are trained; a forward pass
FROZEN, GRADIENTS, FORWARD = 4.0, 2.0, 2.0
ALL_WEIGHTS = ("full", "continued_pretraining")
# both answers of a pair are read, by the model and by the one it began as
PAIRED = ("dpo",)
# answers are written, and read by the model that it began as too
WRITTEN = ("grpo",)


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prices(_Figures):
    """What the charter says of devices and demand."""

    currency: str
    devices: int = Field(description="Devices that train.")
    hour_price: float = Field(description="Of one of them.")
    operations: float = Field(description="A second, of one of them, as the charter expects to reach.")
    prompt_token_price: float = Field(description="Of one more token before a question, while serving.")
    requests_a_month: float

    def money(self, device_seconds: float) -> float:
        """What so many seconds of one device cost."""
        return device_seconds / 3600 * self.hour_price


class Entrant(_Figures):
    """A technique that enters the race."""

    name: str
    path: str = Field(description="Where in the use case it is configured.")
    config: dict[str, Any]
    tokens: int = Field(description="At most, in all of its steps.")
    device_seconds: float = Field(description="Predicted for all of its steps.")


class Costs(_Figures):
    """costs.json: the budget, the prices and every entrant's prediction."""

    prices: Prices
    budget: float
    budget_in: Literal["money", "device_hours"]
    budget_from: str
    entrants: tuple[Entrant, ...]
    shared: dict[str, float] = Field(
        {}, description="What is made once, before the race, for those that need it -> device seconds predicted for it."
    )

    @property
    def shared_seconds(self) -> float:
        """Device seconds that are spent whichever technique goes on."""
        return sum(self.shared.values())

    @property
    def unit(self) -> str:
        """What the budget counts, for people."""
        return self.prices.currency if self.budget_in == "money" else "device hours"

    def spent(self, device_seconds: float) -> float:
        """Device seconds in the budget's unit."""
        return self.prices.money(device_seconds) if self.budget_in == "money" else device_seconds / 3600

    def entrant(self, path: str) -> Entrant:
        """The entrant that is configured at `path`."""
        return next(one for one in self.entrants if one.path == path)


def read_costs(store: ArtifactStore, ref: ArtifactRef) -> Costs:
    """What `predict_costs` has written."""
    return Costs.model_validate_json(store.read(ref, COSTS_FILE))


def predicted_costs(charter: Mapping[str, Any], parameters: int, config: CustomizationConfig) -> Costs:
    """Budget, prices and predictions for all techniques of `config` on a model of so many parameters."""
    prices = prices_of(charter)
    budget, source = _budget(charter, config.race)
    entrants = []
    for name in config.techniques:
        path = config.path(name)
        technique = config.technique(name)
        tokens = tokens_of(technique)
        seconds = operations_of(technique) * parameters * tokens / prices.operations
        values = technique.model_dump(mode="json")
        entrants.append(Entrant(name=name, path=path, config=values, tokens=tokens, device_seconds=seconds))
    return Costs(
        prices=prices,
        budget=budget,
        budget_in=config.race.budget_in,
        budget_from=source,
        entrants=tuple(entrants),
        shared={
            name: operations * parameters / prices.operations for name, operations in shared_operations(config).items()
        },
    )


def shared_operations(config: CustomizationConfig) -> dict[str, float]:
    """Operations a weight of the model for what techniques learn from: own answers and the reward model."""
    pairs, scorer = config.preferences, config.reward_model
    found = {}
    if learners(config):
        found["own answers"] = FORWARD * pairs.own_answers * (MOST_TOKENS + pairs.max_new_tokens)
    if rewarded_by_model(config):
        # both answers of a pair are read
        found["reward model"] = 2 * operations_of(scorer) * tokens_of(scorer)
    return found


def prices_of(charter: Mapping[str, Any]) -> Prices:
    """Prices and speeds, from what the charter has sized: its own figures win over its table's there."""
    sizing, training, demand = charter["sizing"], charter["training"], charter["demand"]
    device_seconds = sizing["training_seconds"] * training["devices"]
    hours = sizing["replicas"] * HOURS_A_MONTH
    read = sizing["first_token_seconds"] / (sizing["streams_a_replica"] * demand["prompt_tokens"])
    return Prices(
        currency=charter["limits"]["currency"],
        devices=training["devices"],
        hour_price=sizing["training_cost"] / (device_seconds / 3600),
        operations=sizing["training_operations"] / device_seconds,
        prompt_token_price=read / 3600 * sizing["serving_cost_a_month"] / hours,
        requests_a_month=demand["requests_a_day"] * DAYS_A_MONTH,
    )


def _budget(charter: Mapping[str, Any], race: RaceConfig) -> tuple[float, str]:
    if race.budget is not None:
        return race.budget, "customization.race.budget"
    left = max(0.0, charter["limits"]["budget"] - charter["sizing"]["total_cost"])
    source = "the charter's budget less its training and a month of serving"
    if race.budget_in == "money":
        return left, source
    price = prices_of(charter).hour_price
    return (left / price if price else UNLIMITED), f"{source}, at its price of a device hour"


def tokens_of(technique: AnyTechnique | RewardModelConfig) -> int:
    """Tokens of all steps, at most: every example as long as it may be."""
    if not isinstance(technique, TuningConfig):
        return 0
    return technique.steps * technique.batch * technique.length


def operations_of(technique: AnyTechnique | RewardModelConfig) -> float:
    """Operations a weight of the model and token."""
    if not isinstance(technique, TuningConfig):
        return 0.0
    name = technique.technique
    once = FROZEN + (GRADIENTS if name in ALL_WEIGHTS else 0) + (FORWARD if technique.activation_checkpointing else 0)
    return 2 * (once + FORWARD) if name in PAIRED else once + 2 * FORWARD if name in WRITTEN else once


def metered_seconds(metrics: Mapping[str, Any]) -> float:
    """Device seconds that making an adapter took, when it was made; 0 where nothing was trained."""
    return float(metrics.get("device_seconds", 0.0))


def serving_extra(prices: Prices, prompt_tokens: int) -> float:
    """What so many tokens before every question add to a month of serving, where nothing is kept of them."""
    return prompt_tokens * prices.prompt_token_price * prices.requests_a_month


def prompt_tokens_of(store: ArtifactStore, adapter: ArtifactRef, form: str) -> int:
    """Tokens that an adapter puts before every question; of examples, about: a token is four characters."""
    if form in ("soft_prompt", "prefix"):
        return int(json.loads(store.read(adapter, "adapter_config.json"))["num_virtual_tokens"])
    if form == "examples":
        rows = json.loads(store.read(adapter, "examples.json"))
        return sum(len(row["question"]) + len(row["answer"]) for row in rows) // 4
    return 0
