"""Serving on Kubernetes as files: Tritons that follow the decision by KEDA or an HPA, gateways, and their services.

The number of servers is decided in one place: the scaler shows it as genai_wanted_servers, the autoscaler follows it
one to one, and has no window, step or threshold of its own. Where the metric is missing, it leaves what there is.
"""

from include.inferencing.scaling import pods
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.pods import Cluster, Manifest

METRIC = "genai_wanted_servers"
POLL_SECONDS = 15


def manifests(cluster: Cluster, bounds: Bounds) -> dict[str, list[Manifest]]:
    """File name -> its documents. Of keda.yaml and hpa.yaml one is to be applied, not both."""
    grace = pods.UNSEEN_SECONDS + cluster.deadline_seconds + 2 * pods.SPARE_SECONDS
    return {
        "triton.yaml": [
            pods.deployment(cluster, "triton", pods.triton(cluster), grace, None),
            pods.service(cluster, "triton", pods.TRITON_PORTS, headless=True),
            pods.budget(cluster, "triton"),
        ],
        "gateway.yaml": [
            pods.deployment(cluster, "gateway", pods.gateway(cluster), grace, cluster.gateways),
            pods.service(cluster, "gateway", {"http": pods.GATEWAY_PORT}),
            pods.budget(cluster, "gateway"),
        ],
        "loops.yaml": [
            pods.deployment(cluster, "serving-control", pods.control(cluster), 30, 1),
            pods.deployment(cluster, "serving-scaler", pods.scaler(cluster), 30, 1),
            pods.service(cluster, "serving-scaler", {"metrics": pods.SCALER_PORT}),
        ],
        "keda.yaml": [scaled_object(cluster, bounds)],
        "hpa.yaml": [autoscaler(cluster, bounds)],
    }


def scaled_object(cluster: Cluster, bounds: Bounds) -> Manifest:
    """KEDA asks Prometheus for the decision; AverageValue over a threshold of 1 is the number itself."""
    trigger = {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": cluster.prometheus,
            "query": f"max({METRIC})",
            "threshold": "1",
            # no answer is an error, and no wish for none
            "ignoreNullValues": "false",
        },
    }
    spec = {
        "scaleTargetRef": {"name": "triton"},
        "minReplicaCount": bounds.floor,
        "maxReplicaCount": bounds.most_servers,
        "pollingInterval": POLL_SECONDS,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(bounds)}},
        "triggers": [trigger],
    }
    return _document("keda.sh/v1alpha1", "ScaledObject", cluster) | {"spec": spec}


def autoscaler(cluster: Cluster, bounds: Bounds) -> Manifest:
    """The same by an adapter that offers the metric at external.metrics.k8s.io (prometheus-adapter)."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "triton"},
        "minReplicas": bounds.floor,
        "maxReplicas": bounds.most_servers,
        "metrics": [
            {
                "type": "External",
                "external": {
                    "metric": {"name": METRIC},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
            }
        ],
        "behavior": _behavior(bounds),
    }
    return _document("autoscaling/v2", "HorizontalPodAutoscaler", cluster) | {"spec": spec}


def _behavior(bounds: Bounds) -> Manifest:
    """At once, by as many as are wanted, up and down: the decision has waited already."""
    policy = {"type": "Pods", "value": bounds.most_servers, "periodSeconds": POLL_SECONDS}
    at_once = {"stabilizationWindowSeconds": 0, "policies": [policy]}
    return {"scaleUp": at_once, "scaleDown": at_once}


def _document(version: str, kind: str, cluster: Cluster) -> Manifest:
    metadata = {"name": "triton", "namespace": cluster.namespace, "labels": pods.labels("triton")}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
