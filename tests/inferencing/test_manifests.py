"""Manifests of serving against the models of Kubernetes' API and the fields of KEDA's ScaledObject."""

from typing import Any

import pytest
from kubernetes import client
from pydantic import ValidationError

from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.scaling import pods
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.manifests import METRIC, manifests
from include.inferencing.scaling.pods import Cluster
from include.local.serving_scaler import Metrics
from tests.platform.airflow_chart import differences

CLUSTER = Cluster(
    namespace="serving",
    image="genai-workflow:1",
    triton_image="genai-triton:1",
    secrets={name: f"store-{name}" for name in pods.PROGRAMS},
    model_repository="inferencing/repository",
    region="us-east-1",
    environment={"GENAI_S3_ENDPOINT": "minio:9000", "GENAI_S3_BUCKET": "genai", "GENAI_S3_SECURE": "true"},
    deadline_seconds=120.0,
)
BOUNDS = Bounds(floor=2, ceiling=10, instances=1, price=2.0, cost=12.0)
MODELS = {
    "Deployment": "V1Deployment",
    "Service": "V1Service",
    "PodDisruptionBudget": "V1PodDisruptionBudget",
    "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
}
# of KEDA's CustomResourceDefinition, version v1alpha1: name -> type or fields; "!" marks what is required
POLICY = {"type!": str, "value!": int, "periodSeconds!": int}
RULES = {"stabilizationWindowSeconds": int, "selectPolicy": str, "policies": [POLICY]}
SCALED_OBJECT = {
    "scaleTargetRef!": {"name!": str, "kind": str, "apiVersion": str, "envSourceContainerName": str},
    "pollingInterval": int,
    "cooldownPeriod": int,
    "minReplicaCount": int,
    "maxReplicaCount": int,
    "fallback": {"failureThreshold!": int, "replicas!": int},
    "advanced": {
        "restoreToOriginalReplicaCount": bool,
        "horizontalPodAutoscalerConfig": {"name": str, "behavior": {"scaleUp": RULES, "scaleDown": RULES}},
    },
    "triggers!": [{"type!": str, "name": str, "metricType": str, "metadata!": {"*": str}}],
}


def of_the_api(document: dict[str, Any]) -> None:
    """Raises where a field is not one of Kubernetes' API, is missing, or has a value of another type."""
    getattr(client, MODELS[document["kind"]]).model_validate(document)


def documents(cluster: Cluster = CLUSTER) -> list[dict[str, Any]]:
    return [document for found in manifests(cluster, BOUNDS).values() for document in found]


def named(kind: str, name: str, cluster: Cluster = CLUSTER) -> dict[str, Any]:
    return next(d for d in documents(cluster) if (d["kind"], d["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize("gpus", [0, 1])
def test_all_fields_are_those_of_the_api(gpus: int) -> None:
    cluster = Cluster(**{**vars(CLUSTER), "gpus": gpus})
    for document in documents(cluster):
        where = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "ScaledObject":
            assert document["apiVersion"] == "keda.sh/v1alpha1"
            assert differences(document["spec"], SCALED_OBJECT, where) == []
        else:
            of_the_api(document)


def test_a_wrong_field_would_be_found() -> None:
    wrong = named("Deployment", "triton")
    wrong["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["failureTreshold"] = 1
    with pytest.raises(ValidationError, match="failureTreshold"):
        of_the_api(wrong)


def test_selectors_find_their_pods_and_ports() -> None:
    for service in (document for document in documents() if document["kind"] == "Service"):
        deployment = named("Deployment", service["metadata"]["name"])
        template = deployment["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert named("Service", "triton")["spec"]["clusterIP"] == "None"


def test_a_pod_that_leaves_completes_the_longest_answer() -> None:
    for name in ("triton", "gateway"):
        pod = named("Deployment", name)["spec"]["template"]["spec"]
        drained = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
        assert drained > GatewayLimits().poll + 5
        assert pod["terminationGracePeriodSeconds"] >= drained + CLUSTER.deadline_seconds + pods.SPARE_SECONDS
    line = named("Deployment", "triton")["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "--exit-timeout-secs=135" in line
    assert "--model-repository=s3://https://minio:9000/genai/inferencing/repository" in line
    limits = {
        one["name"]: one for one in named("Deployment", "gateway")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert f"drain={CLUSTER.deadline_seconds + pods.SPARE_SECONDS:g}" in limits["GENAI_GATEWAY_LIMITS"]["value"]


def test_each_program_has_a_secret_of_its_own_and_the_gateway_the_key_of_pseudonyms() -> None:
    found: dict[str, dict[str, str]] = {}
    for document in (document for document in documents() if document["kind"] == "Deployment"):
        [container] = document["spec"]["template"]["spec"]["containers"]
        hidden = [one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one]
        assert {one["name"] for one in hidden} == {f"store-{document['metadata']['name']}"}
        found[document["metadata"]["name"]] = {
            one["name"]: one["valueFrom"]["secretKeyRef"]["key"] for one in container["env"] if "valueFrom" in one
        }
    assert {name for name, keys in found.items() if "GENAI_PSEUDONYM_KEY" in keys} == {"gateway"}
    assert set(found) == set(pods.PROGRAMS)


def test_the_scaler_is_ready_once_it_has_decided() -> None:
    [container] = named("Deployment", "serving-scaler")["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/metrics", "port": "metrics"}


def test_the_autoscaler_follows_the_decision_within_its_bounds() -> None:
    scaled, scaler = named("ScaledObject", "triton")["spec"], named("HorizontalPodAutoscaler", "triton")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (2, 6)
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert "replicas" not in named("Deployment", "triton")["spec"]
    assert METRIC in scaled["triggers"][0]["metadata"]["query"]
    assert scaler["metrics"][0]["external"]["metric"]["name"] == METRIC == Metrics.WANTED
