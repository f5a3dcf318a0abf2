"""Jobs on a Kubernetes cluster, by its API: GENAI_JOBS=kubernetes.

Whoever submits needs the rights to create, get and delete jobs and to list pods in the namespace; the cluster is found
as kubectl finds it, or from inside a pod by its service account.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import Settings
from include.jobs.book import Job
from include.jobs.kubernetes_manifest import job_manifest, job_name

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

SECONDS = 15
NOT_FOUND, CONFLICT = 404, 409
REMEDIES = {
    401: "Correct the credentials of the cluster",
    403: "Let Airflow's service account create, get and delete jobs and list pods there",
    404: "Create the namespace, or correct GENAI_KUBERNETES_NAMESPACE",
    422: "Correct the GENAI_KUBERNETES_* setting that it names",
}


class KubernetesJobs:
    """Starts jobs in one namespace of a cluster."""

    name = "kubernetes"

    def __init__(self, settings: Settings, api: "ApiClient") -> None:
        from kubernetes.client import BatchV1Api, CoreV1Api

        self.settings, self.namespace = settings, settings.kubernetes_namespace
        self.jobs: Any = BatchV1Api(api)
        self.core: Any = CoreV1Api(api)

    @classmethod
    def configured(cls, settings: Settings) -> "KubernetesJobs":
        """On the cluster that this process can reach; ConfigurationError where a setting or the cluster is missing."""
        from kubernetes import client, config

        for name in ("kubernetes_image", "kubernetes_secret"):
            if not getattr(settings, name):
                field = f"GENAI_{name.upper()}"
                raise ConfigurationError(field, "", "GENAI_JOBS=kubernetes needs it", f"Set {field}")
        try:
            # by name: the client has read the variable when it was imported
            named = {"config_file": path} if (path := os.environ.get("KUBECONFIG")) else {}
            config.load_config(**named)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise ConfigurationError(
                "KUBECONFIG", "", f"no cluster is known: {error}", "Set it, or run Airflow in the cluster"
            ) from error
        return cls(settings, client.ApiClient())

    def launch(self, job: Job, environment: dict[str, str]) -> None:
        """Create the Job; one that is there already is this very start's."""
        with self._errors(job):
            try:
                manifest = job_manifest(job, environment, self.settings)
                self.jobs.create_namespaced_job(self.namespace, manifest, _request_timeout=SECONDS)
            except _api_error() as error:
                if error.status != CONFLICT:
                    raise

    def is_alive(self, job: Job) -> bool | None:
        """Whether its Job has not finished; None where there is none and none was ever seen to run."""
        found = self._read(job)
        if found is None:
            return False if job.runner else None
        return not any(one.type in ("Complete", "Failed") and one.status == "True" for one in _conditions(found))

    def stop(self, job: Job) -> None:
        """Delete the Job with its pods."""
        with self._errors(job):
            try:
                self.jobs.delete_namespaced_job(
                    job_name(job), self.namespace, propagation_policy="Foreground", _request_timeout=SECONDS
                )
            except _api_error() as error:
                if error.status != NOT_FOUND:
                    raise

    def describe(self, job: Job) -> str:
        """Its Job's name, and what keeps it from running or has ended it."""
        found = self._read(job)
        if found is None:
            return f"{job_name(job)} is not there"
        told = [f"{one.reason}: {one.message}" for one in _conditions(found) if one.status == "True" and one.reason]
        with self._errors(job):
            selector = f"batch.kubernetes.io/job-name={job_name(job)}"
            pods = self.core.list_namespaced_pod(self.namespace, label_selector=selector, _request_timeout=SECONDS)
        told += [f"{pod.metadata.name} {_state(pod)}" for pod in pods.items]
        return f"{job_name(job)} in {self.namespace}: {'; '.join(told) or 'no pod yet'}"

    def _read(self, job: Job) -> Any:
        with self._errors(job):
            try:
                return self.jobs.read_namespaced_job(job_name(job), self.namespace, _request_timeout=SECONDS)
            except _api_error() as error:
                if error.status != NOT_FOUND:
                    raise
                return None

    @contextmanager
    def _errors(self, job: Job) -> Iterator[None]:
        """The API's errors as this project's."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        where = f"{self.namespace}/{job_name(job)}"
        try:
            yield
        except ApiException as error:
            said = f"the cluster answers {error.status} {error.reason}: {_message(error)}"
            if error.status in REMEDIES:
                raise ConfigurationError("kubernetes", where, said, REMEDIES[error.status]) from error
            raise ServerUnavailableError("kubernetes", where, said, "Try again") from error
        except HTTPError as error:
            raise ServerUnavailableError("kubernetes", where, f"no answer: {error}", "Look at the cluster") from error


def _api_error() -> Any:
    from kubernetes.client import ApiException

    return ApiException


def _message(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body)[:300]


def _conditions(found: Any) -> list[Any]:
    return (found.status and found.status.conditions) or []


def _state(pod: Any) -> str:
    """A pod's phase, and what it waits for or died of."""
    status, told = pod.status, []
    for container in status.container_statuses or []:
        waiting, ended = container.state and container.state.waiting, container.state and container.state.terminated
        if waiting:
            told.append(f"{waiting.reason} {waiting.message or ''}".strip())
        elif ended and ended.exit_code:
            told.append(f"{ended.reason or 'Error'}, status {ended.exit_code}")
    told += [one.message for one in status.conditions or [] if one.type == "PodScheduled" and one.status == "False"]
    return f"{status.phase} ({', '.join(filter(None, told))})" if any(told) else str(status.phase)
