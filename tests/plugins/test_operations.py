"""The DAG of operations as Airflow runs it, on a real S3 server."""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from tests.conftest import ObjectStoreServer
from tests.inferencing.operations.scene import complaint, exchanges, put_served, question, write_asked, write_traffic
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


def returned(run: Any, task: str) -> ArtifactRef:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from genai_airflow.references import restore_refs

    with create_session() as session:
        query = XComModel.get_many(run_id=run.run_id, key="return_value", dag_ids=run.dag_id, task_ids=task)
        found: ArtifactRef = restore_refs(XComModel.deserialize_value(session.scalars(query).one()))
    return found


@pytest.mark.usefixtures("sample")
def test_the_graph_reads_like_operations_and_watches_from_the_start() -> None:
    dag = the_dag()

    assert sorted(dag.task_dict) == sorted([*LOOKS, "serves"])
    assert dag.task_dict["retrain"].upstream_task_ids == {"drift"}
    assert dag.task_dict["retrain"].trigger_dag_id == "sample"
    assert dag.task_dict["serves"].downstream_task_ids == set(LOOKS) - {"retrain"}
    assert all(task.doc_md for task in dag.tasks)
    assert (dag.is_paused_upon_creation, dag.max_active_runs, dag.max_active_tasks, dag.catchup) == (False, 1, 1, False)


def test_while_nothing_serves_a_run_ends_well_and_does_nothing(store: ArtifactStore) -> None:
    run = the_dag().test()

    assert run.state == "success"
    assert states(run) == {"serves": "success", **dict.fromkeys(LOOKS, "skipped")}
    assert store.bucket.keys("") == []


def test_a_burnt_budget_fails_its_task_with_its_page_and_drift_starts_the_workflow_once(store: ArtifactStore) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    draw, hour = random.Random(1), datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    served = put_served(store, "sample", questions=[question(draw) for _ in range(200)])
    write_traffic(store.bucket, served.model_name, hour - timedelta(hours=2), 3, failed=2)
    write_asked(store.bucket, "sample", exchanges([complaint(draw) for _ in range(200)], hour - timedelta(minutes=1)))
    know_the_workflow()

    part = the_dag().partial_subset(["serves", "error_budget", "drift", "retrain"])
    first, again = part.test(), part.test()

    for run in (first, again):
        assert states(run)["error_budget"] == "failed"
        page = store.read(returned(run, "error_budget"), "report.html").decode()
        assert "Not passed" in page and "answered is burnt" in page
    # the request is open until its run has judged a model
    assert [states(run)["retrain"] for run in (first, again)] == ["success", "skipped"]
    assert "Started" in store.read(returned(first, "retrain"), "report.html").decode()
    with create_session() as session:
        started = session.query(DagRun).filter(DagRun.dag_id == "sample", DagRun.run_id.startswith("retraining__"))
        assert [list(run.conf) for run in started] == [["as_of"]]


def test_a_backfill_mends_and_trains_nothing(store: ArtifactStore) -> None:
    put_served(store, "sample", questions=[question(random.Random(1))])
    part = the_dag().partial_subset(["serves", "probe", "drift", "retrain"])

    run = part.test(logical_date=datetime.now(UTC) - timedelta(hours=3))

    assert states(run) == {"serves": "success", "probe": "skipped", "drift": "success", "retrain": "skipped"}


def know_the_workflow() -> None:
    """The sample's workflow in Airflow's database, as a person has let it run."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    DagBundlesManager().sync_bundles_to_db()
    path = airflow_home.PROJECT_ROOT / "dags" / "genai_workflow.py"
    sync_bag_to_db(
        BundleDagBag(dag_folder=path, bundle_path=path.parent, bundle_name="dags-folder"), "dags-folder", None
    )
    with create_session() as session:
        session.get(DagModel, "sample").is_paused = False
