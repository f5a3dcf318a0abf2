"""What a task read and wrote, for the OpenLineage events of Airflow's own provider; nothing without a transport."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


@dataclass
class Trace:
    """A task's inputs from before it ran, and its outcome from after; names and digests only, never a secret."""

    bucket: str
    inputs: tuple[ArtifactRef, ...]
    outcome: Outcome | None = None
    served_as: str = ""
    """Prefix in the bucket that a deployment copied its package to."""


class LineageEvents:
    """The methods by which the provider asks an operator what it read and wrote."""

    trace: Trace | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage":
        """The artifacts that the task read, and the one that it made, reused or deployed."""
        from airflow.providers.openlineage.extractors import OperatorLineage

        if self.trace is None:
            return OperatorLineage()
        namespace, outcome = f"s3://{self.trace.bucket}", self.trace.outcome
        inputs = [_dataset(namespace, ref) for ref in dict.fromkeys(self.trace.inputs)]
        outputs = []
        if outcome and self.trace.served_as:
            outputs = [_dataset(namespace, outcome.ref, self.trace.served_as, reused=outcome.reused)]
        elif outcome:
            outputs = [_dataset(namespace, outcome.ref, reused=outcome.reused)]
        return OperatorLineage(inputs=inputs, outputs=outputs)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> "OperatorLineage":
        """The same, as far as the task came: a gate that is not passed has its report."""
        return self.get_openlineage_facets_on_complete(task_instance)


def _dataset(namespace: str, ref: ArtifactRef, name: str = "", *, reused: bool | None = None) -> Any:
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import DatasetFacet, dataset_type_dataset, dataset_version_dataset

    known: dict[str, Any] = {"kind": ref.kind, "step": ref.step, "fingerprint": ref.fingerprint, "digest": ref.digest}
    known |= {} if reused is None else {"reused": reused}
    facets = {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=ref.digest),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType=ref.kind.upper()),
        "genai_artifact": DatasetFacet().with_additional_properties(**known),
    }
    return Dataset(namespace=namespace, name=name or ref.prefix, facets=facets)
