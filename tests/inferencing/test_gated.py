"""What no gate let pass does not serve, whatever an alias says."""

from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.core.errors import GateError
from include.inferencing import champion
from include.inferencing.champion import Serving
from include.inferencing.gated import require_gated
from tests.gates import gate_of, made_package, serving_of


def _other(work: Workspace, **_: Any) -> None:
    (work.output / "page.txt").write_text("no gate")
    work.metrics |= {"passed": True}


def other_report(store: ArtifactStore) -> ArtifactRef:
    step: Step[...] = Step(_other, "report")  # type: ignore[arg-type]
    return step.run(store, {}).ref


def test_a_package_that_its_gate_let_pass_serves(store: ArtifactStore) -> None:
    require_gated(store, serving_of(store, "gated", made_package(store, "good")))


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("none", "no gate let it pass"),
        ("not passed", "its gate is not passed: as the test wants it"),
        ("another adapter", "chose another adapter"),
        ("another model", "judged another model"),
        ("no gate", "is no gate's report"),
        ("another name", "the name is not that of the package"),
        ("live adapter", "names no gate of this live adapter"),
        ("live adapter of another gate", ":theirs.* chose another adapter"),
    ],
)
def test_what_keeps_a_package_from_serving_is_named(store: ArtifactStore, case: str, problem: str) -> None:
    package, gate, name = made_package(store, "good"), None, ""
    if case == "not passed":
        gate = gate_of(store, package, passed=False)
    elif case == "another adapter":
        gate = gate_of(store, made_package(store, "good", adapter="other"))
    elif case == "another model":
        gate = gate_of(store, made_package(store, "good", model="other"))
    elif case == "no gate":
        gate = other_report(store)
    elif case == "another name":
        gate, name = gate_of(store, package), "gated-000000000000"
    elif case.startswith("live"):
        gate = gate_of(store, package)
        live = {
            "ref": store.manifest(made_package(store, "good", adapter="theirs")).inputs["adapter"],
            "gate": gate,
        }
        told = {"theirs": live if "another" in case else {"ref": live["ref"]}}
        package = made_package(store, "good", adapters=told)
    with pytest.raises(GateError, match=problem):
        require_gated(
            store, Serving(model_name=name or champion.model_name("gated", package), package=package, gate=gate)
        )
