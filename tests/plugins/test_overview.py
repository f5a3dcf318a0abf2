"""The page with all use cases, inside Airflow's own API server application, on a real object store."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from tests.conftest import ObjectStoreServer
from tests.plugins import made_cases
from tests.plugins.conftest import token_of
from tests.plugins.sample_workflow import connection_json

pytestmark = pytest.mark.usefixtures("airflow_database")
PAGE = "/genai/workflow"


@pytest.fixture
def place(
    object_store_server: ObjectStoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ArtifactStore]:
    """A bucket of the test's own behind Airflow's connection, and a folder of use cases."""
    store = object_store_server.store(bucket=f"overview-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(store.bucket.address))
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path))
    settings.cache_clear()
    yield store
    settings.cache_clear()


def user(role: str | None = "viewer") -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(role)}"}


def row_of(page: str, name: str) -> str:
    """The row of a use case."""
    (found,) = [row for row in page.split("<tr ") if f">{name}\n" in row or f">{name} " in row or f'">{name}<' in row]
    return found


def test_each_use_case_has_a_row_with_its_steps_champion_indicators_and_cost(
    client: Any, place: ArtifactStore, tmp_path: Path
) -> None:
    done, running, broken = (f"{name}_{uuid.uuid4().hex[:6]}" for name in ("done", "running", "broken"))
    made_cases.write_files(tmp_path, [done, running, broken])
    made_cases.make_case(place, done, title="Answers <b>fast</b>")
    states = {"strategy": "success", "data_preparation": "success", "training.pretrain": "running"}
    made_cases.make_case(place, running, states=states, state="running", bits=1.9)

    page = client.get(PAGE, headers=user())
    assert page.status_code == 200
