"""Whose approval is waited for: of a charter before any work, of a model before it serves."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Approval(BaseModel):
    """Whether humans have to say yes, how many, and who."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    required: bool = Field(False, description="Wait for a human's approval in the web UI.")
    people: Literal[1, 2] = Field(1, description="Different people who have to approve; one rejection ends the run.")
    approvers: tuple[str, ...] = Field(
        (), description="Airflow's ids of the users who may approve; empty: whoever may trigger the DAG."
    )
    timeout_hours: float = Field(
        72.0, gt=0, le=2_160, description="Hours to wait for each person; nobody in time: the run fails."
    )

    @model_validator(mode="after")
    def _approvers_suffice(self) -> Self:
        if len(set(self.approvers)) < len(self.approvers) or "" in self.approvers:
            raise ValueError("approvers names somebody twice, or nobody")
        if self.approvers and len(self.approvers) < self.people:
            raise ValueError(f"{self.people} people have to approve, and approvers names {len(self.approvers)}")
        return self
