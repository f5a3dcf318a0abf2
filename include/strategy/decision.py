"""From data volume, sensitivity, budget and latency to route, hosting and techniques, each with its reason."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.strategy import sizing
from include.strategy.accelerators import AcceleratorTable, Device, accelerators, serving_device, training_device
from include.strategy.config import SENSITIVITIES, StrategyConfig
from include.strategy.decision_rules import (
    FEW_SHOTS,
    HOSTINGS,
    ROUTES,
    TECHNIQUES,
    TOKENS_A_PARAMETER,
    Facts,
    Rule,
)
from include.strategy.estimate import TERA, Sizing, replica_of
from include.strategy.fitting import simplest
from include.strategy.memory import frozen_states

BY_USE_CASE = "chosen by the use case"
# what the workflow does, whatever is decided
WORKFLOW_ROUTE = "race"
WORKFLOW_HOSTING = "own"
EPOCHS = 3
DAYS_A_MONTH = sizing.HOURS_A_MONTH / 24


class Choice(BaseModel):
    """What is done and why, and what the rules recommend and why; the same where the use case says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(description="route, hosting, or a technique.")
    chosen: str | bool
    reason: str
    recommended: str | bool
    recommended_because: str
    rule: str = Field(description="The rule that recommends it.")


class Decision(BaseModel):
    """All choices, the facts that they rest on, and where the workflow's configuration does otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    route: Choice
    hosting: Choice
    techniques: tuple[Choice, ...]
    facts: dict[str, Any]
    deviations: tuple[str, ...]


def decide(config: StrategyConfig, sized: Sizing, configured: Sequence[str] = ()) -> Decision:
    """The decision on a sized plan; `configured` are the techniques that customization races, none: not compared."""
    facts = facts_of(config, sized)
    plan = config.decision
    route = _choice("route", ROUTES, facts, plan.route)
    hosting = _choice("hosting", HOSTINGS, facts, plan.hosting)
    techniques = tuple(
        _choice(name, rules, facts, None if plan.techniques is None else name in plan.techniques)
        for name, rules in TECHNIQUES.items()
    )
    return Decision(
        route=route,
        hosting=hosting,
        techniques=techniques,
        facts=vars(facts),
        deviations=tuple(_deviations(route, hosting, techniques, configured)),
    )


def facts_of(config: StrategyConfig, sized: Sizing, table: AcceleratorTable | None = None) -> Facts:
    """What the rules look at, from what is declared and what was sized."""
    table = table or accelerators()
    trained, served = training_device(config, table), serving_device(config, table)
    demand, counts = config.demand, [config.training.devices]
    tokens = _sum(source.tokens for source in config.data_sources)
    examples = _sum(source.examples for source in config.data_sources)
    pairs = sum(source.preference_pairs for source in config.data_sources)
    shown = (1 + FEW_SHOTS) * demand.prompt_tokens + FEW_SHOTS * demand.answer_tokens
    asked = demand.requests_a_day * DAYS_A_MONTH * (demand.prompt_tokens + demand.answer_tokens)
    price = config.serving.hosted_price_per_million_tokens
    return Facts(
        parameters=config.model.parameters,
        tokens=tokens,
        examples=examples,
        preference_pairs=pairs,
        sensitivity=max((source.sensitivity for source in config.data_sources), key=SENSITIVITIES.index),
        domain=config.decision.domain,
        money_for_training=max(0.0, config.limits.budget - sized.serving_cost_a_month),
        latency_seconds=demand.latency_seconds,
        few_shot_seconds=replica_of(config, served).answer_seconds(
            sized.streams_a_replica, shown, demand.answer_tokens
        ),
        full_fits=simplest(config, trained, counts) is not None,
        adapter_fits=simplest(config, trained, counts, frozen_states) is not None,
        hosted_cost=None if price is None else asked / 1e6 * price,
        own_cost=sized.serving_cost_a_month,
        **_training_costs(config, trained, tokens or 0, examples or 0, pairs),
    )


def _training_costs(config: StrategyConfig, device: Device, tokens: int, examples: int, pairs: int) -> dict[str, float]:
    model, plan = config.model, config.training

    def cost(count: int) -> float:
        operations = sizing.training_operations(model.parameters, count, recomputed=plan.recompute == "all")
        seconds = sizing.training_seconds(operations, 1, device.tflops * TERA, plan.utilization)
        return seconds / 3600 * device.hour_price

    return {
        "scratch_cost": cost(TOKENS_A_PARAMETER * model.parameters),
        "full_cost": cost(EPOCHS * examples * plan.sequence_length),
        "continued_cost": cost(tokens),
        # each pair is two answers
        "preference_cost": cost(EPOCHS * 2 * pairs * plan.sequence_length),
    }


def _sum(volumes: Any) -> int | None:
    """The sum of what is declared; None where nothing is."""
    declared = [volume for volume in volumes if volume is not None]
    return sum(declared) if declared else None


def _choice(name: str, rules: Sequence[Rule[Any]], facts: Facts, wanted: str | bool | None) -> Choice:
    rule = next(rule for rule in rules if rule.applies(facts))
    why = rule.why(facts)
    return Choice(
        name=name,
        chosen=rule.choice if wanted is None else wanted,
        reason=why if wanted is None else BY_USE_CASE,
        recommended=rule.choice,
        recommended_because=why,
        rule=rule.name,
    )


def _deviations(route: Choice, hosting: Choice, techniques: Sequence[Choice], configured: Sequence[str]) -> list[str]:
    found = []
    if route.chosen != WORKFLOW_ROUTE:
        found.append(
            f"training races a model from scratch and a pretrained one, and the decision is {route.chosen}: "
            f"{route.reason}"
        )
    if hosting.chosen != WORKFLOW_HOSTING:
        found.append(f"inferencing serves on hardware of one's own, and the decision is {hosting.chosen}")
    if hosting.chosen == "hosted" and hosting.recommended == "own":
        found.append(f"hosted is not recommended: {hosting.recommended_because}")
    for one in techniques if configured else ():
        if one.name in configured and not one.chosen:
            found.append(f"customization.techniques races {one.name}, which is not worth it: {one.reason}")
        elif one.chosen and one.name not in configured:
            found.append(f"customization.techniques does not race {one.name}, which is worth it: {one.reason}")
    return found
