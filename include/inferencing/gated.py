"""No package serves without a gate that it has passed: read from the manifests, whatever the alias says."""

import json
from typing import Any

from pydantic import ValidationError

from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, GateError
from include.evaluation.content import content
from include.inferencing.champion import Serving

GATE_STEP = "customization.gate"
INFO = "package_info.json"


def require_gated(store: ArtifactStore, serving: Serving) -> None:
    """GateError unless a gate let the package's adapter pass, on the package's model, and each live adapter too.

    All that it reads is named by digests, so that its answer for one `serving` never changes.
    """
    if not serving.model_name.endswith(f"-{serving.package.digest[:12]}"):
        raise _refused(serving.model_name, "the name is not that of the package", "Deploy it anew")
    if serving.gate is None:
        raise _refused(serving.model_name, "no gate let it pass", "Run its workflow: the gate names what may serve")
    package = store.manifest(serving.package)
    _require_passed(store, serving.model_name, serving.gate, package.inputs.get("adapter"), package)
    for name, adapter in _live_adapters(store, package).items():
        told = f"{serving.model_name}:{name}"
        try:
            ref, gate = (ArtifactRef.model_validate(adapter.get(key)) for key in ("ref", "gate"))
        except (ValidationError, AttributeError):
            raise _refused(told, f"{INFO} names no gate of this live adapter", "Package it with its gate") from None
        _require_passed(store, told, gate, ref, package)


def _live_adapters(store: ArtifactStore, package: Manifest) -> dict[str, Any]:
    """Name -> what package_info.json says of a live adapter."""
    if all(entry.path != INFO for entry in package.files):
        return {}
    found = json.loads(store.read(package.ref, INFO)).get("adapters") or {}
    return dict(found)


def _require_passed(store: ArtifactStore, told: str, gate: ArtifactRef, adapter: object, package: Manifest) -> None:
    if gate.step != GATE_STEP:
        raise _refused(told, f"{gate} is no gate's report", f"Only a report of {GATE_STEP} lets a package serve")
    try:
        report = store.manifest(gate)
    except ArtifactNotFoundError as error:
        raise _refused(told, f"its gate's report {gate} is gone", "Run its workflow again") from error
    if report.metrics.get("passed") is not True:
        raise _refused(told, f"its gate is not passed: {report.metrics.get('verdict', 'see the report')}", "Improve it")
    if _content(report.metrics.get("selected")) != content(adapter) or adapter is None:
        raise _refused(told, f"the gate {gate} chose another adapter", "Package the adapter that the gate chose")
    if content(report.inputs.get("model")) != content(package.inputs.get("model")):
        raise _refused(told, f"the gate {gate} judged another model", "Package the model that the gate judged")


def _content(ref: Any) -> tuple[str, str] | None:
    """Of a reference in JSON."""
    try:
        return content(ArtifactRef.model_validate(ref))
    except ValidationError:
        return None


def _refused(name: str, problem: str, remedy: str) -> GateError:
    return GateError("package", name, problem, remedy)
