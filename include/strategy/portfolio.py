"""Ranks use cases by value, feasibility, risk and cost: each factor from 0 to 1, times what it weighs, added up."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.core.errors import PermanentError
from include.core.settings import FACTORS
from include.strategy.config import StrategyConfig
from include.strategy.config.assessment import HIGHEST, LOWEST
from include.strategy.estimate import Sizing, breaches, size

POINTS = 100
COST = "One training run and a month of serving, against the budget."
# sums that differ only by the rounding of floats are equal
DECIMALS = 6


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contribution(_Told):
    """One factor of a use case's score: `part` x `weight` = `points`."""

    factor: str
    declared: str = Field(description="The score of 5, or the cost against the budget.")
    reason: str
    part: float = Field(description="From 0 to 1, 1 is good: (score - 1) / 4; of risk and cost the rest to 1.")
    weight: float = Field(description="What a part of 1 gives; the weights of all factors give 100.")
    points: float


class Ranked(_Told):
    """A use case that was assessed, and its place among the others."""

    place: int
    name: str
    title: str
    owner: str
    score: float = Field(description="Points of all factors, from 0 to 100.")
    contributions: tuple[Contribution, ...]
    breaches: tuple[str, ...] = Field(description="Declared limits that its plan breaks.")


class Unranked(_Told):
    """A use case without a place; `problem` is why it cannot be loaded or sized, empty: it is not assessed."""

    name: str
    title: str = ""
    owner: str = ""
    problem: str = ""


class Portfolio(_Told):
    """All use cases: each is in one of the three lists."""

    weights: dict[str, float] = Field(description="Factor -> what a part of 1 gives, in points.")
    ranked: tuple[Ranked, ...]
    not_assessed: tuple[Unranked, ...]
    failed: tuple[Unranked, ...]


def portfolio(
    declared: Iterable[tuple[str, str, StrategyConfig]], problems: Mapping[str, str], weights: Mapping[str, float]
) -> Portfolio:
    """Rank use cases, given by name, title and strategy, the highest score first, equal ones by name.

    `problems` are name -> error of those that cannot be loaded; `weights` are relative to one another.
    """
    shares = {factor: POINTS * weights[factor] / sum(weights.values()) for factor in FACTORS}
    scored: list[dict[str, Any]] = []
    not_assessed: list[Unranked] = []
    failed = [Unranked(name=name, problem=problem) for name, problem in problems.items()]
    for name, title, strategy in declared:
        known = {"name": name, "title": title, "owner": strategy.owner}
        if strategy.assessment is None:
            not_assessed.append(Unranked(**known))
            continue
        try:
            sized = size(strategy)
            told, broken = contributions(strategy, sized, shares), breaches(strategy, sized)
        except (ArithmeticError, PermanentError) as error:
            failed.append(Unranked(**known, problem=f"its plan cannot be sized: {error}"))
            continue
        score = round(sum(one.points for one in told), DECIMALS)
        scored.append(known | {"score": score, "contributions": told, "breaches": tuple(broken)})
    scored.sort(key=lambda one: (-one["score"], one["name"]))
    return Portfolio(
        weights=shares,
        ranked=tuple(Ranked(place=place, **one) for place, one in enumerate(scored, start=1)),
        not_assessed=tuple(sorted(not_assessed, key=lambda one: one.name)),
        failed=tuple(sorted(failed, key=lambda one: one.name)),
    )


def contributions(strategy: StrategyConfig, sized: Sizing, shares: Mapping[str, float]) -> tuple[Contribution, ...]:
    """What each factor gives an assessed use case; `shares` are the points of a part of 1.

    The cost is that of one training run and a month of serving; at the budget and beyond, its part is 0.
    """
    assessed = strategy.assessment
    if assessed is None:
        raise TypeError("the use case is not assessed")
    cost, budget, currency = sized.total_cost, strategy.limits.budget, strategy.limits.currency
    parts = {
        "value": grade(assessed.value.score),
        "feasibility": grade(assessed.feasibility.score),
        "risk": 1 - grade(assessed.risk.score),
        "cost": 1 - min(cost / budget, 1.0) if budget else float(cost == 0),
    }
    told = {
        factor: (f"{getattr(assessed, factor).score} of {HIGHEST}", getattr(assessed, factor).reason)
        for factor in FACTORS
        if factor != "cost"
    } | {"cost": (f"{cost:,.2f} of {budget:,.2f} {currency}", COST)}
    return tuple(
        Contribution(
            factor=factor,
            declared=told[factor][0],
            reason=told[factor][1],
            part=parts[factor],
            weight=shares[factor],
            points=parts[factor] * shares[factor],
        )
        for factor in FACTORS
    )


def grade(score: int) -> float:
    """A score as a part of what is possible: 1 is 0, 5 is 1."""
    return (score - LOWEST) / (HIGHEST - LOWEST)
