"""The pod of one Airflow task: what a task needs, and none of Airflow's own keys.

A task talks to Airflow by its API with a token of its own, so the chart's template, which gives every pod the
database's address and the keys of tokens and connections, is replaced by this one.
"""

from typing import TYPE_CHECKING, Any

import yaml

from include.inferencing.scaling.pods import SECURITY, Manifest
from include.platform.kubernetes.accounts import TASKS
from include.platform.kubernetes.network import WORKER

if TYPE_CHECKING:
    from include.platform.kubernetes.airflow_values import Airflow

CONTAINER: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
# variable -> key of the tasks' Secret; those of OUTSIDE where a language model outside is named
CONNECTIONS = {"AIRFLOW_CONN_GENAI_STORE": "store_connection", "AIRFLOW_CONN_GENAI_LOGS": "logs_connection"}
KEYS = CONNECTIONS | {"GENAI_PSEUDONYM_KEY": "pseudonym_key"}
OUTSIDE = {
    "GENAI_TEXT_API_KEY": ("GENAI_TEXT_ENDPOINT", "text_api_key"),
    "GENAI_JUDGE_API_KEY": ("GENAI_JUDGE_ENDPOINT", "judge_api_key"),
}
# where its address is told; a server may ask for a password, a token or neither
TRACKING = {"GENAI_MLFLOW_PASSWORD": "mlflow_password", "GENAI_MLFLOW_TOKEN": "mlflow_token"}
GRACE_SECONDS = 120
MOUNTS = {"scratch": "/scratch", "tmp": "/tmp", "logs": "/opt/airflow/logs", "shared-memory": "/dev/shm"}  # noqa: S108


def pod_template(release: "Airflow") -> str:
    """The pod as text; what stands in double braces is filled in by the chart."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "task",
            "labels": WORKER | {"release": "{{ .Release.Name }}"},
            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
        },
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": TASKS,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": SECURITY,
            "containers": [_container(release)],
            "volumes": [
                {"name": "scratch", "emptyDir": {"sizeLimit": release.task_scratch}},
                {"name": "tmp", "emptyDir": {"sizeLimit": "4Gi"}},
                {"name": "logs", "emptyDir": {}},
                {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                {"name": "config", "configMap": {"name": '{{ include "airflow_config" . }}'}},
            ],
        },
    }
    return yaml.safe_dump(pod, sort_keys=False)


def _container(release: "Airflow") -> Manifest:
    keys = KEYS | {name: key for name, (where, key) in OUTSIDE.items() if where in release.environment}
    tracking = TRACKING if "GENAI_MLFLOW_URL" in release.environment else {}
    size = {"cpu": release.task_cpu, "memory": release.task_memory}
    return {
        "name": "base",
        "image": release.cluster.image,
        "env": [
            *told({"AIRFLOW_HOME": "/opt/airflow", "GENAI_STATE_FOLDER": "/scratch", "HOME": "/scratch"}),
            *told(release.environment),
            *hidden(keys, release.secrets["tasks"]),
            *hidden(tracking, release.secrets["tasks"], optional=True),
        ],
        "resources": {"requests": size, "limits": {"memory": release.task_memory}},
        "securityContext": CONTAINER,
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, path in MOUNTS.items()),
            {"name": "config", "mountPath": "/opt/airflow/airflow.cfg", "subPath": "airflow.cfg", "readOnly": True},
        ],
    }


def told(values: dict[str, str]) -> list[Manifest]:
    """Variables with their values."""
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def hidden(keys: dict[str, str], secret: str, optional: bool = False) -> list[Manifest]:
    """Variables whose values stay in a Secret; a pod starts without those that are optional."""
    more = {"optional": True} if optional else {}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key} | more}} for name, key in keys.items()
    ]
