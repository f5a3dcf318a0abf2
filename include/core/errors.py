"""The project's errors: one tree, and one message shape.

GenaiError
├── PermanentError            a retry cannot succeed: the Airflow task fails at once
│   ├── ConfigurationError    a use case, setting or parameter is wrong
│   ├── SourceError           a data source is missing, empty or unreadable
│   ├── StoreAccessError      the object store refuses the keys or has no such bucket
│   ├── CorruptedArtifactError  bytes in the store differ from their manifest
│   ├── ArtifactNotFoundError   no manifest: the artifact was never committed
│   ├── ModelError            a model cannot be loaded, trained or exported
│   ├── RewardError           a reward function raises, or gives no finite number
│   ├── GateError             a model or dataset did not pass its gate
│   ├── DiskFullError         no room for what is about to be written
│   └── PrerequisiteError     a tool, port or machine resource is missing
└── TransientError            worth a retry
    ├── StoreUnavailableError the object store does not answer
    ├── ServerUnavailableError  Triton or Airflow does not answer
    ├── ChangedMeanwhileError   code or a source changed under a running step
    └── JobFailedError        a distributed job died; it resumes from its last checkpoint
"""


class GenaiError(Exception):
    """An error that names the field, its value, what is wrong and the remedy."""

    def __init__(self, field: str, value: object, problem: str, remedy: str) -> None:
        self.field, self.value, self.problem, self.remedy = field, value, problem, remedy
        super().__init__(f"{field} = {value!r}: {problem}. {remedy}")

    def __reduce__(self) -> tuple[type["GenaiError"], tuple[str, object, str, str]]:
        return type(self), (self.field, self.value, self.problem, self.remedy)


class PermanentError(GenaiError):
    """A retry cannot succeed."""


class ConfigurationError(PermanentError):
    """A use case, setting or parameter is wrong."""


class SourceError(PermanentError):
    """A data source is missing, empty or unreadable."""


class StoreAccessError(PermanentError):
    """The object store refuses the keys or has no such bucket."""


class CorruptedArtifactError(PermanentError):
    """Bytes in the store differ from what their manifest says."""


class ArtifactNotFoundError(PermanentError):
    """There is no manifest: the artifact was never committed."""


class ModelError(PermanentError):
    """A model cannot be loaded, trained or exported."""


class RewardError(PermanentError):
    """A reward function raises, or what it gives is no finite number."""


class GateError(PermanentError):
    """A model or dataset did not pass its gate."""


class DiskFullError(PermanentError):
    """There is no room for what is about to be written."""


class PrerequisiteError(PermanentError):
    """A tool, a port or a resource of the machine is missing."""


class TransientError(GenaiError):
    """A retry may succeed."""


class StoreUnavailableError(TransientError):
    """The object store does not answer."""


class ServerUnavailableError(TransientError):
    """Triton or Airflow does not answer."""


class ChangedMeanwhileError(TransientError):
    """What decides a step's result changed while it ran; the next try takes it as it is then."""


class JobFailedError(TransientError):
    """A distributed job died; the next try resumes from its last checkpoint."""
