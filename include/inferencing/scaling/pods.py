"""Pods of serving on Kubernetes: Triton, gateways, and the two loops that look after them."""

from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]

# endpoints change, and gateways look names up again, within so long of a pod's end
UNSEEN_SECONDS = 15
SPARE_SECONDS = 15
USER = 1000
GPU = "nvidia.com/gpu"
KEYS = {"ACCESS_KEY": "access_key", "SECRET_KEY": "secret_key"}
SECURITY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
TRITON_PORTS = {"http": 8000, "grpc": 8001, "metrics": 8002}
GATEWAY_PORT, SCALER_PORT = 8090, 9095
PROGRAMS = ("triton", "gateway", "serving-control", "serving-scaler")


@dataclass(frozen=True)
class Cluster:
    """Where serving runs, and on what. `environment`: GENAI_* variables of this project's programs, without keys;
    `secrets`: each program's Secret, with the store's access_key and secret_key, the gateway's pseudonym_key too;
    `gateway_limits`: GENAI_GATEWAY_LIMITS without drain, which follows from the deadline."""

    namespace: str
    image: str
    triton_image: str
    secrets: dict[str, str]
    model_repository: str
    region: str
    environment: dict[str, str]
    deadline_seconds: float
    threads: int = 1
    cpu: str = "2"
    memory: str = "8Gi"
    gpus: int = 0
    gateways: int = 2
    gateway_limits: str = ""
    node_selector: dict[str, str] = field(default_factory=dict)
    prometheus: str = "http://prometheus-server.monitoring"


def labels(name: str) -> dict[str, str]:
    """Of all that belongs to one program."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "genai-serving"}


def deployment(cluster: Cluster, name: str, container: Manifest, grace: float, replicas: int | None) -> Manifest:
    """A Deployment; without `replicas` an autoscaler sets them. A pod goes once another is ready in its place, but
    where pods take GPUs there may be none to spare: then it goes first."""
    spare = 0 if cluster.gpus and replicas is None else 1
    spec: Manifest = {
        "selector": {"matchLabels": labels(name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1 - spare, "maxSurge": spare}},
        "template": {
            "metadata": {"labels": labels(name), "annotations": _scraped(container)},
            "spec": {
                "serviceAccountName": name,
                "terminationGracePeriodSeconds": round(grace),
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "securityContext": SECURITY,
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": labels(name)},
                    }
                ],
                **(_placed(cluster) if name == "triton" else {}),
                "containers": [container],
                "volumes": [
                    {"name": "scratch", "emptyDir": {}},
                    {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
                    {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}},
                ],
            },
        },
    }
    return _named(cluster, "apps/v1", "Deployment", name) | {
        "spec": spec if replicas is None else spec | {"replicas": replicas}
    }


def service(cluster: Cluster, name: str, ports: dict[str, int], headless: bool = False) -> Manifest:
    """A Service; a headless one gives the address of each ready pod."""
    spec: Manifest = {
        "selector": labels(name),
        "ports": [{"name": port, "port": number, "targetPort": port} for port, number in ports.items()],
    }
    return _named(cluster, "v1", "Service", name) | {"spec": spec | ({"clusterIP": "None"} if headless else {})}


def budget(cluster: Cluster, name: str) -> Manifest:
    """A drained node takes one pod at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": labels(name)}}
    return _named(cluster, "policy/v1", "PodDisruptionBudget", name) | {"spec": spec}


