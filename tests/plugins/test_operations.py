"""The DAG of operations as Airflow runs it, on a real S3 server."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from tests.conftest import ObjectStoreServer
from tests.plugins import airflow_home
from tests.plugins.sample_workflow import connection_json

LOOKS = ["capacity", "cost", "drift", "error_budget", "probe", "retrain", "weekly_page"]


@pytest.fixture
def store(
    airflow_database: None,
    stand_ins: Callable[[pytest.MonkeyPatch], None],
    object_store_server: ObjectStoreServer,
    monkeypatch: pytest.MonkeyPatch,
) -> ArtifactStore:
    """A store in which nothing has happened, behind the connection."""
    stand_ins(monkeypatch)
    found = object_store_server.store(bucket=f"operations-{uuid.uuid4().hex[:12]}")
    found.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(found.bucket.address))
    return found


def the_dag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags" / "genai_operations.py")
    assert bag.import_errors == {}
    return bag.dags["sample_operations"]


def states(run: Any) -> dict[str, str]:
    return {task.task_id: str(task.state) for task in run.get_task_instances()}


@pytest.mark.usefixtures("sample")
def test_the_graph_reads_like_operations_and_begins_paused() -> None:
    dag = the_dag()

    assert sorted(dag.task_dict) == sorted([*LOOKS, "serves"])
    assert dag.task_dict["retrain"].upstream_task_ids == {"drift"}
    assert dag.task_dict["retrain"].trigger_dag_id == "sample"
    assert dag.task_dict["serves"].downstream_task_ids == set(LOOKS) - {"retrain"}
    assert all(task.doc_md for task in dag.tasks)
    assert (dag.is_paused_upon_creation, dag.max_active_runs, dag.max_active_tasks, dag.catchup) == (True, 1, 1, False)


def test_while_nothing_serves_a_run_ends_well_and_does_nothing(store: ArtifactStore) -> None:
    run = the_dag().test()

    assert run.state == "success"
    assert states(run) == {"serves": "success", **dict.fromkeys(LOOKS, "skipped")}
    assert store.bucket.keys("") == []
