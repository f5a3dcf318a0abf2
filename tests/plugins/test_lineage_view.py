"""Who sees what of a lineage, inside Airflow's own API server application."""

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.history import Place
from include.artifacts.ref import ArtifactRef, Kind
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.inferencing import champion
from tests.conftest import ObjectStoreServer
from tests.plugins import made_cases
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


def test_a_page_reads_one_use_case_and_of_its_runs_those_that_it_shows(
    client: Any, token: str, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [made_cases.MOMENT + timedelta(days=day) for day in range(20)]
    for use_case in (OPEN, CLOSED):
        made_cases.make_results(store, use_case)
        package = champion.read_alias(store.bucket, use_case)[0].champion
        assert package
        for moment in moments:
            run = made_cases.run_name(use_case, f"run_of_{moment:%d}", moment)
            for task in ("strategy.charter", "customization.gate", "inferencing.deploy"):
                made_cases.keep_record(store, run, task, package.package, deployed=True)
    asked: Counter[str] = Counter()
    real = Bucket.get_bytes

    def counted(self: Bucket, key: str) -> Any:
        asked[key.rpartition("/-1/")[0] or key] += 1
        return real(self, key)

    monkeypatch.setattr(Bucket, "get_bytes", counted)
    headers = {"Authorization": f"Bearer {token}"}
    package = champion.read_alias(store.bucket, OPEN)[0].champion.package  # type: ignore[union-attr]
    of = {"artifact": f"{package.step}/{package.fingerprint}"}
    for query in ({}, {"run": f"run_of_{moments[-1]:%d}"}, of, of | {"forward": "true"}):
        asked.clear()
        page = client.get(f"/genai/lineage/{OPEN}", params=query, headers=headers)
        assert page.status_code == 200 and f"run_of_{moments[-1]:%d}" in page.text
        assert f"run_of_{moments[0]:%d}" not in page.text.split("</nav>")[0]
        assert [key for key in asked if CLOSED in key] == [], query
        # its own run's among them
        assert asked[f"runs/{OPEN}/strategy.charter"] <= 9
        assert asked[f"runs/{OPEN}/customization.gate"] <= 1
