"""How a job ended: what its step did, or the error that it raised, as the bucket holds it."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.core.errors import GenaiError, JobFailedError, PermanentError
from include.distributed.messages import error_of, told_error


class Ended(BaseModel):
    """The end of a job: an outcome or an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ref: ArtifactRef | None = None
    reused: bool = False
    reason: str = ""
    metrics: dict[str, object] = {}
    seconds: float = 0.0
    error: dict[str, Any] | None = None

    @classmethod
    def well(cls, outcome: Outcome) -> "Ended":
        """By an outcome."""
        return cls.model_validate(asdict(outcome) | {"ref": outcome.ref})

    @classmethod
    def badly(cls, error: GenaiError) -> "Ended":
        """By an error."""
        return cls(error=told_error(error))

    @property
    def is_final(self) -> bool:
        """Whether doing it again would end the same way: an outcome, or an error that no retry mends."""
        return self.error is None or isinstance(error_of(self.error), PermanentError)

    def outcome(self) -> Outcome:
        """What the step did; raises the error where it failed."""
        if self.error:
            raise error_of(self.error)
        assert self.ref is not None
        return Outcome(self.ref, self.reused, self.reason, self.metrics, self.seconds)


def read_ended(data: bytes) -> Ended:
    """The end that a job, or who found it dead, wrote; a damaged one counts as a death."""
    try:
        return Ended.model_validate_json(data)
    except ValidationError:
        return Ended.badly(died("its outcome cannot be read"))


def died(how: str) -> JobFailedError:
    """The error of a job that left no word of its own."""
    return JobFailedError("job", how, "the job ended before its step did", "Run the step again: what it saved counts")
