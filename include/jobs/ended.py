"""How a job ended: what its step did, or the error that it raised, as the bucket holds it."""

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.core import errors
from include.core.errors import GenaiError, JobFailedError, PermanentError


class Told(BaseModel):
    """A GenaiError in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    field: str
    value: SerializeAsAny[object]
    problem: str
    remedy: str

    @classmethod
    def of(cls, error: GenaiError) -> "Told":
        """An error; a value that JSON cannot hold becomes its text."""
        plain = isinstance(error.value, str | int | float | bool | list | dict | None)
        value = error.value if plain else str(error.value)
        return cls(
            kind=type(error).__name__, field=error.field, value=value, problem=error.problem, remedy=error.remedy
        )

    def restore(self) -> GenaiError:
        """The same error; of a kind that is not known here, a JobFailedError."""
        kind = getattr(errors, self.kind, JobFailedError)
        error: GenaiError = kind(self.field, self.value, self.problem, self.remedy)
        return error


class Ended(BaseModel):
    """The end of a job: an outcome or an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ref: ArtifactRef | None = None
    reused: bool = False
    reason: str = ""
    metrics: dict[str, object] = {}
    seconds: float = 0.0
    error: Told | None = None

    @classmethod
    def well(cls, outcome: Outcome) -> "Ended":
        """By an outcome."""
        return cls.model_validate(asdict(outcome) | {"ref": outcome.ref})

    @classmethod
    def badly(cls, error: GenaiError) -> "Ended":
        """By an error."""
        return cls(error=Told.of(error))

    @property
    def is_final(self) -> bool:
        """Whether doing it again would end the same way: an outcome, or an error that no retry mends."""
        return self.error is None or isinstance(self.error.restore(), PermanentError)

    def outcome(self) -> Outcome:
        """What the step did; raises the error where it failed."""
        if self.error:
            raise self.error.restore()
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
