"""`genai manifests`: a cluster as files to apply: accounts, network policies, serving, and Airflow's Helm values."""

import argparse
import importlib.metadata
from ipaddress import ip_network
from pathlib import Path

from pydantic import SecretStr

from include.core.errors import ConfigurationError
from include.core.settings import Settings, settings
from include.inferencing.gateway.limits import read_limits
from include.inferencing.scaling.pods import GATEWAY_PORT, PROGRAMS, TRITON_PORTS, Cluster
from include.jobs.slots import training_slots
from include.platform.kubernetes.accounts import TRAINING
from include.platform.kubernetes.admin import ADMIN
from include.platform.kubernetes.airflow_values import CHART, Airflow
from include.platform.kubernetes.files import VALUES, files, write
from include.platform.kubernetes.network import METADATA, PUBLIC, Outside, store_peers
from include.use_cases.serving_rules import longest_deadline, serving_rules, serving_threads

OK = 0
# of the object store and the model repository: the rest follows from the manifests, or has its default
CARRIED = ("s3_bucket", "s3_region", "s3_secure", "model_repository")
AIRFLOW_SECRETS = ("database", "keys", "pages", "tasks")
OWN_SECRETS = (*PROGRAMS, ADMIN)
SECRETS = (*OWN_SECRETS, *(f"airflow-{name}" for name in AIRFLOW_SECRETS))
# of this machine, or said to pods by the manifests
HERE = (
    *("host", "state_folder", "use_cases_folder", "serving_python", "training_hostfile", "jobs", "triton_servers"),
    "gateway_limits",
)
NEEDED = ("s3_endpoint", "kubernetes_image", "kubernetes_secret")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai manifests`."""
    words = (
        "write a cluster's files: accounts, network policies, Triton, gateways and their autoscaler, and values of "
        f"Airflow's Helm chart {CHART}"
    )
    sub = commands.add_parser(
        "manifests", help=words, description=words, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    sub.add_argument("--out", type=Path, default=Path("manifests"), metavar="DIR", help="folder to write to")
    sub.add_argument("--triton-image", default="genai-triton", help="Triton's image")
    sub.add_argument("--gateways", type=int, default=2, help="gateways that always run")
    sub.add_argument("--cpu", default="2", help="CPUs of a Triton")
    sub.add_argument("--memory", default="8Gi", help="memory of a Triton")
    sub.add_argument("--gpus", type=int, default=0, help="NVIDIA GPUs of a Triton")
    sub.add_argument(
        "--node", type=_pair, action="append", default=[], metavar="LABEL=VALUE", help="nodes that Tritons run on"
    )
    sub.add_argument("--autoscaler", choices=["keda", "hpa"], default="keda", help="what follows the scaler's number")
    sub.add_argument("--prometheus", default=Cluster.prometheus, help="where KEDA asks for the metric")
    sub.add_argument(
        "--secret",
        type=_named,
        action="append",
        default=[],
        metavar="PROGRAM=NAME",
        help=f"Secret of one of {', '.join(SECRETS)}, instead of GENAI_KUBERNETES_SECRET-<program>; "
        "docs/growing.md lists their keys",
    )
    _add_airflow(sub)
    _add_network(sub)
    sub.set_defaults(command=run)


def _add_network(sub: argparse.ArgumentParser) -> None:
    """Where pods find what they do not start: network policies know addresses and namespaces, no hosts."""
    words = "addresses of the object store; without, and without a namespace: any public one, on its port"
    sub.add_argument("--store-cidr", type=_cidr, action="append", default=[], metavar="CIDR", help=words)
    words = "namespace of an object store in this cluster; one that is named NAME.NAMESPACE.svc needs none"
    sub.add_argument("--store-namespace", default="", metavar="NAMESPACE", help=words)
    words = "addresses of Kubernetes' API, for tasks and Airflow; without: any, on ports 443 and 6443"
    sub.add_argument("--cluster-api", type=_cidr, action="append", default=[], metavar="CIDR", help=words)
    sub.add_argument("--database-port", type=int, default=5432, help="port of Airflow's database, for network policies")


def _add_airflow(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--airflow-url", default="", help="address of Airflow's web UI, for links")
    sub.add_argument("--logs", default="", help="s3:// prefix of task logs; empty: airflow-logs in the bucket")
    sub.add_argument("--task-cpu", default=Airflow.task_cpu, help="CPUs of a task's pod")
    sub.add_argument("--task-memory", default=Airflow.task_memory, help="memory of a task's pod")
    sub.add_argument("--task-scratch", default=Airflow.task_scratch, help="disk of a task's pod")


def run(parsed: argparse.Namespace) -> int:
    """Write the files, name them, and say how they are applied."""
    here = settings()
    cluster = cluster_of(here, parsed)
    release = release_of(here, parsed, cluster)
    outside = Outside(
        store=tuple(parsed.store_cidr),
        store_namespace=parsed.store_namespace,
        cluster_api=tuple(parsed.cluster_api),
        database_port=parsed.database_port,
        tracking=here.mlflow_url,
        lineage=here.openlineage_url,
    )
    found = files(cluster, serving_rules().bounds, release, parsed.autoscaler, outside)
    for path in write(found, parsed.out):
        print(path)
    if store_peers(cluster, outside) == PUBLIC:
        print("\nthe store is taken to be at any public address, and at no private one: --store-cidr says which")
    chart = f"--version {CHART} --namespace {cluster.namespace} --values {parsed.out / VALUES}"
    print(f"\nmake the Secrets of docs/growing.md, then:\n  kubectl apply -f {parsed.out}")
    print("  helm repo add apache-airflow https://airflow.apache.org")
    print(f"  helm upgrade --install airflow apache-airflow/airflow {chart}")
    return OK


def cluster_of(here: Settings, parsed: argparse.Namespace) -> Cluster:
    """The cluster of these settings; ConfigurationError where one that it cannot do without is missing or unfit."""
    for name in NEEDED:
        if not getattr(here, name):
            variable = f"GENAI_{name.upper()}"
            raise ConfigurationError(variable, "", "pods cannot do without it", "Set it to what they can reach")
    image = here.kubernetes_image
    if ":" not in image.rpartition("/")[2] or image.endswith(":latest"):
        problem = "it names no version: pods of one day would run another day's code"
        raise ConfigurationError("GENAI_KUBERNETES_IMAGE", image, problem, "Add a tag, or @sha256: and the digest")
    values = here.model_dump(mode="json", include={*CARRIED, "s3_endpoint"})
    named = dict(parsed.secret)
    return Cluster(
        namespace=here.kubernetes_namespace,
        image=image,
        triton_image=parsed.triton_image,
        secrets={name: named.get(name, f"{here.kubernetes_secret}-{name}") for name in OWN_SECRETS},
        model_repository=here.model_repository,
        region=here.s3_region,
        environment={f"GENAI_{name.upper()}": _text(value) for name, value in values.items()},
        deadline_seconds=longest_deadline(),
        threads=serving_threads(),
        cpu=parsed.cpu,
        memory=parsed.memory,
        gpus=parsed.gpus,
        gateways=parsed.gateways,
        gateway_limits=_limits(here.gateway_limits),
        node_selector=dict(parsed.node),
        prometheus=parsed.prometheus,
    )


def _limits(text: str) -> str:
    """What gateways are told beside the drain, which their pods' grace is made for."""
    if "drain" in read_limits(text).model_fields_set:
        problem = "a pod's drain follows from the longest deadline of the use cases"
        raise ConfigurationError("GENAI_GATEWAY_LIMITS", text, problem, "Leave drain out")
    return text


def release_of(here: Settings, parsed: argparse.Namespace, cluster: Cluster) -> Airflow:
    """Airflow on that cluster; its tasks start training as Kubernetes jobs."""
    there = here.model_copy(update={"jobs": "kubernetes"})
    named = dict(parsed.secret)
    return Airflow(
        cluster=cluster,
        version=importlib.metadata.version("apache-airflow"),
        environment=_environment(here, cluster),
        secrets={
            name: named.get(f"airflow-{name}", f"{here.kubernetes_secret}-airflow-{name}") for name in AIRFLOW_SECRETS
        },
        logs=parsed.logs or f"s3://{here.s3_bucket}/airflow-logs",
        slots=training_slots(there),
        url=parsed.airflow_url,
        lineage=here.openlineage_url,
        task_cpu=parsed.task_cpu,
        task_memory=parsed.task_memory,
        task_scratch=parsed.task_scratch,
    )


def _environment(here: Settings, cluster: Cluster) -> dict[str, str]:
    """GENAI_* of Airflow's programs: what differs from the defaults and is no key, and where serving is."""
    kept = {
        name: value
        for name, value in here.model_dump(mode="json").items()
        if name not in HERE
        and not isinstance(getattr(here, name), SecretStr)
        and not name.endswith(("_key", "_port", "_needed_gb"))
        and getattr(here, name) != Settings.model_fields[name].default
    }
    fixed = {
        "jobs": "kubernetes",
        "kubernetes_service_account": here.kubernetes_service_account or TRAINING,
        "triton_url": f"triton.{cluster.namespace}.svc:{TRITON_PORTS['grpc']}",
        "gateway_url": f"http://gateway.{cluster.namespace}.svc:{GATEWAY_PORT}",
    }
    return cluster.environment | {f"GENAI_{name.upper()}": _text(value) for name, value in (kept | fixed).items()}


def _named(text: str) -> tuple[str, str]:
    program, _, secret = text.partition("=")
    if program not in SECRETS or not secret:
        raise argparse.ArgumentTypeError(f"{text!r} is not PROGRAM=NAME with one of {', '.join(SECRETS)}")
    return program, secret


def _cidr(text: str) -> str:
    try:
        found = ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write it as 10.20.0.0/24") from None
    if held := next((one for one in METADATA if found.overlaps(ip_network(one))), None):
        raise argparse.ArgumentTypeError(f"{text} holds a cloud's metadata service ({held}): name less")
    return str(found)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=VALUE")
    return name, value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
