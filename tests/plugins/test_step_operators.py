"""The whole graph and its operators: a real Airflow run on SQLite against a real S3 server."""

import json
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from tests.plugins import airflow_home

pytestmark = pytest.mark.usefixtures("airflow_database", "store_connection", "sample")

TASKS = 29


def run(conf: dict[str, Any] | None = None) -> Any:
    """One run of the sample's DAG in this process."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=f"{airflow_home.PROJECT_ROOT}/dags/genai_workflow.py")
    assert bag.import_errors == {}
    return bag.dags["sample"].test(run_conf=conf or {})


def states(dag_run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in dag_run.get_task_instances()}


def xcom(dag_run: Any, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(
            run_id=dag_run.run_id, key=key, dag_ids="sample", task_ids=task_id, map_indexes=map_index
        )
        row = session.scalars(query).first()
        return XComModel.deserialize_value(row) if row else None


def test_the_whole_graph_runs_and_a_second_run_reuses_every_step(store: ArtifactStore) -> None:
    first, second = run({"evaluation.value": 7}), run({"evaluation.value": 7})

    found = states(first)
    assert len(found) == TASKS and set(found.values()) == {"success"}, found
    assert xcom(first, "data_preparation.aggregate", "shards") == [0, 1, 2]
    assert xcom(first, "inferencing.package") == xcom(second, "inferencing.package")
    reused = {key: xcom(second, key[0], "outcome", key[1]) for key in states(second)}
    assert all(outcome["reused"] for outcome in reused.values() if outcome), reused
    base = xcom(first, "customization.evaluate_base", "outcome")
    assert base["reused"], "the selected model was evaluated in training already"


def test_mapped_tasks_get_every_upstream_output(store: ArtifactStore) -> None:
    dag_run = run()

    lines = store.read(ArtifactRef.model_validate(xcom(dag_run, "data_preparation.check")), "lines.txt").decode()
    gate = store.read(ArtifactRef.model_validate(xcom(dag_run, "customization.gate")), "lines.txt").decode()
    shard = store.read(ArtifactRef.model_validate(xcom(dag_run, "data_preparation.clean", map_index=2)), "lines.txt")
    assert (lines.count("anonymized "), lines.count("cleaned "), lines.count("charter ")) == (3, 3, 1)
    assert (gate.count("adapters "), gate.count("evaluations ")) == (2, 2)
    assert b"shard 2" in shard
    labels = {
        ti.rendered_map_index
        for ti in dag_run.get_task_instances()
        if ti.task_id in ("customization.tune", "data_preparation.clean")
    }
    assert labels == {"lora", "prompt_tuning", "shard 0", "shard 1", "shard 2"}


def test_a_changed_knob_reruns_what_depends_on_it_and_says_so() -> None:
    run()
    changed = run({"customization.lora.rank": 16, "overrides": {"customization.techniques": ["lora"]}})

    assert [key[1] for key in states(changed) if key[0] == "customization.tune"] == [0]
    assert xcom(changed, "training.pretrain", "outcome")["reused"]
    tuned = xcom(changed, "customization.tune", "outcome", 0)
    assert (tuned["reused"], tuned["reason"]) == (False, "ran: customization.lora.rank 8 -> 16")


def test_force_rerun_makes_every_artifact_anew() -> None:
    run()
    forced = run({"force_rerun": True})

    assert xcom(forced, "strategy.charter", "outcome")["reason"] == "ran: forced"


def test_a_permanent_error_fails_at_once_and_a_transient_one_is_retried() -> None:
    permanent = run({"overrides": {"data_preparation.aggregate.error": "permanent"}})
    transient = run({"overrides": {"data_preparation.aggregate.error": "transient"}})

    assert states(permanent)["data_preparation.aggregate", -1] == "failed"
    assert states(permanent)["data_preparation.deduplicate", -1] == "upstream_failed"
    ti = permanent.get_task_instance("data_preparation.aggregate")
    assert (ti.try_number, ti.max_tries) == (1, 2)
    # every try of a transient error is used before the task fails
    again = transient.get_task_instance("data_preparation.aggregate")
    assert (str(again.state), again.try_number) == ("failed", 3)


def test_a_gate_that_is_not_passed_stops_the_run_and_keeps_its_report(store: ArtifactStore) -> None:
    stopped = run({"overrides": {"customization.gate.passed": False}})

    found = states(stopped)
    assert found["customization.gate", -1] == "failed"
    assert found["inferencing.package", -1] == "upstream_failed"
    assert stopped.get_task_instance("customization.gate").try_number == 1
    ref = ArtifactRef.model_validate(xcom(stopped, "customization.gate"))
    assert b"customization.gate" in store.read(ref, "report.html")


@pytest.mark.parametrize("conf", [{"rank": 4}, {"overrides": [1]}, {"overrides": {"customization.lora.rank": -1}}])
def test_a_wrong_option_fails_the_first_task(conf: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    try:
        dag_run = run(conf)
    except (ParamValidationError, ValueError):
        return  # refused by the form's JSON schema before anything runs
    assert states(dag_run)["strategy.charter", -1] == "failed"


def test_no_secret_is_in_any_xcom(store: ArtifactStore) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run()
    with create_session() as session:
        values = json.dumps([str(row.value) for row in session.scalars(select(XComModel))])
    assert store.bucket.address.access_key not in values
    assert store.bucket.address.secret_key.get_secret_value() not in values
