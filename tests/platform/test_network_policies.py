"""Who reaches whom in the namespace, as Kubernetes reads the policies: both ends have to allow it."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.platform.cluster_files import Document, labels_of, manifests

OWN = {"kubernetes.io/metadata.name": "genai"}
OTHERS = {
    "prometheus": ({"app": "prometheus"}, {"kubernetes.io/metadata.name": "monitoring"}),
    "ingress": ({"app": "ingress"}, {"kubernetes.io/metadata.name": "ingress", "genai-workflow/clients": "allowed"}),
    "stranger": ({"app": "stranger"}, {"kubernetes.io/metadata.name": "elsewhere"}),
    "minio": ({"app": "minio"}, {"kubernetes.io/metadata.name": "storage"}),
}
METADATA, OUTSIDE, PRIVATE = "169.254.169.254", "93.184.216.34", "10.1.2.3"


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


def allows(kind: str, pod: str, other: str, port: int, protocol: str) -> bool:
    """Whether the policies of one direction let a pod of the namespace talk with another one."""
    if pod not in labels_of():
        return True
    policies: list[Any] = [one["spec"] for one in manifests() if one["kind"] == "NetworkPolicy"]
    for policy in policies:
        if kind not in policy["policyTypes"] or not chosen(policy["podSelector"], labels_of()[pod]):
            continue
        for rule in policy.get(kind.lower(), []):
            ports = rule.get("ports")
            fits = not ports or {"protocol": protocol, "port": port} in ports
            if fits and any(is_peer(peer, other) for peer in rule["from" if kind == "Ingress" else "to"]):
                return True
    return False


def reaches(source: str, target: str, port: int, protocol: str = "TCP") -> bool:
    return allows("Egress", source, target, port, protocol) and allows("Ingress", target, source, port, protocol)


@pytest.mark.parametrize(
    ("source", "target", "port"),
    [
        ("gateway", "triton", 8001),
        ("serving-control", "triton", 8001),
        ("serving-scaler", "triton", 8001),
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
        *((name, "minio", 9000) for name in ("triton", "gateway", "serving-control", "job", "task", "api-server")),
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
    ],
)
def test_what_has_no_business_there_cannot(source: str, target: str, port: int) -> None:
    assert not reaches(source, target, port)


@pytest.mark.parametrize("name", sorted(labels_of()))
def test_every_pod_finds_names_and_none_gets_the_nodes_credentials(name: str) -> None:
    assert reaches(name, "minio", 53, "UDP")
    assert not any(reaches(name, METADATA, port) for port in (80, 443, 5432, 6443, 9000))
