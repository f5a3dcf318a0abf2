"""One `docker compose up` without Docker: every program that exists here, by compose's own command, environment and
health check."""

import itertools
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
from pydantic import SecretStr

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import PROJECT_ROOT, Settings
from include.local import object_store
from include.local.compose_env import compose_environment, write_environment
from include.local.compose_store import prepare_bucket
from include.local.store_roles import COMPOSE, policy, roles
from include.tracking.copy_runs import Copied, copy_runs, tags_of
from include.tracking.server import Found, TrackingServer
from tests.conftest import ObjectStoreServer
from tests.faults.serving.packages import stand_in
from tests.gates import put_in_service, serving_of
from tests.inferencing.conftest import run_of
from tests.platform.containers import Containers, composed
from tests.platform.monitoring import exposed, expressions, metrics_in
from tests.tracking.made_runs import LOSSES, run_workflow

DAGS = PROJECT_ROOT / "tests" / "platform" / "dags"
CASE, DAY = "tracked", "2026-11-02T00:00:00+00:00"
REPOSITORY = "inferencing/repository"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "worker-training")
SERVING = ("triton", "serving-control", "serving-scaler", "gateway", "mlflow")


def store_server(folder: Path, secrets: dict[str, str]) -> ObjectStoreServer:
    """The local S3 server in MinIO's place, with the users that MinIO would have."""
    server = ObjectStoreServer(folder)

    def identity(name: str, *actions: str) -> object_store.Identity:
        keys = {kind: secrets[f"S3_{name.upper()}_{kind.upper()}"] for kind in ("access_key", "secret_key")}
        return object_store.Identity(name=name, actions=actions, **keys)

    server.admin = identity("root", "Admin", "Read", "Write", "List", "Tagging")
    policies = {name: policy(roles(REPOSITORY)[name], "genai") for name in COMPOSE}
    object_store.write_identities(folder / "s3.json", server.admin, *map(identity, policies), policies=policies)
    server.start()
    prepare_bucket(server.store().bucket, REPOSITORY)
    return server


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path, values = tmp_path_factory.mktemp("env") / ".env", compose_environment()
    write_environment(path, values)
    return path, values


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, secrets: tuple[Path, dict[str, str]]) -> Iterator[Containers]:
    server = store_server(tmp_path_factory.mktemp("store"), secrets[1])
    containers = Containers(
        composed(secrets[0])["services"], tmp_path_factory.mktemp("compose"), server.port, dags=DAGS
    )
    try:
        for name in ("postgres", "redis", *SERVING[:1]):
            containers.start(name)
        containers.await_health("postgres", "redis")
        containers.complete("databases")
        containers.complete("databases")  # each `docker compose up` runs it again
        for name in SERVING[1:]:
            containers.start(name)
        containers.complete("init")
        for name in AIRFLOW:
            containers.start(name)
        yield containers
    finally:
        containers.stop()
        server.kill()


@pytest.fixture
def own(up: Containers, secrets: tuple[Path, dict[str, str]]) -> StoreAddress:
    """The composition's store, with the workflow's keys."""
    keys = {kind: secrets[1][f"S3_WORKFLOW_{kind.upper()}"] for kind in ("access_key", "secret_key")}
    return StoreAddress.model_validate({"endpoint": f"127.0.0.1:{up.ports['minio']}", "bucket": "genai"} | keys)


@pytest.fixture
def mlflow(up: Containers, secrets: tuple[Path, dict[str, str]]) -> Settings:
    """The settings that reach compose's MLflow."""
    up.await_health("mlflow")
    url = f"http://127.0.0.1:{up.ports['mlflow']}"
    password = secrets[1]["MLFLOW_ADMIN_PASSWORD"]
    return Settings.model_validate({"mlflow_url": url, "mlflow_user": "admin", "mlflow_password": password})


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


def test_a_run_is_one_mlflow_run_with_one_in_it_for_each_training(mlflow: Settings, tracked: ArtifactStore) -> None:
    serves = run_workflow(tracked, CASE, "manual__1")
    with TrackingServer.of(mlflow) as there:
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
    mlflow: Settings, tracked: ArtifactStore
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

    with Mortal.of(mlflow) as there:
        for lives in itertools.count(1, 3):
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


def test_what_the_store_says_anew_replaces_what_was_copied(mlflow: Settings, tracked: ArtifactStore) -> None:
    with TrackingServer.of(mlflow) as there:
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
    mlflow: Settings, tracked: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.tracking.server.ANSWER_SECONDS", 0.2)
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
    with TrackingServer.of(mlflow) as there:
        assert copy_runs(tracked, there, link) == Copied(runs=1, versions=1)


