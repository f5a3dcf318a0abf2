"""The race's tasks on a real Airflow: two rungs, a champion that serves, people who approve, and the plan after it."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from tests.conftest import ObjectStoreServer
from tests.gates import put_in_service
from tests.plugins import sample_use_case
from tests.plugins.conftest import token_of
from tests.plugins.sample_workflow import connection_json
from tests.plugins.test_approval_operator import People
from tests.plugins.test_step_operators import lines, states, xcom
from tests.training.hand_made import hand_made_adapter, hand_made_model

pytestmark = pytest.mark.timeout(200)
APPROVE = "customization.approve"
IN_FILE = {"customization.race.rungs": (0.5, 1.0), "customization.gate.approval": {"required": True}}


def load(name: str, overrides: dict[str, Any] | None = None) -> Any:
    return sample_use_case.load_use_case(name, IN_FILE | (overrides or {}))


@pytest.fixture
def place(
    airflow_database: None,
    sample: None,
    object_store_server: ObjectStoreServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ArtifactStore]:
    """A bucket of these tests' own, behind the connection, and a use case that asks for all of it."""
    address = object_store_server.address(bucket="race")
    Bucket(address).ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(address))
    monkeypatch.setattr(sys.modules["include.use_cases"], "load_use_case", load)
    yield ArtifactStore(address, retries=2)


def serve(store: ArtifactStore) -> tuple[ArtifactRef, ArtifactRef]:
    """A champion of the use case, and the model and the adapter that its package was made of."""
    model = hand_made_model(store, name="old", parameters=1, license="MIT")
    adapter = hand_made_adapter(store, technique="lora", base=model)
    package = sys.modules["include.inferencing.package"].package(store, model=model, adapter=adapter)
    run = RunName(use_case="sample", run_id="before", as_of="2024-01-01T00:00:00+00:00")
    serving = champion.Serving(model_name=champion.model_name("sample", package), package=package)
    assert put_in_service(store, run, serving).champion
    return model, adapter


def test_half_goes_on_from_its_adapter_and_people_approve_what_the_gate_chose(
    place: ArtifactStore, client: Any
) -> None:
    from genai_airflow.plan import plan
    from genai_workflow import genai_workflow

    old = serve(place)
    dag = genai_workflow(load("sample"))
    people = People(client, {APPROVE: ("ada", "Approve", "well measured")}, None)
    with people:
        ran = dag.partial_subset(["customization.model_card"], include_upstream=True).test()

    found = states(ran)
    assert set(found.values()) == {"success"}, found
    tuned = {index for task, index in found if task == "customization.rung_1.tune"}
    assert (tuned, [index for task, index in found if task == "customization.tune"]) == ({0, 1}, [0])
    begun = ArtifactRef.model_validate(xcom(ran, "customization.rung_1.tune", map_index=0))
    assert f"resume {begun}" in lines(place, ran, "customization.tune", 0)
    manifest = place.manifest(ArtifactRef.model_validate(xcom(ran, "customization.tune", map_index=0)))
    assert manifest.parts.config["share"] == 1.0 and place.manifest(begun).parts.config["share"] == 0.5
    judged = place.manifest(ArtifactRef.model_validate(xcom(ran, "customization.rung_1.evaluate", map_index=1)))
    assert judged.parts.config["split"] == "development"
    labels = {ti.rendered_map_index for ti in ran.get_task_instances() if ti.task_id == "customization.evaluate"}
    assert labels == {"lora"}

    gate = lines(place, ran, "customization.gate")
    assert (gate.count("adapters "), gate.count("rungs ")) == (1, 1)
    evaluated = lines(place, ran, "customization.evaluate_champion")
    assert f"model {old[0]}" in evaluated and f"adapter {old[1]}" in evaluated

    assert "[the model](" in people.asked[0]["body"]
    card = place.manifest(ArtifactRef.model_validate(xcom(ran, "customization.model_card")))
    said = card.parts.config["approvals"]
    assert [(one["of"], one["choice"], one["name"], one["comment"]) for one in said] == [
        ("model", "approved", "ada", "well measured")
    ]
    page = f"/genai/reports/sample/{ran.run_id}/customization.gate"
    shown = client.get(page, headers={"Authorization": f"Bearer {token_of('admin', 'reader')}"}).text
    assert "<td>ada</td>" in shown and "well measured" in shown

    assert "customization.model_card" in dag.get_task("inferencing.deploy").upstream_task_ids
    told = {task.task: task for task in plan(dag, place).tasks if task.task.startswith("customization.")}
    assert {task.state for task in told.values()} == {"reused"}, {name: task.reason for name, task in told.items()}
    assert [len(told[f"customization.{name}"].instances) for name in ("rung_1.tune", "tune")] == [2, 1]


@pytest.mark.parametrize(
    ("path", "value"),
    [("customization.race.rungs", [1.0]), ("customization.gate.approval", {"required": False})],
)
def test_a_run_does_not_change_which_tasks_there_are(place: ArtifactStore, path: str, value: Any) -> None:
    from genai_airflow.planned_run import planned_run
    from genai_airflow.run_options import load_for_run
    from genai_workflow import genai_workflow

    from include.core.errors import ConfigurationError

    dag = genai_workflow(load("sample"))
    with pytest.raises(ConfigurationError, match="a run does not change"):
        load_for_run(planned_run(dag, {path: value}, "", force=False).context())
    changed = planned_run(dag, {"customization.race.rungs": [0.25, 1.0]}, "", force=False)
    assert load_for_run(changed.context()).customization.race.rungs == (0.25, 1.0)
