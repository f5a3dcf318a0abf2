"""A job as Kubernetes sees it: an Indexed Job of one pod a node; the pods of one job meet in the bucket.

Pods run as nobody in particular: no root, no token of the cluster, no writable image. They get the object store's keys
from a Secret, by reference alone.
"""

from typing import Any

from include.core.settings import Settings
from include.jobs.book import Job

SECRET_KEYS = {"GENAI_S3_ACCESS_KEY": "access_key", "GENAI_S3_SECRET_KEY": "secret_key"}
GPU = "nvidia.com/gpu"
# of all pods of jobs
LABELS = {"app.kubernetes.io/name": "genai-workflow"}
SCRATCH = "/scratch"
# the image's (Dockerfile)
USER = 1000
# the job's last words, and the end of its ranks
GRACE_SECONDS = 30
KEPT_SECONDS = 24 * 3600


def job_name(job: Job) -> str:
    """Name of a start's Job."""
    return f"genai-{job.name}"


def job_manifest(job: Job, environment: dict[str, str], settings: Settings) -> dict[str, Any]:
    """The Job. `environment` is what the pods get beside the settings; the keys in it are left to the Secret."""
    name = job_name(job)
    labels = LABELS | {"genai-workflow/job": job.request.key}
    notes = {"genai-workflow/step": job.request.name, "genai-workflow/task": job.request.place.key}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "annotations": notes},
        "spec": {
            "completionMode": "Indexed",
            "completions": settings.kubernetes_nodes,
            "parallelism": settings.kubernetes_nodes,
            # Airflow retries, and knows why
            "backoffLimit": 0,
            "activeDeadlineSeconds": round(settings.kubernetes_hours * 3600),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(job, environment, settings)},
        },
    }


def _pod(job: Job, environment: dict[str, str], settings: Settings) -> dict[str, Any]:
    who = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
    shared = {"medium": "Memory", "sizeLimit": settings.kubernetes_shared_memory}
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": who | {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(job, environment, settings)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": settings.kubernetes_scratch}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "shared-memory", "emptyDir": shared},
        ],
    }
    if settings.kubernetes_gpus:
        pod["tolerations"] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    if settings.kubernetes_service_account:
        pod["serviceAccountName"] = settings.kubernetes_service_account
    if settings.kubernetes_node_selector:
        pairs = (pair.partition("=") for pair in settings.kubernetes_node_selector.split(","))
        pod["nodeSelector"] = {key: value for key, _, value in pairs}
    return pod


def _container(job: Job, environment: dict[str, str], settings: Settings) -> dict[str, Any]:
    size = {"cpu": settings.kubernetes_cpu, "memory": settings.kubernetes_memory}
    gpus = {GPU: str(settings.kubernetes_gpus)} if settings.kubernetes_gpus else {}
    return {
        "name": "step",
        "image": settings.kubernetes_image,
        "command": ["python", "-m", "include.jobs.run_step", job.request.key, str(job.start)],
        "env": _variables(environment, settings),
        "resources": {"requests": size, "limits": size | gpus},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 a volume of the pod's own
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 the same
        ],
    }


def _variables(environment: dict[str, str], settings: Settings) -> list[dict[str, Any]]:
    values = {name: value for name, value in environment.items() if name not in SECRET_KEYS} | {
        "GENAI_STATE_FOLDER": SCRATCH,
        "GENAI_TRAINING_RANKS": str(settings.kubernetes_gpus or settings.training_ranks),
        "GENAI_RANK_THREADS": str(settings.rank_threads),
        "GENAI_KUBERNETES_NODES": str(settings.kubernetes_nodes),
        "GENAI_JOB_PATIENCE_MINUTES": str(settings.job_patience_minutes),
        "HF_HUB_OFFLINE": "1",
        "HOME": SCRATCH,
    }
    secret = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": settings.kubernetes_secret, "key": key}}}
        for name, key in SECRET_KEYS.items()
    ]
    own = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    return [{"name": name, "value": value} for name, value in values.items()] + secret + own
