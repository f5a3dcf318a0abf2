"""Where jobs run: what every back end does, and the one that the settings name."""

from typing import Protocol

from include.core.settings import settings
from include.jobs.book import Job


class BackEnd(Protocol):
    """Starts the process of a job somewhere, sees whether it is there, and ends it."""

    name: str

    def launch(self, job: Job, environment: dict[str, str]) -> None:
        """Start `python -m include.jobs.run_step <key> <start>`; `environment` has the object store's address and keys.

        PermanentError where it can never start there, TransientError where a retry may help.
        """

    def is_alive(self, job: Job) -> bool | None:
        """Whether the job's process is there; None where that cannot be told from here."""

    def stop(self, job: Job) -> None:
        """End the job's processes, all of them; a job that has ended does not matter."""

    def describe(self, job: Job) -> str:
        """Where the job is and what it waits for, in one line."""


def back_end() -> BackEnd:
    """The back end that GENAI_JOBS names; ConfigurationError where its settings are not complete."""
    if settings().jobs == "kubernetes":
        from include.jobs.kubernetes_jobs import KubernetesJobs

        return KubernetesJobs.configured(settings())
    from include.jobs.local_jobs import LocalJobs

    return LocalJobs()
