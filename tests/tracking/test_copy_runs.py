"""Runs and champions on a real MLflow server, from a real store."""

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import Settings
from include.tracking import server
from include.tracking.copy_runs import Copied, copy_runs, tags_of
from include.tracking.server import Found, TrackingServer
from tests.conftest import ObjectStoreServer
from tests.tracking.made_runs import LOSSES, run_workflow
from tests.tracking.mlflow_server import MlflowServer

CASE, DAY = "tracked", "2026-11-02T00:00:00+00:00"


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    real = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    real.start()
    yield real
    real.kill()


@pytest.fixture
def tracked(object_store_server: ObjectStoreServer, request: pytest.FixtureRequest) -> ArtifactStore:
    """A store of the test's own."""
    bucket = f"tracked-{request.node.name.replace('_', '-')[:40].strip('-')}"
    Bucket(object_store_server.address(bucket=bucket)).ensure()
    return object_store_server.store(bucket=bucket)


def link(use_case: str, run: str) -> str:
    return f"http://airflow/dags/{use_case}/runs/{run}"


def runs_of(there: TrackingServer, use_case: str) -> dict[str, list[Found]]:
    """Active runs by name; nested ones are named with the run that they are in."""
    experiment = there.experiment(use_case)
    active = [run for run in there.runs(experiment, "") if run["info"]["lifecycle_stage"] == "active"]
    names = {run["info"]["run_id"]: run["info"]["run_name"] for run in active}
    found: dict[str, list[Found]] = {}
    for run in active:
        parent = tags_of(run).get("mlflow.parentRunId")
        found.setdefault(
            f"{names[parent]}/{run['info']['run_name']}" if parent else run["info"]["run_name"], []
        ).append(run)
    return found


def test_a_run_is_one_mlflow_run_with_one_in_it_for_each_training(mlflow: MlflowServer, tracked: ArtifactStore) -> None:
    serves = run_workflow(tracked, CASE, "manual__1")
    with TrackingServer.of(mlflow.settings) as there:
        assert copy_runs(tracked, there, link) == Copied(runs=1, versions=1)
        found = runs_of(there, CASE)
        assert {name: len(runs) for name, runs in found.items()} == {
            "manual__1": 1,
            "manual__1/tune lora": 1,
            "manual__1/tune dora": 1,
        }
        run, lora = found["manual__1"][0], found["manual__1/tune lora"][0]
        assert (run["info"]["status"], lora["info"]["status"]) == ("FINISHED", "FINISHED")
        assert ("customization.gate.difference", -0.4) in {(m["key"], m["value"]) for m in run["data"]["metrics"]}
        assert {p["key"]: p["value"] for p in lora["data"]["params"]} == {
            "technique": "lora",
            "rank": "8",
            "targets": '["q", "v"]',
        }
        tags = tags_of(run)
        assert link(CASE, "manual__1") in tags["mlflow.note.content"]
        assert (tags["genai.gate"], tags["genai.run_id"]) == ("passed", "manual__1")
        assert tags["genai.digest.inferencing.deploy"] == serves.package.digest
        curve = there.get("metrics/get-history", run_id=lora["info"]["run_id"], metric_key="loss")["metrics"]
        assert [[point["step"], point["value"]] for point in curve] == LOSSES
        version = there.get("registered-models/alias", name=CASE, alias="champion")["model_version"]
        assert (version["version"], version["run_id"]) == ("1", run["info"]["run_id"])
        assert version["source"] == f"s3://{tracked.bucket.address.bucket}/{serves.package.prefix}"

        assert copy_runs(tracked, there, link) == Copied()
        assert runs_of(there, CASE) == found


def test_a_copy_that_was_killed_anywhere_is_completed_and_nothing_is_there_twice(
    mlflow: MlflowServer, tracked: ArtifactStore
) -> None:
    run_workflow(tracked, "killed", "manual__1")

    class Killed(BaseException):
        pass

    class Mortal(TrackingServer):
        lives = 0

        def _answer(self, method: str, path: str, **content: Any) -> Found:
            if self.lives == 0:
                raise Killed
            self.lives -= 1
            return super()._answer(method, path, **content)

    with Mortal.of(mlflow.settings) as there:
        for lives in itertools.count(1, 2):
            there.lives = lives
            try:
                copy_runs(tracked, there, link)
                break
            except Killed:
                continue
        assert lives > 5
        there.lives = -1
        assert {name: len(runs) for name, runs in runs_of(there, "killed").items()} == {
            "manual__1": 1,
            "manual__1/tune lora": 1,
            "manual__1/tune dora": 1,
        }
        assert [version["version"] for version in there.versions("killed")] == ["1"]
        assert copy_runs(tracked, there, link) == Copied()


def test_what_the_store_says_anew_replaces_what_was_copied(mlflow: MlflowServer, tracked: ArtifactStore) -> None:
    with TrackingServer.of(mlflow.settings) as there:
        run_workflow(tracked, "changed", "manual__1")
        copy_runs(tracked, there, link)
        run_workflow(tracked, "changed", "manual__1", rank=16)
        second = run_workflow(tracked, "changed", "manual__2", rank=32, as_of=DAY)
        # of the first champion, which nobody saw serving, there is a version too
        assert copy_runs(tracked, there, link) == Copied(runs=2, versions=2)
        found = runs_of(there, "changed")
        ranks = {p["value"] for p in found["manual__1/tune lora"][0]["data"]["params"] if p["key"] == "rank"}
        assert (ranks, len(found["manual__1/tune lora"]), len(found)) == ({"16"}, 1, 6)
        tags = there.get("registered-models/alias", name="changed", alias="champion")["model_version"]["tags"]
        assert {tag["key"]: tag["value"] for tag in tags}["genai.model"] == second.model_name

        # what somebody deleted in MLflow stays deleted
        there.post("runs/delete", run_id=found["manual__2"][0]["info"]["run_id"])
        assert copy_runs(tracked, there, link) == Copied()


def test_a_server_that_is_away_or_hangs_is_given_up_and_catches_up_later(
    mlflow: MlflowServer, tracked: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.2)
    run_workflow(tracked, "away", "manual__1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            TrackingServer.of(Settings.model_validate({"mlflow_url": url})) as there,
            pytest.raises(ServerUnavailableError, match="copied the next time"),
        ):
            copy_runs(tracked, there, link)
    with (
        TrackingServer.of(Settings.model_validate({"mlflow_url": url})) as there,
        pytest.raises(ServerUnavailableError, match="ConnectError"),
    ):
        copy_runs(tracked, there, link)
    monkeypatch.undo()
    with TrackingServer.of(mlflow.settings) as there:
        assert copy_runs(tracked, there, link) == Copied(runs=1, versions=1)


def test_credentials_go_to_that_server_and_into_no_message() -> None:
    seen = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(302 if len(seen) == 1 else 403, headers={"location": "http://elsewhere/"})

    settings = Settings.model_validate({"mlflow_url": "http://mlflow", "mlflow_token": "a-secret-token"})
    with TrackingServer.of(settings) as there:
        client = httpx.Client(
            base_url=there.client.base_url, headers=there.client.headers, transport=httpx.MockTransport(refuse)
        )
        for expected in (ServerUnavailableError, ConfigurationError):
            with pytest.raises(expected) as raised:
                TrackingServer(client).experiment(CASE)
            assert "a-secret-token" not in str(raised.value)
    assert seen == ["Bearer a-secret-token"] * 2
