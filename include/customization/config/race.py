"""How techniques compete, and what the winner has to prove."""

from typing import Literal

from pydantic import Field, field_validator

from include.core.approval import Approval
from include.customization.config.base import Config
from include.evaluation.config import EvaluationConfig

# fewer development questions than this tell nothing apart
LEAST_DEVELOPMENT = 8


class RungEvaluation(EvaluationConfig):
    """How a rung is judged: by the likelihood of the reference answers, hence few answers of the model's own."""

    questions: int = Field(64, ge=1, le=100_000, description="Development questions whose reference answer is scored.")
    answers: int = Field(1, ge=1, le=100_000, description="Of these, questions that the model answers itself.")
    waits: int = Field(1, ge=1, le=1000, description="Questions asked alone, to time the tokens.")
    samples: int = Field(1, ge=0, le=1000, description="Answers shown in the report.")


class RaceConfig(Config):
    """Successive halving under one budget: all techniques begin, the better ones go on."""

    rungs: tuple[float, ...] = Field(
        (0.5, 1.0),
        min_length=1,
        max_length=8,
        description="Shares of its steps after which a technique is looked at; the last is 1. One: nothing is stopped.",
    )
    eta: int = Field(2, ge=2, le=64, description="Of the techniques of a rung, one in so many goes on (rounded up).")
    budget: float | None = Field(
        None,
        ge=0,
        le=10**15,
        description="What training may cost, of all techniques together; null: what the charter's budget leaves after "
        "its training and a month of serving.",
    )
    budget_in: Literal["money", "device_hours"] = Field(
        "money", description="What the budget counts: money in the charter's currency, or hours of its devices."
    )
    evaluation: RungEvaluation = Field(RungEvaluation(), description="How a rung is judged, on development questions.")

    @field_validator("rungs")
    @classmethod
    def _rise_to_the_whole(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= before for before, later in zip((0.0, *rungs), rungs, strict=False)) or rungs[-1] != 1:
            raise ValueError(f"rungs {list(rungs)} do not rise from above 0 to 1, the last one being 1")
        return rungs


class GateConfig(Config):
    """What makes a customized model better than the one it came from, and fit to serve."""

    indicator: Literal["answer_bits_per_char", "answer_nll", "answer_chrf"] = Field(
        "answer_bits_per_char",
        description="Decides, question by question: bits or nats of the reference answer, or chrF of the model's own.",
    )
    significance: float = Field(
        0.05, gt=0, lt=0.5, description="Chance of calling any technique better that is not, over all of them."
    )
    margin: float = Field(
        0.05,
        ge=0,
        le=1,
        description="How much worse than the champion is no worse, as a share of the champion's mean: the whole 95% "
        "interval of the difference has to lie within it.",
    )
    resamples: int = Field(2000, ge=100, le=1_000_000, description="Resamples of the held-out questions.")
    seed: int = Field(7, ge=0, description="Seed of the resampling.")
    least_questions: int = Field(8, ge=2, description="Fewer held-out questions than this prove nothing.")
    approval: Approval = Field(Approval(), description="Whether people approve the model before it serves.")
