"""Values of Airflow's official Helm chart: every task in a pod of its own, keys by the names of Secrets that exist.

The image is the workflow's with the DAGs in it: a task and the job that it starts have to be of one commit
(docs/adr/0023), which a git-sync beside the image would not keep. It is not Airflow's own image, so what the chart
calls in that one by path (/entrypoint in probes, /clean-logs) is replaced or off.
"""

import json
from dataclasses import dataclass
from typing import Any

from include.inferencing.scaling.pods import SECURITY, USER, Cluster, Manifest
from include.platform.kubernetes.task_pod import CONNECTIONS, CONTAINER, hidden, pod_template, told

# the chart that these values were checked against; its values.schema.json is in the chart
CHART = "1.22.0"
HOME = "/opt/airflow"
LOGS_CONNECTION = "genai_logs"
PROJECT = "/opt/genai"


@dataclass(frozen=True)
class Airflow:
    """One release of the chart. `version` is Airflow's; `environment`: GENAI_* variables without keys; `secrets`: the
    Secrets of database, keys, pages and tasks; `slots` of the pool that training takes its devices from."""

    cluster: Cluster
    version: str
    environment: dict[str, str]
    secrets: dict[str, str]
    logs: str
    slots: int
    url: str = ""
    lineage: str = ""
    task_cpu: str = "1"
    task_memory: str = "8Gi"
    task_scratch: str = "50Gi"


def airflow_values(release: Airflow) -> Manifest:
    """The values, as one document."""
    repository, tag = _image(release.cluster.image)
    keys = release.secrets["keys"]
    return {
        "executor": "KubernetesExecutor",
        "airflowVersion": release.version,
        "images": {"airflow": {"repository": repository, **tag, "pullPolicy": "IfNotPresent"}},
        "uid": USER,
        "gid": USER,
        "airflowHome": HOME,
        "enableServiceLinks": False,
        "securityContexts": {"pod": SECURITY, "containers": CONTAINER},
        "networkPolicies": {"enabled": False},
        "allowPodLaunching": True,
        "env": told(release.environment),
        "data": {"metadataSecretName": release.secrets["database"]},
        "fernetKeySecretName": keys,
        "apiSecretKeySecretName": keys,
        "jwtSecretName": keys,
        "config": _config(release),
        "podTemplate": pod_template(release),
        **_components(release),
        **{name: {"enabled": False} for name in ("createUserJob", "statsd", "redis", "postgresql")},
    }


def _config(release: Airflow) -> dict[str, dict[str, str]]:
    """airflow.cfg; the chart's own entries stay where none of these replaces them."""
    lineage = json.dumps({"type": "http", "url": release.lineage, "timeout": 3})
    return {
        "core": {
            "dags_folder": f"{PROJECT}/dags",
            "plugins_folder": f"{PROJECT}/plugins",
            "load_examples": "False",
        },
        "logging": {
            "remote_logging": "True",
            "remote_base_log_folder": release.logs,
            "remote_log_conn_id": LOGS_CONNECTION,
            "delete_local_logs": "True",
        },
        "kubernetes_executor": {
            # the pod template names the image, by its digest too
            "worker_container_repository": "",
            "worker_container_tag": "",
            "delete_worker_pods": "True",
            # one that failed stays to be looked at, until the clean-up takes it
            "delete_worker_pods_on_failure": "False",
            "worker_pods_creation_batch_size": "8",
        },
        # a new image may take minutes to arrive on a node
        "scheduler": {"task_queued_timeout": "1800"},
        "openlineage": {"transport": lineage, "namespace": "genai"} if release.lineage else {"disabled": "True"},
    } | ({"api": {"base_url": release.url}} if release.url else {})


def _components(release: Airflow) -> Manifest:
    """Airflow's programs; those that read the object store get its connection, and a user of it that suits them."""
    unused = {"logGroomerSidecar": {"enabled": False}}
    reads = hidden(CONNECTIONS, release.secrets["pages"])
    return {
        "workers": {"kubernetes": {"serviceAccount": {"create": False}}},
        "scheduler": {
            **_program("2", "2Gi"),
            **unused,
            **_probed("SchedulerJob", startup=True),
            # one more than the node that a drain takes
            "replicas": 2,
            "podDisruptionBudget": {"enabled": True},
        },
        "apiServer": {
            **_program("1", "3Gi", token=True),
            "replicas": 2,
            "podDisruptionBudget": {"enabled": True},
            "env": reads,
            "startupProbe": {"failureThreshold": 30},
        },
        "dagProcessor": {**_program("1", "3Gi", token=False), **unused, **_probed("DagProcessorJob")},
        "triggerer": {
            **_program("500m", "1Gi", token=False),
            **unused,
            **_probed("TriggererJob"),
            "persistence": {"enabled": False},
        },
        "migrateDatabaseJob": {
            "args": ["bash", "-ec", _migrate(release.slots)],
            "serviceAccount": {"automountServiceAccountToken": False},
            "resources": _size("500m", "1Gi"),
        },
        # pods of failed tasks go after a while
        "cleanup": {"enabled": True, "schedule": "17 * * * *", "resources": _size("200m", "1Gi")},
    }


def _program(cpu: str, memory: str, token: bool | None = None) -> Manifest:
    waits = {"waitForMigrations": {"enabled": True}}
    account = {} if token is None else {"serviceAccount": {"automountServiceAccountToken": token}}
    return {"resources": _size(cpu, memory), **waits, **account}


def _probed(job: str, startup: bool = False) -> Manifest:
    probe = {"command": ["airflow", "jobs", "check", "--job-type", job, "--local"], "timeoutSeconds": 30}
    return {"livenessProbe": probe} | ({"startupProbe": probe | {"failureThreshold": 30}} if startup else {})


def _migrate(slots: int) -> str:
    said = "devices: a training job takes all of its ranks at once"
    return f'airflow db migrate && airflow pools set accelerator {slots} "{said}"'


def _size(cpu: str, memory: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def _image(image: str) -> tuple[str, dict[str, str]]:
    """Repository, and tag or digest."""
    name, _, digest = image.partition("@")
    folder, _, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    whole = f"{folder}/{repository}" if folder else repository
    return whole, {"digest": digest} if digest else {"tag": tag}
