"""The namespace, an account for each program, and the only rights that any of them has: a task's, to start jobs."""

from typing import Any

from include.inferencing.scaling.pods import PROGRAMS, Cluster, Manifest
from include.platform.kubernetes.admin import ADMIN

TASKS, TRAINING = "genai-tasks", "genai-training"
PART_OF = {"app.kubernetes.io/part-of": "genai-workflow"}


def namespace(cluster: Cluster) -> Manifest:
    """The namespace; Kubernetes refuses a pod there that is root, privileged or reaches into its node."""
    modes = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace, "labels": PART_OF | modes}}


def accounts(cluster: Cluster) -> list[Manifest]:
    """Service accounts. All but the tasks' have no right and get no token."""
    return [_account(cluster, name, token=name == TASKS) for name in (*PROGRAMS, ADMIN, TRAINING, TASKS)]


def rights(cluster: Cluster) -> list[Manifest]:
    """What include/jobs/kubernetes_jobs.py calls, and no more: no Secret is read, no pod started or entered."""
    rules = [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]
    group = "rbac.authorization.k8s.io"
    role = _named(cluster, f"{group}/v1", "Role", TASKS) | {"rules": rules}
    binding = _named(cluster, f"{group}/v1", "RoleBinding", TASKS) | {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": TASKS},
        "subjects": [{"kind": "ServiceAccount", "name": TASKS, "namespace": cluster.namespace}],
    }
    return [role, binding]


def _account(cluster: Cluster, name: str, token: bool) -> Manifest:
    return _named(cluster, "v1", "ServiceAccount", name) | {"automountServiceAccountToken": token}


def _named(cluster: Cluster, version: str, kind: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "namespace": cluster.namespace, "labels": PART_OF},
    }
