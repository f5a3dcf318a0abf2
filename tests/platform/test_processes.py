"""One `docker compose up` without Docker: every program that exists here, by compose's own command, environment and
health check."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, StoreAccessError
from include.core.settings import PROJECT_ROOT, Settings
from include.local import object_store
from include.local.compose_env import compose_environment, write_environment
from include.local.compose_store import prepare_bucket
from include.local.store_roles import policy, roles
from include.tracking.copy_runs import tags_of
from include.tracking.server import TrackingServer
from tests.conftest import ObjectStoreServer
from tests.platform.containers import Containers, composed
from tests.tracking.made_runs import run_workflow

DAGS = PROJECT_ROOT / "tests" / "platform" / "dags"
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
    policies = {name: policy(role, "genai") for name, role in roles(REPOSITORY).items()}
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


def test_all_programs_come_up_healthy_with_what_compose_gives_them(up: Containers) -> None:
    watched = [name for name in up.running if "healthcheck" in up.services[name]]
    up.await_health(*watched)
    assert set(up.running) - set(watched) == {"serving-control", "serving-scaler"}
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


def test_runs_are_copied_to_the_mlflow_that_compose_starts(
    up: Containers, secrets: tuple[Path, dict[str, str]]
) -> None:
    keys = {kind: secrets[1][f"S3_WORKFLOW_{kind.upper()}"] for kind in ("access_key", "secret_key")}
    address = StoreAddress.model_validate({"endpoint": f"127.0.0.1:{up.ports['minio']}", "bucket": "genai"} | keys)
    run_workflow(ArtifactStore(address), "composed", "manual__1")
    up.await_health("mlflow", "worker")
    told = run_dag(up, "genai_tracking", json.loads(secrets[1]["AIRFLOW_PASSWORDS_JSON"])["admin"])
    assert told["copy"] == {"runs": 1, "versions": 1, "complete": True}
    settings = {"mlflow_url": f"http://127.0.0.1:{up.ports['mlflow']}", "mlflow_user": "admin"}
    with TrackingServer.of(
        Settings.model_validate(settings | {"mlflow_password": secrets[1]["MLFLOW_ADMIN_PASSWORD"]})
    ) as there:
        run = next(there.runs(there.experiment("composed"), "tags.`genai.kind` = 'run'"))
    assert "/dags/composed/runs/manual__1" in tags_of(run)["mlflow.note.content"]
    with (
        TrackingServer.of(Settings.model_validate(settings | {"mlflow_password": "a guess"})) as there,
        pytest.raises(ConfigurationError, match="GENAI_MLFLOW_PASSWORD"),
    ):
        there.experiment("composed")


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


def test_each_role_of_the_store_does_its_own_work_and_no_more(
    up: Containers, secrets: tuple[Path, dict[str, str]]
) -> None:
    def may(user: str, key: str, *, write: bool) -> bool:
        keys = {kind: secrets[1][f"S3_{user}_{kind.upper()}"] for kind in ("access_key", "secret_key")}
        address = {"endpoint": f"127.0.0.1:{up.ports['minio']}", "bucket": "genai"} | keys
        bucket = Bucket(StoreAddress.model_validate(address))
        try:
            bucket.put_bytes(key, b"1") if write else bucket.get_bytes(key)
        except StoreAccessError:
            return False
        return True

    keys = ["data_preparation/split/a", "serving/access.json", "serving/traffic/a", "aliases/a", f"{REPOSITORY}/a"]
    written = {
        user: [may(user, key, write=True) for key in keys] for user in ("WORKFLOW", "SERVING", "GATEWAY", "TRITON")
    }
    assert written == {
        "WORKFLOW": [True] * 5,
        "SERVING": [False, True, True, True, True],
        "GATEWAY": [False, False, True, False, False],
        "TRITON": [False] * 5,
    }
    read = {user: [may(user, key, write=False) for key in keys] for user in written}
    assert read == {
        "WORKFLOW": [True] * 5,
        "SERVING": [True] * 5,
        "GATEWAY": [False, True, True, True, False],
        "TRITON": [False, False, False, False, True],
    }
