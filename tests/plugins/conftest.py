"""A migrated Airflow database, the store's connection, and a small use case with steps of a few milliseconds."""

import sys

import pytest

from tests.conftest import ObjectStoreServer
from tests.plugins import airflow_home, sample_workflow


@pytest.fixture(scope="session")
def airflow_database() -> None:
    from airflow.utils.db import initdb

    assert airflow_home.HOME
    initdb()


@pytest.fixture
def store_connection(object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection `genai_store` to the tests' own S3 server."""
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", sample_workflow.connection_json(object_store_server.address()))


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """include.use_cases and the steps stand-ins: what is tested here is the graph and its operators."""
    for name, module in sample_workflow.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
