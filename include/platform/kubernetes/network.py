"""Who may talk to whom in the namespace: nobody, but for what is listed here.

Network policies name pods, namespaces, addresses and ports, not hosts: what lies outside of the namespace is let
through by its port and by what is known of its address, never the cloud's metadata service, which hands out a node's
credentials.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from include.inferencing.scaling.pods import GATEWAY_PORT, SCALER_PORT, TRITON_PORTS, Cluster, Manifest, labels
from include.jobs.kubernetes_manifest import LABELS as JOB
from include.platform.kubernetes.accounts import PART_OF
from include.platform.kubernetes.admin import ADMIN

# a namespace with this label may call the gateway and Airflow's web UI: an ingress controller's, a client's
CLIENTS = {"genai-workflow/clients": "allowed"}
AIRFLOW = {"tier": "airflow"}
WORKER, API_SERVER = AIRFLOW | {"component": "worker"}, AIRFLOW | {"component": "api-server"}
API_PORT, DNS_PORT, HTTP_PORT, HTTPS_PORT = 8080, 53, 80, 443
CLUSTER_API_PORTS = (HTTPS_PORT, 6443)
NAME = "kubernetes.io/metadata.name"
# of link-local addresses a node's own cache of names is one, too: NodeLocal DNS
LINK_LOCAL = "169.254.0.0/16"
# where clouds hand out a node's credentials: most of them, Azure's WireServer, Alibaba
METADATA = (LINK_LOCAL, "168.63.129.16/32", "100.100.100.200/32")
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", *METADATA)
# the chart's job that takes pods of failed tasks away; each of its commands is noted in the database
CLEANUP = "airflow-cleanup-pods"
# Airflow's programs that have the database's address; tasks have not
WITH_DATABASE = ("scheduler", "api-server", "dag-processor", "triggerer", "run-airflow-migrations", CLEANUP)
WITH_CLUSTER_API = ("scheduler", "api-server", "worker", CLEANUP)
# those in which Airflow's listener of OpenLineage runs
WITH_EVENTS = ("scheduler", "api-server", "worker")

Peers = list[dict[str, Any]]
ASKED: Peers = [{"protocol": "TCP", "port": TRITON_PORTS[name]} for name in ("http", "grpc")]
PUBLIC: Peers = [{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(PRIVATE)}}]


@dataclass(frozen=True)
class Outside:
    """What these files do not start. `store` and `cluster_api`: CIDRs of the object store and of Kubernetes' API;
    `store_namespace`: where the store is in this cluster; `tracking` and `lineage`: URLs of MLflow and of the catalogue
    of lineage, empty where there is none."""

    store: tuple[str, ...] = ()
    store_namespace: str = ""
    cluster_api: tuple[str, ...] = ()
    database_port: int = 5432
    tracking: str = ""
    lineage: str = ""


def store_peers(cluster: Cluster, outside: Outside) -> Peers:
    """Where the store is: as it was said, else as its name says, else at any public address."""
    named = _namespace({NAME: outside.store_namespace}) if outside.store_namespace else []
    said = [*_blocks(outside.store), *named]
    host = urlsplit(f"//{cluster.environment['GENAI_S3_ENDPOINT']}").hostname or ""
    return said or _by_name(host, cluster) or PUBLIC


def policies(cluster: Cluster, outside: Outside) -> list[Manifest]:
    """All policies of the namespace; the first closes it."""
    store = [_to(store_peers(cluster, outside), [_port(_store_port(cluster))])]
    serving = {"app.kubernetes.io/part-of": "genai-serving"}
    names = [_port(DNS_PORT, "UDP"), _port(DNS_PORT)]
    return [
        _policy(cluster, "closed", {}, ingress=[], egress=[]),
        _policy(cluster, "names", {}, egress=[_to([*_namespace({}), *_blocks([LINK_LOCAL])], names)]),
        *(
            _policy(cluster, f"store-{name}", chosen, egress=store)
            for name, chosen in {"serving": serving, "jobs": JOB, "airflow": AIRFLOW}.items()
        ),
        *_serving(cluster),
        # ranks choose their ports; port 8470 asks for a digest of the store's key
        _policy(cluster, "jobs", JOB, ingress=[_from(_pods(JOB))], egress=[_to(_pods(JOB))]),
        *_airflow(cluster, outside),
    ]


def _serving(cluster: Cluster) -> list[Manifest]:
    programs = ("gateway", "serving-control", "serving-scaler", ADMIN)
    ask = _to(_pods(labels("triton")), ASKED)
    watching = _namespace({NAME: _watching(cluster)})
    asking = [peer for name in programs for peer in _pods(labels(name))] + _pods(WORKER)
    told = _from(watching, [_port(TRITON_PORTS["metrics"])])
    calls = [_from([*_namespace(CLIENTS), *watching, *_pods(WORKER)], [_port(GATEWAY_PORT)])]
    measured = [_from(watching, [_port(SCALER_PORT)])]
    return [
        _policy(cluster, "triton", labels("triton"), ingress=[_from(asking, ASKED), told]),
        _policy(cluster, "gateway", labels("gateway"), ingress=calls, egress=[ask]),
        _policy(cluster, "serving-control", labels("serving-control"), egress=[ask]),
        # `genai rollback` loads the model that it brings back
        _policy(cluster, ADMIN, labels(ADMIN), egress=[ask]),
        _policy(cluster, "serving-scaler", labels("serving-scaler"), ingress=measured, egress=[ask]),
    ]


def _airflow(cluster: Cluster, outside: Outside) -> list[Manifest]:
    api = [_to(_pods(API_SERVER), [_port(API_PORT)])]
    sources = [_to(PUBLIC, [_port(HTTP_PORT), _port(HTTPS_PORT)])]
    cluster_api = [_to(_blocks(outside.cluster_api) or _elsewhere(), [_port(port) for port in CLUSTER_API_PORTS])]
    return [
        _policy(
            cluster,
            "airflow-api-server",
            API_SERVER,
            ingress=[_from([*_pods(AIRFLOW), *_namespace(CLIENTS)], [_port(API_PORT)])],
        ),
        _policy(cluster, "airflow", AIRFLOW, egress=api),
        _programs(cluster, "airflow-database", WITH_DATABASE, [_to(_elsewhere(), [_port(outside.database_port)])]),
        _programs(cluster, "airflow-cluster-api", WITH_CLUSTER_API, cluster_api),
        *(
            _programs(cluster, f"airflow-{name}", components, [_at(url, cluster)])
            for name, components, url in (
                ("tracking", ("worker",), outside.tracking),
                ("lineage", WITH_EVENTS, outside.lineage),
            )
            if url
        ),
        # sources and language models outside; private ones need a policy of their own, as they need their setting
        _policy(
            cluster,
            "airflow-tasks",
            WORKER,
            egress=[
                _to(_pods(labels("triton")), ASKED),
                _to(_pods(labels("gateway")), [_port(GATEWAY_PORT)]),
                *sources,
            ],
        ),
    ]


def _programs(cluster: Cluster, name: str, components: Sequence[str], egress: list[Manifest]) -> Manifest:
    """A policy of some of Airflow's programs."""
    expressions = [{"key": "component", "operator": "In", "values": list(components)}]
    return _policy(cluster, name, AIRFLOW, egress=egress, expressions=expressions)


