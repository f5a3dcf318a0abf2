"""The nightly sweep as Airflow runs it, on a real S3 server."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from include.artifacts.ref import artifact_prefix
from include.artifacts.store import BIRTH, WINDOW
from tests.conftest import ObjectStoreServer
from tests.plugins import airflow_home, sample_workflow


@pytest.mark.usefixtures("airflow_database")
def test_the_sweep_deletes_unless_it_is_a_dry_run(
    object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = object_store_server.store(bucket=f"sweep-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", sample_workflow.connection_json(store.bucket.address))
    born = f"{datetime.now(UTC) - WINDOW * 2:{BIRTH}}-{'a' * 12}"
    key = f"{artifact_prefix('tests.lost', 'f' * 64)}/{born}/ab/x.bin"
    store.bucket.put_bytes(key, b"lost")

    listed = swept({"dry_run": True, "keep_runs": 3})
    assert listed == {"deleted": False, "objects": 1, "bytes": 4, "artifacts": 0, "uploads": 0}
    assert store.bucket.keys("") == [key]
    assert swept({})["deleted"] and store.bucket.keys("") == []


def swept(conf: dict[str, Any]) -> Any:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    bag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags" / "genai_store_sweep.py")
    run = bag.dags["genai_store_sweep"].test(run_conf=conf)
    with create_session() as session:
        query = XComModel.get_many(run_id=run.run_id, key="return_value", dag_ids=run.dag_id, task_ids="sweep")
        value = XComModel.deserialize_value(session.scalars(query).one())
    return json.loads(value) if isinstance(value, str) else value
