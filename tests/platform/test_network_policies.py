"""Who reaches whom in the namespace, as Kubernetes reads the policies: both ends have to allow it."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from include.platform.kubernetes.network import Outside, policies
from tests.platform.cluster_files import CLUSTER, Document, labels_of, manifests

OWN = {"kubernetes.io/metadata.name": "genai"}
OTHERS = {
    "prometheus": ({"app": "prometheus"}, {"kubernetes.io/metadata.name": "monitoring"}),
    "ingress": ({"app": "ingress"}, {"kubernetes.io/metadata.name": "ingress", "genai-workflow/clients": "allowed"}),
    "stranger": ({"app": "stranger"}, {"kubernetes.io/metadata.name": "elsewhere"}),
    "mlflow": ({"app": "mlflow"}, {"kubernetes.io/metadata.name": "tracking"}),
    "catalogue": ({"app": "marquez"}, {"kubernetes.io/metadata.name": "lineage"}),
    "minio": ({"app": "minio"}, {"kubernetes.io/metadata.name": "storage"}),
}
METADATA, OUTSIDE, PRIVATE = "169.254.169.254", "93.184.216.34", "10.1.2.3"
# AWS, Google and Azure; Azure's WireServer; Alibaba
CREDENTIALS = (METADATA, "168.63.129.16", "100.100.100.200")
NODE_LOCAL_DNS = "169.254.20.10"

NOTHING_SAID = Outside()


def chosen(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels."""
    named = selector.get("matchLabels", {}).items() <= labels.items()
    return named and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def is_peer(peer: Document, other: str) -> bool:
    """Whether a rule's peer is this pod or address."""
    if block := peer.get("ipBlock"):
        if other in labels_of() or other in OTHERS:
            return False
        inside = [ip_address(other) in ip_network(one) for one in (block["cidr"], *block.get("except", []))]
        return inside[0] and not any(inside[1:])
    if not (other in labels_of() or other in OTHERS):
        return False
    labels, namespace = OTHERS.get(other) or (labels_of()[other], OWN)
    if "namespaceSelector" in peer:
        return chosen(peer["namespaceSelector"], namespace) and chosen(peer.get("podSelector", {}), labels)
    return namespace == OWN and chosen(peer["podSelector"], labels)


def written(endpoint: str = "", secure: bool = True, outside: Outside = NOTHING_SAID) -> list[Document]:
    """The policies of the made-up cluster; those of another store where an endpoint is given."""
    if not endpoint:
        return [one for one in manifests() if one["kind"] == "NetworkPolicy"]
    store = {"GENAI_S3_ENDPOINT": endpoint, "GENAI_S3_SECURE": str(secure).lower()}
    return policies(replace(CLUSTER, environment=CLUSTER.environment | store), outside)


def allows(kind: str, pod: str, other: str, port: int, protocol: str, listed: list[Document]) -> bool:
    """Whether the policies of one direction let a pod of the namespace talk with another one."""
    if pod not in labels_of():
        return True
    for policy in (one["spec"] for one in listed):
        if kind not in policy["policyTypes"] or not chosen(policy["podSelector"], labels_of()[pod]):
            continue
        for rule in policy.get(kind.lower(), []):
            ports = rule.get("ports")
            fits = not ports or {"protocol": protocol, "port": port} in ports
            if fits and any(is_peer(peer, other) for peer in rule["from" if kind == "Ingress" else "to"]):
                return True
    return False


def reaches(source: str, target: str, port: int, protocol: str = "TCP", listed: list[Document] | None = None) -> bool:
    found = written() if listed is None else listed
    out = allows("Egress", source, target, port, protocol, found)
    return out and allows("Ingress", target, source, port, protocol, found)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("gateway", "triton", 8001),
        ("serving-control", "triton", 8001),
        ("serving-scaler", "triton", 8001),
        ("admin", "triton", 8001),
        ("task", "triton", 8001),
        ("task", "gateway", 8090),
        ("task", "api-server", 8080),
        ("task", OUTSIDE, 443),
        ("task", PRIVATE, 6443),
        ("scheduler", "api-server", 8080),
        ("ingress", "gateway", 8090),
        ("ingress", "api-server", 8080),
        ("prometheus", "triton", 8002),
        ("prometheus", "serving-scaler", 9095),
        ("job", "job", 8470),
        ("job", "job", 41234),
        ("scheduler", PRIVATE, 5432),
        # lists and deletes pods, and writes into Airflow's log that it did
        ("airflow-cleanup-pods", PRIVATE, 6443),
        ("airflow-cleanup-pods", PRIVATE, 5432),
        *(
            (name, "minio", 9000)
            for name in ("admin", "triton", "gateway", "serving-control", "job", "task", "api-server")
        ),
    ],
)
def test_what_has_to_talk_can(source: str, target: str, port: int) -> None:
    assert reaches(source, target, port)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        # Triton asks nobody who they are
        ("stranger", "triton", 8001),
        ("ingress", "triton", 8001),
        ("job", "triton", 8001),
        ("scheduler", "triton", 8001),
        ("stranger", "gateway", 8090),
        ("stranger", "job", 8470),
        ("gateway", "job", 8470),
        ("task", "job", 8470),
        ("prometheus", "gateway", 8001),
        # the database, the cluster and the world are not everybody's
        ("task", PRIVATE, 5432),
        ("job", PRIVATE, 6443),
        ("gateway", PRIVATE, 6443),
        ("triton", PRIVATE, 443),
        ("gateway", OUTSIDE, 443),
        ("job", OUTSIDE, 443),
        ("task", PRIVATE, 80),
        ("triton", "gateway", 8090),
        ("admin", "gateway", 8090),
        ("admin", PRIVATE, 6443),
    ],
)
def test_what_has_no_business_there_cannot(source: str, target: str, port: int) -> None:
    assert not reaches(source, target, port)


