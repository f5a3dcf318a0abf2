"""A pod for an administrator's commands: gateways may read who asks them, and may not write it."""

from include.inferencing.scaling.pods import Cluster, Manifest, deployment, program

ADMIN = "admin"
# it ends by itself: who forgets to delete it leaves no pod with these keys behind
HOURS = 1
GRACE_SECONDS = 5


def admin_pod(cluster: Cluster) -> Manifest:
    """A pod that waits for `kubectl exec`: a key that is made there is shown in that terminal, and in no log."""
    container = program(cluster, ADMIN, ["sleep", str(HOURS * 3600)], {})
    pod = deployment(cluster, ADMIN, container, GRACE_SECONDS, 1)["spec"]["template"]
    metadata = {"name": ADMIN, "namespace": cluster.namespace, "labels": pod["metadata"]["labels"]}
    once = {"restartPolicy": "Never", "activeDeadlineSeconds": HOURS * 3600}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"] | once}
