"""The files of a made-up cluster, and what tests ask of them."""

from functools import cache
from typing import Any, Literal

import yaml

from include.artifacts.history import Place, now
from include.core.settings import Settings
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.pods import PROGRAMS, Cluster
from include.jobs.book import Job
from include.jobs.kubernetes_manifest import job_manifest
from include.jobs.request import JobRequest
from include.platform.kubernetes.admin import ADMIN
from include.platform.kubernetes.airflow_values import Airflow
from include.platform.kubernetes.files import ADMIN_POD, VALUES, files
from include.platform.kubernetes.network import Outside

Document = dict[str, Any]

CLUSTER = Cluster(
    namespace="genai",
    image="registry/genai:1",
    triton_image="registry/triton:1",
    secrets={name: f"store-{name}" for name in (*PROGRAMS, ADMIN)},
    model_repository="inferencing/repository",
    region="us-east-1",
    environment={"GENAI_S3_ENDPOINT": "minio.storage.svc:9000", "GENAI_S3_BUCKET": "genai", "GENAI_S3_SECURE": "false"},
    deadline_seconds=60,
    gpus=1,
    node_selector={"pool": "gpu"},
)
RELEASE = Airflow(
    cluster=CLUSTER,
    version="3.3.2",
    environment=CLUSTER.environment
    | {
        "GENAI_JOBS": "kubernetes",
        "GENAI_TEXT_ENDPOINT": "https://llm.example/v1",
        "GENAI_MLFLOW_URL": "http://mlflow.tracking.svc:5000",
    },
    secrets={name: f"airflow-{name}" for name in ("database", "keys", "pages", "tasks")},
    logs="s3://genai/airflow-logs",
    slots=16,
    url="https://airflow.example",
)
BOUNDS = Bounds(floor=2, ceiling=10, instances=1, price=2.0, cost=12.0)
TRAINING = Settings.model_validate(
    {
        "jobs": "kubernetes",
        "kubernetes_image": "registry/genai:1",
        "kubernetes_secret": "store-jobs",
        "kubernetes_service_account": "genai-training",
        "kubernetes_nodes": 2,
        "kubernetes_node_selector": "pool=gpu",
    }
)


def found(scaled_by: Literal["keda", "hpa"] = "keda") -> dict[str, list[Document]]:
    """Path -> documents."""
    return files(CLUSTER, BOUNDS, RELEASE, scaled_by, Outside())


@cache
def manifests() -> list[Document]:
    """All that kubectl applies."""
    return [one for name, documents in found().items() if name not in (VALUES, ADMIN_POD) for one in documents]


def values() -> Document:
    """What Helm reads."""
    return found()[VALUES][0]


def task_pod() -> Document:
    """The pod of a task, with the chart's two names filled in."""
    text = values()["podTemplate"]
    for braces, name in {
        "{{ .Release.Name }}": "airflow",
        '{{ include "airflow_config" . }}': "airflow-config",
    }.items():
        text = text.replace(braces, name)
    return dict(yaml.safe_load(text))


def admin_pod() -> Document:
    """The pod of an administrator's commands."""
    return found()[ADMIN_POD][0]


def training_job() -> Document:
    """The Job that a task starts."""
    place = Place(use_case="a", run_id="manual", as_of=now(), task="training.pretrain")
    asked = JobRequest(step="training.pretrain", name="pretrain", fingerprint="ab" * 32, arguments={}, place=place)
    keys = {"GENAI_S3_ACCESS_KEY": "who", "GENAI_S3_SECRET_KEY": "hidden"}
    return job_manifest(Job(start=1, back_end="kubernetes", request=asked), keys, TRAINING)


@cache
def pods() -> dict[str, Document]:
    """Name -> specification of every pod there is, Airflow's own programs left out."""
    deployed = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"
    }
    job = training_job()["spec"]["template"]["spec"]
    return deployed | {"task": task_pod()["spec"], "job": job, "admin": admin_pod()["spec"]}


@cache
def labels_of() -> dict[str, dict[str, str]]:
    """Name -> labels of every pod, those of the chart's programs as its templates write them."""
    deployed = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in manifests()
        if one["kind"] == "Deployment"
    }
    programs = ("scheduler", "api-server", "dag-processor", "triggerer", "run-airflow-migrations")
    chart = (*programs, "airflow-cleanup-pods")
    airflow = {name: {"tier": "airflow", "component": name, "release": "airflow"} for name in chart}
    job = training_job()["spec"]["template"]["metadata"]["labels"]
    single = {"task": task_pod(), "admin": admin_pod()}
    return deployed | airflow | {"job": job} | {name: one["metadata"]["labels"] for name, one in single.items()}
