"""Fields of values.schema.json in Airflow's Helm chart 1.22.0 that the generated values use, with their types.

The chart lies in no package registry, and its schema has 800 kB: what is used of it is declared here, as it was read
there. Helm itself holds the values to the whole of it when they are installed.
"""

from typing import Any

SIZES = {"cpu": str, "memory": str}
RESOURCES = {"requests": SIZES, "limits": SIZES}
POD = {
    "runAsNonRoot": bool,
    "runAsUser": int,
    "runAsGroup": int,
    "fsGroup": int,
    "seccompProfile": {"type": str},
}
CONTAINER = {"allowPrivilegeEscalation": bool, "capabilities": {"drop": [str]}}
# what may be said of a variable, as the chart's template container_extra_envs writes it
ENV = [{"name": str, "value": str, "valueFrom": {"secretKeyRef": {"name": str, "key": str}}}]
PROBE = {"command": [str], "timeoutSeconds": int, "failureThreshold": int}
ACCOUNT = {"automountServiceAccountToken": bool, "create": bool}
SWITCH = {"enabled": bool}
COMMON: dict[str, Any] = {"resources": RESOURCES, "waitForMigrations": SWITCH, "serviceAccount": ACCOUNT}
PROGRAM = COMMON | {"logGroomerSidecar": SWITCH, "livenessProbe": PROBE}
SEVERAL = {"replicas": int, "podDisruptionBudget": SWITCH}
SECTIONS = ("core", "logging", "kubernetes_executor", "scheduler", "openlineage", "api")
VALUES: dict[str, Any] = {
    "executor": str,
    "airflowVersion": str,
    "images": {"airflow": {"repository": str, "tag": str, "digest": str, "pullPolicy": str}},
    "uid": int,
    "gid": int,
    "airflowHome": str,
    "enableServiceLinks": bool,
    "securityContexts": {"pod": POD, "containers": CONTAINER},
    "networkPolicies": SWITCH,
    "allowPodLaunching": bool,
    "env": [{"name": str, "value": str}],
    "data": {"metadataSecretName": str},
    "fernetKeySecretName": str,
    "apiSecretKeySecretName": str,
    "jwtSecretName": str,
    # of any section, whose options are texts
    "config": {name: {"*": str} for name in SECTIONS},
    "podTemplate": str,
    "workers": {"kubernetes": {"serviceAccount": ACCOUNT}},
    "scheduler": PROGRAM | SEVERAL | {"startupProbe": PROBE},
    "apiServer": COMMON | SEVERAL | {"startupProbe": {"failureThreshold": int}, "env": ENV},
    "dagProcessor": PROGRAM,
    "triggerer": PROGRAM | {"persistence": SWITCH},
    "migrateDatabaseJob": {"args": [str], "serviceAccount": ACCOUNT, "resources": RESOURCES},
    "cleanup": {"enabled": bool, "schedule": str, "resources": RESOURCES},
    "createUserJob": SWITCH,
    "statsd": SWITCH,
    "redis": SWITCH,
    "postgresql": SWITCH,
}


def differences(value: Any, schema: Any, where: str) -> list[str]:
    """Where a document has another type, or a field that is not declared; a name that ends in ! is required."""
    if isinstance(schema, list):
        return [one for item in value for one in differences(item, schema[0], where)]
    if not isinstance(schema, dict):
        return [] if type(value) is schema else [f"{where}: {value!r}"]
    fields = {name.rstrip("!"): kind for name, kind in schema.items()}
    found = [f"{where}.{name}: missing" for name in schema if name.endswith("!") and name[:-1] not in value]
    for name, item in value.items():
        kind = fields.get(name, fields.get("*"))
        found += differences(item, kind, f"{where}.{name}") if kind else [f"{where}.{name}: no such field"]
    return found