def _at(url: str, cluster: Cluster) -> Manifest:
    """Egress to a server, wherever it is where its name does not tell."""
    parts = urlsplit(url)
    port = parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT)
    return _to(_by_name(parts.hostname or "", cluster) or _elsewhere(), [_port(port)])


def _policy(
    cluster: Cluster,
    name: str,
    chosen: dict[str, str],
    ingress: Sequence[Manifest] | None = None,
    egress: Sequence[Manifest] | None = None,
    expressions: Peers | None = None,
) -> Manifest:
    selector: dict[str, Any] = {"matchLabels": chosen} if chosen else {}
    if expressions:
        selector["matchExpressions"] = expressions
    rules = {"Ingress": ingress, "Egress": egress}
    spec: Manifest = {
        "podSelector": selector,
        "policyTypes": [kind for kind, listed in rules.items() if listed is not None],
    } | {kind.lower(): list(listed) for kind, listed in rules.items() if listed}
    metadata = {"name": f"genai-{name}", "namespace": cluster.namespace, "labels": PART_OF}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _pods(chosen: dict[str, str]) -> Peers:
    return [{"podSelector": {"matchLabels": chosen}}]


def _namespace(chosen: dict[str, str]) -> Peers:
    return [{"namespaceSelector": {"matchLabels": chosen} if chosen else {}}]


def _elsewhere() -> Peers:
    """Any address but the metadata service's, and pods, which some networks do not count among addresses."""
    return [{"ipBlock": {"cidr": "0.0.0.0/0", "except": list(METADATA)}}, *_namespace({})]


def _blocks(addresses: Sequence[str]) -> Peers:
    return [{"ipBlock": {"cidr": one}} for one in addresses]


def _by_name(host: str, cluster: Cluster) -> Peers:
    """The peers that a host's name tells: an address, a service of this namespace or `.svc` of another; none else."""
    parts = host.split(".")
    if ":" in host or parts[-1].isdigit():
        return _blocks([str(ip_network(host))])
    if len(parts) == 1:
        return _namespace({NAME: cluster.namespace})
    return _namespace({NAME: parts[1]}) if parts[2:3] == ["svc"] else []


def _port(number: int, protocol: str = "TCP") -> dict[str, Any]:
    return {"protocol": protocol, "port": number}


def _to(peers: Peers, ports: Peers | None = None) -> Manifest:
    return {"to": peers} | ({"ports": ports} if ports else {})


def _from(peers: Peers, ports: Peers | None = None) -> Manifest:
    return {"from": peers} | ({"ports": ports} if ports else {})


def _store_port(cluster: Cluster) -> int:
    store = cluster.environment
    parts = urlsplit(f"//{store['GENAI_S3_ENDPOINT']}")
    return parts.port or (HTTPS_PORT if store.get("GENAI_S3_SECURE") == "true" else HTTP_PORT)


def _watching(cluster: Cluster) -> str:
    """The namespace of the Prometheus that is asked."""
    host = urlsplit(cluster.prometheus).hostname or ""
    parts = host.split(".")
    return parts[1] if len(parts) > 1 else cluster.namespace
