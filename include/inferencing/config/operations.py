"""What operations watches, and when it speaks up."""

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ProbeConfig(_Part):
    """The question that every named model answers on every live server."""

    question: str = Field("What does the Python function len do?", min_length=1, description="What is asked.")
    max_tokens: int = Field(4, ge=1, le=64, description="Longest answer, in tokens.")
    answer_seconds: float = Field(20.0, gt=0, le=600, description="Deadline of the answer.")
    load_seconds: float = Field(120.0, gt=0, le=3600, description="Time that loading a model again may take.")


class BudgetConfig(_Part):
    """Service level objectives, over 30 days; what is below them is an error budget that may be spent."""

    answered: float = Field(0.995, ge=0.5, le=0.99999, description="Share of the requests that are answered.")
    in_time: float = Field(0.95, ge=0.5, le=0.9999, description="Share of the answers within the declared latency.")
    latency_seconds: float | None = Field(
        None, ge=0.001, le=3_600, description="Declared latency; null: inferencing.scaling's, else the charter's."
    )
    least_requests: int = Field(
        30, ge=1, le=1_000_000, description="With fewer in its longer window, a burn rate raises no alert."
    )
    freeze: bool = Field(True, description="A used-up budget blocks new rollouts, never rolling back.")


class DriftConfig(_Part):
    """How unlike the training data questions may be before it is called drift: in size, and beyond chance."""

    days: float = Field(7.0, gt=0, le=90, description="Sampled exchanges of so many days are looked at.")
    least: int = Field(50, ge=20, le=100_000, description="With fewer questions nothing is told of them.")
    most: int = Field(1_000, ge=50, le=20_000, description="More are thinned out evenly, on both sides.")
    chance: float = Field(0.01, gt=0, le=0.2, description="False alarms of all tests of a look together, at most.")
    stability: float = Field(0.25, gt=0, le=10, description="Population stability index of lengths that is drift.")
    divergence: float = Field(
        0.1, gt=0, le=1, description="Jensen-Shannon divergence (bits) of words, beyond that of chance, that is drift."
    )
    auc: float = Field(
        0.7, gt=0.5, le=1, description="A classifier that tells users' questions from trained ones this well is drift."
    )
    worse: float = Field(0.1, gt=0, le=1, description="Rise of the share of bad answers, over a week, that is drift.")


class OperationsConfig(_Part):
    """Probes, error budget, drift and the weekly page."""

    schedule: str | None = Field("*/15 * * * *", description="Cron expression (UTC) of looks; null: by hand.")
    probe: ProbeConfig = Field(default_factory=ProbeConfig, description="Whether every model answers.")
    budget: BudgetConfig = Field(default_factory=BudgetConfig, description="Objectives, and what a burnt budget stops.")
    drift: DriftConfig = Field(default_factory=DriftConfig, description="Inputs and quality against training.")

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None and not (croniter.is_valid(value) and len(value.split()) == 5):
            raise ValueError("not a cron expression of five fields")
        return value
