"""What the business thinks of a use case, beside what it costs."""

from typing import Annotated

from pydantic import Field

from include.strategy.config.base import StrategyPart

LOWEST, HIGHEST = 1, 5
# five grades, because people can tell them apart and agree on them
Score = Annotated[int, Field(ge=LOWEST, le=HIGHEST, strict=True)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Value(StrategyPart):
    """What it brings."""

    score: Score = Field(description="1: nobody would miss it; 3: it saves some people hours a week; 5: decisive.")
    reason: Reason = Field(description="Why this score, so that others can disagree with it.")


class Feasibility(StrategyPart):
    """How likely it is to work."""

    score: Score = Field(description="1: data or skill is missing; 3: done elsewhere, not here; 5: done here before.")
    reason: Reason = Field(description="Why this score, so that others can disagree with it.")


class Risk(StrategyPart):
    """What harm it may do."""

    score: Score = Field(description="1: a wrong answer costs a minute; 3: it costs money; 5: it hurts people or law.")
    reason: Reason = Field(description="Why this score, so that others can disagree with it.")


class Assessment(StrategyPart):
    """Three scores that people give; the fourth factor, cost, is the sizing's."""

    value: Value = Field(description="What it brings: score and reason.")
    feasibility: Feasibility = Field(description="How likely it is to work: score and reason.")
    risk: Risk = Field(description="What harm it may do: score, 5 is the riskiest, and reason.")