def triton(cluster: Cluster) -> Manifest:
    """One Triton; told to end, it first waits until nobody sends anything, then completes its answers."""
    store = cluster.environment
    scheme = "https" if store.get("GENAI_S3_SECURE", "false") == "true" else "http"
    where = f"s3://{scheme}://{store['GENAI_S3_ENDPOINT']}/{store['GENAI_S3_BUCKET']}/{cluster.model_repository}"
    alive = {"httpGet": {"path": "/v2/health/live", "port": "http"}}
    variables = {
        "AWS_DEFAULT_REGION": cluster.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "OMP_NUM_THREADS": str(cluster.threads),
        "HOME": "/scratch",
        "TMPDIR": "/scratch",
        "TRITON_AWS_MOUNT_DIRECTORY": "/scratch",
    }
    gpus = {GPU: str(cluster.gpus)} if cluster.gpus else {}
    return _container(
        "triton",
        cluster.triton_image,
        [
            "tritonserver",
            f"--model-repository={where}",
            "--model-control-mode=explicit",
            "--strict-readiness=false",
            f"--exit-timeout-secs={round(cluster.deadline_seconds + SPARE_SECONDS)}",
        ],
        variables,
        {"AWS_ACCESS_KEY_ID": "access_key", "AWS_SECRET_ACCESS_KEY": "secret_key"},
        cluster.secrets["triton"],
        TRITON_PORTS,
    ) | {
        "startupProbe": alive | {"periodSeconds": 2, "failureThreshold": 150},
        # a model that is unloaded makes /v2/health/ready false: gateways ask for each model by themselves
        "readinessProbe": alive | {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2},
        "livenessProbe": alive | {"periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(UNSEEN_SECONDS)]}}},
        "resources": {
            "requests": {"cpu": cluster.cpu, "memory": cluster.memory} | gpus,
            "limits": {"memory": cluster.memory} | gpus,
        },
    }


def gateway(cluster: Cluster) -> Manifest:
    """One gateway."""
    container = program(cluster, "gateway", ["python", "-m", "include.inferencing.gateway"], {"http": GATEWAY_PORT})
    pseudonyms = _hidden({"GENAI_PSEUDONYM_KEY": "pseudonym_key"}, cluster.secrets["gateway"])
    drain = f"drain={cluster.deadline_seconds + SPARE_SECONDS:g}"
    limits = {"name": "GENAI_GATEWAY_LIMITS", "value": ",".join(filter(None, (cluster.gateway_limits, drain)))}
    ready, alive = ({"httpGet": {"path": path, "port": "http"}} for path in ("/ready", "/health"))
    return container | {
        "env": [*container["env"], *pseudonyms, limits],
        "startupProbe": alive | {"periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": ready | {"periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 2},
        "livenessProbe": alive | {"periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 3},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(UNSEEN_SECONDS)]}}},
    }


def control(cluster: Cluster) -> Manifest:
    """The loop that loads what the aliases name on each Triton."""
    return program(cluster, "serving-control", ["python", "-m", "include.inferencing.control"], {})


def scaler(cluster: Cluster) -> Manifest:
    """The loop that decides how many servers are wanted, and shows it."""
    line = ["python", "-m", "include.local.serving_scaler", "--metrics", str(SCALER_PORT)]
    shown = {"httpGet": {"path": "/metrics", "port": "metrics"}}
    return program(cluster, "serving-scaler", line, {"metrics": SCALER_PORT}) | {
        # nothing is shown before the first decision, which waits for the store
        "startupProbe": shown | {"periodSeconds": 2, "failureThreshold": 300},
        "readinessProbe": shown | {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 2},
        "livenessProbe": shown | {"periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 3},
    }


def _placed(cluster: Cluster) -> Manifest:
    """Where a Triton may run: on the nodes of its labels, and on those that are kept for GPUs where it takes one."""
    kept = {"tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]} if cluster.gpus else {}
    return kept | ({"nodeSelector": cluster.node_selector} if cluster.node_selector else {})


def program(cluster: Cluster, name: str, command: list[str], ports: dict[str, int]) -> Manifest:
    """A container of this project's own image."""
    environment = cluster.environment | {
        "GENAI_HOST": "0.0.0.0",  # noqa: S104 a pod's own address
        "GENAI_TRITON_URL": f"triton.{cluster.namespace}.svc:{TRITON_PORTS['grpc']}",
        "GENAI_GATEWAY_PORT": str(GATEWAY_PORT),
        "GENAI_STATE_FOLDER": "/scratch",
        "HOME": "/scratch",
    }
    keys = {f"GENAI_S3_{name}": key for name, key in KEYS.items()}
    size = {"cpu": "500m", "memory": "1Gi"}
    container = _container(name, cluster.image, command, environment, keys, cluster.secrets[name], ports)
    return container | {"resources": {"requests": size, "limits": {"memory": "2Gi"}}}


def _container(
    name: str,
    image: str,
    command: list[str],
    environment: dict[str, str],
    keys: dict[str, str],
    secret: str,
    ports: dict[str, int],
) -> Manifest:
    return {
        "name": name,
        "image": image,
        "command": command,
        "env": [{"name": variable, "value": value} for variable, value in sorted(environment.items())]
        + _hidden(keys, secret),
        "ports": [{"name": port, "containerPort": number} for port, number in ports.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/scratch"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 a volume of the pod's own
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 a volume of the pod's own
        ],
    }


def _hidden(keys: dict[str, str], secret: str) -> list[Manifest]:
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for variable, key in keys.items()
    ]


def _scraped(container: Manifest) -> dict[str, str]:
    """What tells Prometheus where metrics are: the port of that name, else the only one."""
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    port = ports.get("metrics", ports.get("http"))
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)} if port else {}


def _named(cluster: Cluster, version: str, kind: str, name: str) -> Manifest:
    metadata = {"name": name, "namespace": cluster.namespace, "labels": labels(name)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