def test_all_programs_come_up_healthy_with_what_compose_gives_them(up: Containers) -> None:
    up.await_health(*up.running)
    assert all(process.poll() is None for process in up.running.values())


def test_tasks_run_on_the_workers_of_their_queue_which_reach_no_database(
    up: Containers, secrets: tuple[Path, dict[str, str]]
) -> None:
    up.await_health("worker", "worker-training", "api-server", "scheduler", "dag-processor")
    found = run_dag(up, "two_queues", json.loads(secrets[1]["AIRFLOW_PASSWORDS_JSON"])["admin"])
    assert found == {
        "anywhere": {"worker": "worker@", "database": False, "read": "1"},
        "on_devices": {"worker": "training@", "database": False, "read": "1"},
    }


def test_the_dag_copies_to_the_mlflow_that_compose_starts(
    up: Containers, mlflow: Settings, own: StoreAddress, secrets: tuple[Path, dict[str, str]]
) -> None:
    run_workflow(ArtifactStore(own), "composed", "manual__1")
    up.await_health("worker", "api-server", "scheduler", "dag-processor")
    told = run_dag(up, "genai_tracking", json.loads(secrets[1]["AIRFLOW_PASSWORDS_JSON"])["admin"])
    assert told["copy"]["complete"] is True
    with TrackingServer.of(mlflow) as there:
        run = runs_of(there, "composed")["manual__1"][0]
    assert "/dags/composed/runs/manual__1" in tags_of(run)["mlflow.note.content"]
    guess = mlflow.model_copy(update={"mlflow_password": SecretStr("a guess")})
    with TrackingServer.of(guess) as there, pytest.raises(ConfigurationError, match="GENAI_MLFLOW_PASSWORD"):
        there.experiment("composed")


def test_dashboard_and_alerts_ask_for_what_the_servers_tell(up: Containers, own: StoreAddress) -> None:
    up.await_health("gateway", "triton")
    load_a_model(Bucket(own), f"http://127.0.0.1:{up.ports['triton']}")
    told = {"up"}
    for server in ("gateway", "triton_metrics", "scaler"):
        told |= exposed(f"http://127.0.0.1:{up.ports[server]}/metrics")
    for name, expression in expressions():
        asked = metrics_in(promql_parser.parse(expression))
        assert asked <= told, f"{name}: {expression}"
        assert asked, f"{name}: {expression}"


def test_an_administrator_s_container_brings_the_champion_before_back(up: Containers, own: StoreAddress) -> None:
    up.await_health("triton")
    store, use_case = ArtifactStore(own), "python_assistant"
    before, serves = (serving_of(store, use_case, stand_in(store, name)) for name in ("before", "serves"))
    for day, one in enumerate((before, serves), 1):
        put_in_service(store, run_of(use_case, day), one)
    tini, *line = up.services["genai"]["entrypoint"]
    up.services["genai"]["command"] = [*line[1:], "rollback", use_case]
    up.complete("genai")
    assert f"champion of {use_case}: {before.model_name}" in up.log("genai")
    assert (tini, line[0]) == ("tini", "--")


def load_a_model(bucket: Bucket, triton: str) -> None:
    """Some series are of models."""
    config = 'name: "told"\nbackend: "python"\noutput { name: "OUT" data_type: TYPE_INT32 dims: 1 }\n'
    bucket.put_bytes(f"{REPOSITORY}/told/1/model.py", b"class TritonPythonModel: pass\n")
    bucket.put_bytes(f"{REPOSITORY}/told/config.pbtxt", config.encode())
    httpx.post(f"{triton}/v2/repository/models/told/load", timeout=60).raise_for_status()


def run_dag(up: Containers, dag: str, password: str) -> dict[str, Any]:
    """Run a DAG over Airflow's API; task -> what it returned."""
    with httpx.Client(base_url=f"http://127.0.0.1:{up.ports['api']}", timeout=30) as client:
        answer = client.post("/auth/token", json={"username": "admin", "password": password})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        deadline = time.monotonic() + 120
        while client.get(f"/api/v2/dags/{dag}").status_code != 200:
            assert time.monotonic() < deadline, up.log("dag-processor")
            time.sleep(0.3)
        run = client.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None}).json()["dag_run_id"]
        base = f"/api/v2/dags/{dag}/dagRuns/{run}"
        while (state := client.get(base).json()["state"]) not in ("success", "failed"):
            assert time.monotonic() < deadline, up.log("scheduler") + up.log("worker")
            time.sleep(0.3)
        assert state == "success", up.log("worker") + up.log("worker-training")
        tasks = [one["task_id"] for one in client.get(f"{base}/taskInstances").json()["task_instances"]]
        value = f"{base}/taskInstances/{{}}/xcomEntries/return_value"
        return {task: client.get(value.format(task)).json()["value"] for task in tasks}
