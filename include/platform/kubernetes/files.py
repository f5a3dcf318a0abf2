"""All files of a cluster: what kubectl applies, in a folder; what Helm reads and an administrator's pod, below it."""

from pathlib import Path
from typing import Literal

import yaml

from include.inferencing.scaling import manifests
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.pods import Cluster, Manifest
from include.platform.kubernetes import accounts, network
from include.platform.kubernetes.admin import admin_pod
from include.platform.kubernetes.airflow_values import Airflow, airflow_values

VALUES = "helm/airflow-values.yaml"
# made when it is needed, so not in the folder that is applied
ADMIN_POD = "admin/pod.yaml"


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, and text of several lines as such."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Plain.add_representer(str, _text)


def files(
    cluster: Cluster,
    bounds: Bounds,
    release: Airflow,
    scaled_by: Literal["keda", "hpa"],
    outside: network.Outside,
) -> dict[str, list[Manifest]]:
    """Path -> documents. `kubectl apply -f` takes the folder as it is: names are in the order that they are needed."""
    serving = manifests.manifests(cluster, bounds)
    left_out = {"keda": "hpa.yaml", "hpa": "keda.yaml"}[scaled_by]
    return {
        "00-namespace.yaml": [accounts.namespace(cluster)],
        "10-accounts.yaml": [*accounts.accounts(cluster), *accounts.rights(cluster)],
        "20-network.yaml": network.policies(cluster, outside),
        **{f"30-{name}": found for name, found in serving.items() if name != left_out},
        ADMIN_POD: [admin_pod(cluster)],
        VALUES: [airflow_values(release)],
    }


def write(found: dict[str, list[Manifest]], folder: Path) -> list[Path]:
    """Write the files; their paths."""
    for name, documents in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=120), encoding="utf-8")
    return [folder / name for name in found]
