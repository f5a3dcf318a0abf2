"""Who sees what of a lineage, inside Airflow's own API server application."""

import uuid
from typing import Any

import pytest

from include.artifacts.history import Place
from include.artifacts.ref import ArtifactRef, Kind
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from tests.conftest import ObjectStoreServer
from tests.plugins.sample_workflow import connection_json

OPEN, CLOSED = "open_assistant", "closed_assistant"


@pytest.fixture
def store(object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """A bucket of the test's own behind the connection."""
    found = object_store_server.store(bucket=f"lineage-{uuid.uuid4().hex[:12]}")
    found.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(found.bucket.address))
    return found


@pytest.fixture
def may_read_one(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    def only_one(*, method: str, user: Any, details: Any = None, access_entity: Any = None) -> bool:
        return details is None or details.id in (None, OPEN)

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", only_one)


def _work(work: Workspace, **arguments: Any) -> None:
    (work.output / "made.txt").write_text(f"{work.step} {sorted(arguments)}")


def made(store: ArtifactStore, use_case: str, task: str, kind: Kind, **inputs: ArtifactRef) -> ArtifactRef:
    step: Step[...] = Step(_work, kind)
    step.name = task
    place = Place(use_case=use_case, run_id="one", as_of="2026-11-01T00:00:00+00:00", task=task)
    return step.run(store, dict(inputs), place=place).ref


@pytest.mark.usefixtures("may_read_one")
def test_what_other_use_cases_made_is_for_those_who_may_read_their_dag(
    client: Any, token: str, store: ArtifactStore
) -> None:
    dataset = made(store, OPEN, "data_preparation.check", "dataset")
    made(store, OPEN, "training.pretrain", "model", dataset=dataset)
    secret = made(store, CLOSED, "customization.tune", "adapter", dataset=dataset)
    user = {"Authorization": f"Bearer {token}"}

    def page(of: str, artifact: ArtifactRef, **more: str) -> Any:
        asked = {"artifact": f"{artifact.step}/{artifact.fingerprint}"} | more
        return client.get(f"/genai/lineage/{of}", params=asked, headers=user)

    ahead = page(OPEN, dataset, forward="true")
    assert ahead.status_code == 200 and "pretrain, training" in ahead.text
    assert secret.fingerprint not in ahead.text and "customization" not in ahead.text
    assert "1 artifacts are of use cases that you may not see" in ahead.text
    behind = page(OPEN, secret)
    assert "none that you may see" in behind.text and dataset.fingerprint not in behind.text
    assert page(CLOSED, dataset).status_code == client.get(f"/genai/runs/{CLOSED}/one", headers=user).status_code == 403
    assert client.get(f"/genai/lineage/{OPEN}").status_code == 401
    assert page(OPEN, dataset, at="<script>alert(1)</script>").text.count("<script>alert") == 0