@pytest.mark.parametrize("name", sorted(labels_of()))
def test_every_pod_finds_names_and_none_gets_the_nodes_credentials(name: str) -> None:
    for server in ("minio", NODE_LOCAL_DNS):
        assert reaches(name, server, 53, "UDP") and reaches(name, server, 53)
    assert not any(reaches(name, one, port) for one in CREDENTIALS for port in (80, 443, 5432, 6443, 9000, 32526))
    anywhere = written("s3.example:80", secure=False)
    assert not any(reaches(name, one, port, listed=anywhere) for one in CREDENTIALS for port in (80, 443))


# all that hold a key of the store and have no business with the cluster's API, which managed clusters serve on 443
READERS = ("triton", "gateway", "serving-control", "serving-scaler", "job", "admin")


@pytest.mark.parametrize("name", READERS)
def test_a_store_on_443_opens_no_private_address_and_no_api_of_the_cluster(name: str) -> None:
    anywhere = written("s3.example:443")
    assert reaches(name, OUTSIDE, 443, listed=anywhere)
    assert not any(reaches(name, other, 443, listed=anywhere) for other in (PRIVATE, METADATA, "minio", "stranger"))
    public = written("s3.example:443", outside=Outside(store=("93.184.216.0/24",)))
    assert reaches(name, OUTSIDE, 443, listed=public)
    assert not any(reaches(name, other, 443, listed=public) for other in ("203.0.113.7", PRIVATE, METADATA))
    private = written("s3.example:443", outside=Outside(store=("10.1.2.0/28",)))
    assert reaches(name, PRIVATE, 443, listed=private)
    assert not any(reaches(name, other, 443, listed=private) for other in (OUTSIDE, "10.96.0.1", METADATA))


@pytest.mark.parametrize("name", READERS)
def test_a_store_in_the_cluster_opens_its_namespace_alone(name: str) -> None:
    by_option = written("minio.storage:9000", outside=Outside(store_namespace="storage"))
    for listed in (written(), by_option):
        assert reaches(name, "minio", 9000, listed=listed)
        assert not any(reaches(name, other, 9000, listed=listed) for other in ("stranger", OUTSIDE, PRIVATE))
    by_address = written("10.1.2.3:9000")
    assert reaches(name, PRIVATE, 9000, listed=by_address) and not reaches(name, "10.1.2.4", 9000, listed=by_address)


def test_the_api_of_the_cluster_is_reached_where_it_was_said_to_be() -> None:
    listed = written("s3.example:443", outside=Outside(cluster_api=("10.96.0.1/32",)))
    for name in ("task", "scheduler", "airflow-cleanup-pods"):
        assert reaches(name, "10.96.0.1", 443, listed=listed) and not reaches(name, PRIVATE, 443, listed=listed)


def test_mlflow_and_the_catalogue_are_reached_by_those_who_tell_them_and_where_they_are_set() -> None:
    said = Outside(tracking="http://mlflow.tracking.svc:5000", lineage="http://marquez.lineage.svc:5000/api")
    listed = written("minio.storage.svc:9000", outside=said)
    assert {name for name in labels_of() if reaches(name, "mlflow", 5000, listed=listed)} == {"task"}
    told = {name for name in labels_of() if reaches(name, "catalogue", 5000, listed=listed)}
    assert told == {"task", "scheduler", "api-server"}
    assert not any(reaches(name, other, 5000) for name in labels_of() for other in ("mlflow", "catalogue"))
    away = written("minio.storage.svc:9000", outside=Outside(tracking="https://mlflow.example:8443"))
    assert reaches("task", PRIVATE, 8443, listed=away) and not reaches("task", METADATA, 8443, listed=away)
