"""A migrated Airflow database, the store's connection, and a small use case with steps of a few milliseconds."""

import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT, settings
from tests.conftest import ObjectStoreServer
from tests.plugins import airflow_home, sample_workflow
from tests.plugins.sample_workflow import connection_json

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def airflow_database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def stand_ins(object_store_server: ObjectStoreServer) -> Callable[[pytest.MonkeyPatch], None]:
    """Installs the sample use case and its steps, and the connection to the tests' own S3 server."""

    def install(patch: pytest.MonkeyPatch) -> None:
        patch.setenv("AIRFLOW_CONN_GENAI_STORE", sample_workflow.connection_json(object_store_server.address()))
        # of the processes that jobs are, too
        patch.setenv("PYTHONPATH", str(PROJECT_ROOT / "tests" / "plugins" / "stand_ins"))
        for name, module in sample_workflow.modules().items():
            patch.setitem(sys.modules, name, module)

    return install


@pytest.fixture
def sample(stand_ins: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is tested here is the graph, its operators and the view; the steps have tests of their own."""
    stand_ins(monkeypatch)
    yield


@pytest.fixture(scope="session")
def run(airflow_database: None, stand_ins: Callable[[pytest.MonkeyPatch], None]) -> Run:
    """One run of the sample's DAG in this process, with keyword arguments for its conf's overrides."""

    def run_once(conf: dict[str, Any] | None = None) -> Any:
        from airflow.dag_processing.dagbag import DagBag

        with pytest.MonkeyPatch.context() as patch:
            stand_ins(patch)
            bag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags" / "genai_workflow.py")
            assert bag.import_errors == {}
            for task in bag.dags["sample"].tasks:
                # how often is tried counts, not how patiently
                task.retry_delay = timedelta(0)
            return bag.dags["sample"].test(run_conf=conf or {})

    return run_once


@pytest.fixture(scope="session")
def first_run(run: Run) -> Any:
    """A finished run without options."""
    return run()


@pytest.fixture(scope="session")
def client(airflow_database: None) -> Any:
    """Airflow's own API server application, with the plugin."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    return TestClient(create_app(apps="all"), base_url="http://testserver")


def token_of(role: str | None, username: str = "viewer") -> str:
    """The token of a user with a role."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=username, role=role)))


@pytest.fixture(scope="session")
def token(client: Any) -> str:
    """A viewer's token."""
    return token_of("viewer")


@pytest.fixture
def cases(
    object_store_server: ObjectStoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ArtifactStore]:
    """A bucket of the test's own behind the connection, and a folder of use cases, tmp_path, that is empty."""
    store = object_store_server.store(bucket=f"cases-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(store.bucket.address))
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path))
    settings.cache_clear()
    yield store
    settings.cache_clear()


@pytest.fixture(scope="module")
def plans(
    airflow_database: None,
    stand_ins: Callable[[pytest.MonkeyPatch], None],
    object_store_server: ObjectStoreServer,
) -> Iterator[ArtifactStore]:
    """A bucket of these tests' own, in which nothing ran yet, behind the connection."""
    address = object_store_server.address(bucket="plans")
    Bucket(address).ensure()
    with pytest.MonkeyPatch.context() as patch:
        stand_ins(patch)
        patch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(address))
        yield ArtifactStore(address, retries=2)
