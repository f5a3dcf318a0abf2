"""What a package must show before it becomes the champion."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class DeployConfig(BaseModel):
    """The smoke test, the probes and the canary that a package passes before it becomes the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    question: str = Field("What does the Python function len do?", min_length=1, description="Smoke test's question.")
    max_tokens: int = Field(32, ge=1, le=1024, description="Longest answer of smoke test and probes, in tokens.")
    answer_seconds: float = Field(30.0, gt=0, le=600, description="Deadline of the answer to a probe.")
    ready_seconds: float = Field(120.0, gt=0, le=3600, description="Time Triton may take to load the model.")
    probes: int = Field(30, ge=1, le=1000, description="Held-out questions that champion and candidate both answer.")
    probes_at_once: int = Field(4, ge=1, le=64, description="Probes under way at once.")
    shares: tuple[float, ...] = Field(
        (0.05, 0.25, 0.5), max_length=10, description="Shares of the traffic that the candidate answers, rising."
    )
    settle_seconds: float = Field(
        3.0, ge=0, le=600, description="Shortest time at a share; without any traffic in it, the probes decide."
    )
    canary_seconds: float = Field(
        60.0, ge=0, le=86_400, description="Longest time at a share; with too little traffic by then, probes decide."
    )
    least_requests: int = Field(
        30, ge=10, le=1_000_000, description="Answers of the candidate from which on the traffic alone decides."
    )
    confidence: float = Field(0.95, ge=0.8, le=0.999, description="Of each comparison, one-sided.")
    more_errors: float = Field(
        0.1, gt=0, lt=1, description="The share of failed or empty answers may be higher than the champion's by it."
    )
    first_token_seconds: float = Field(1.5, gt=0, le=600, description="A first token within it is in time.")
    token_gap_seconds: float = Field(0.3, gt=0, le=60, description="A token that follows within it is in time.")
    slower: float = Field(
        1.5, ge=1, le=100, description="In time is, too, what is not slower than the champion's slowest tenth by this."
    )
    late_share: float = Field(0.2, gt=0, lt=1, description="Of the candidate's tokens, that may be late.")
    worse_chrf: float = Field(
        5.0, ge=0, le=100, description="chrF points by which its answers may agree less with the references."
    )
    despite_budget: bool = Field(False, description="Roll out although the error budget is used up: the repair.")
    grace_seconds: float = Field(
        3.0, ge=0, le=600, description="A model that leaves stays loaded for so long: gateways read who serves in turn."
    )

    @field_validator("shares")
    @classmethod
    def _rises(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted(set(shares)) or not all(0 < share < 1 for share in shares):
            raise ValueError("shares rise, each above 0 and below 1")
        return shares

    def model_post_init(self, _: Any) -> None:
        """ValueError where the shortest time at a share is above the longest one."""
        if self.settle_seconds > self.canary_seconds:
            raise ValueError("settle_seconds is at most canary_seconds")
