"""What serving may grow to, and what it is held to."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ScalingConfig(BaseModel):
    """Bounds of servers and instances, and the declared latency.

    A fleet of servers is shared by all use cases: the widest floor, ceiling and window of theirs hold for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target_share: float = Field(0.95, ge=0.5, le=0.9999, description="Of the answers, that come within their time.")
    latency_seconds: float | None = Field(
        None, ge=0.001, le=3_600, description="A whole answer within this time; null: the charter's latency_seconds."
    )
    first_token_seconds: float | None = Field(
        None, ge=0.001, le=3_600, description="Its first token within this time; null: the charter's, if it has one."
    )
    floor: int = Field(1, ge=1, le=1_000, description="Servers that always run.")
    ceiling: int = Field(8, ge=1, le=1_000, description="Servers at most; the local stack has GENAI_TRITON_SERVERS.")
    instances_ceiling: int = Field(2, ge=1, le=64, description="Instances of a model in one server, at most.")
    server_hour_price: float | None = Field(
        None, ge=0, le=10**9, description="Price of a server for an hour; null: a replica's in the charter's plan."
    )
    cost_ceiling: float | None = Field(
        None, gt=0, le=10**9, description="Price of all servers for an hour, at most; null: no limit."
    )
    stabilization_seconds: float = Field(
        300.0, ge=0, le=86_400, description="Servers leave only when none was needed for so long."
    )
    boot_seconds: float = Field(20.0, gt=0, le=3_600, description="From the wish for a server to its first answer.")
    step_seconds: float = Field(
        0.0104, gt=0, le=60, description="Time of a token for no stream, until traffic tells; plus, for each stream:"
    )
    stream_seconds: float = Field(
        0.00136, ge=0, le=60, description="What one more stream adds to the time of a token, until traffic tells."
    )
    prompt_seconds: float = Field(0.05, ge=0, le=600, description="Time of reading a prompt, until traffic tells.")

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        if self.ceiling < self.floor:
            raise ValueError(f"ceiling {self.ceiling} is below floor {self.floor}: raise the one or lower the other")
        return self
