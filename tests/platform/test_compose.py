"""The compose tier, as far as it can be checked without a container engine."""

import importlib.util
import io
import json
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from minio import crypto
from urllib3 import HTTPResponse

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import ConfigurationError, StoreAccessError
from include.core.settings import PROJECT_ROOT, Settings, read_settings
from include.local import airflow
from include.local.compose_env import compose_environment, write_environment
from include.local.compose_store import make_users, prepare_bucket
from include.local.store_roles import roles
from tests.conftest import ObjectStoreServer
from tests.platform.containers import TOOLS, compose, composed

ONE_SHOT = {"databases", "minio-folder", "store", "init"}
AIRFLOW = {"init", "api-server", "scheduler", "dag-processor", "triggerer"}
TRITONS = {"triton", "triton-gpu"}
WORKERS = {"worker", "worker-gpu", "worker-training", "worker-training-gpu"}


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compose") / ".env"
    write_environment(path, compose_environment())
    return path


@pytest.fixture(scope="module")
def composition(env_file: Path) -> dict[str, Any]:
    return composed(env_file)


@pytest.fixture(scope="module")
def services(composition: dict[str, Any]) -> dict[str, Any]:
    return dict(composition["services"])


def test_compose_accepts_the_file_with_the_generated_environment(env_file: Path) -> None:
    done = compose(env_file, "config", "-q")
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_starts_without_the_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    done = compose(tmp_path / ".env", "config", "-q")
    assert done.returncode != 0
    for name in compose_environment():
        assert name == "COMPOSE_PROFILES" or f"required variable {name} is missing" in done.stderr, name
    assert "python3 -m include.local.compose_env" in done.stderr


def test_copies_of_models_leave_triton_memory_to_load_them(services: dict[str, Any]) -> None:
    for name in TRITONS:
        [copies] = re.findall(r"size=(\d+)g", " ".join(services[name]["tmpfs"]))
        in_memory = int(copies) * 2**30 + int(services[name]["shm_size"])
        assert in_memory * 2 <= int(services[name]["mem_limit"]), name


def test_only_what_people_use_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    published = {
        (name, port["host_ip"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    # Triton asks for no key: the gateway does
    assert published == {
        ("api-server", "127.0.0.1", 8080),
        ("gateway", "127.0.0.1", 8090),
        ("mlflow", "127.0.0.1", 5000),
        ("grafana", "127.0.0.1", 3000),
    }


def test_a_proxy_s_names_and_a_team_s_users_are_variables(tmp_path: Path, services: dict[str, Any]) -> None:
    def told(services: dict[str, Any]) -> list[str]:
        airflow, mlflow, grafana = (services[name]["environment"] for name in ("api-server", "mlflow", "grafana"))
        return [
            airflow["AIRFLOW__API__BASE_URL"],
            airflow["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"],
            mlflow["MLFLOW_SERVER_ALLOWED_HOSTS"],
            mlflow["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"],
            grafana["GF_SERVER_ROOT_URL"],
        ]

    loopback = [
        "http://127.0.0.1:8080",
        "admin:admin",
        "mlflow:5000,localhost:*,127.0.0.1:*",
        "",
        "http://127.0.0.1:3000",
    ]
    assert told(services) == loopback
    theirs = {
        "AIRFLOW_BASE_URL": "https://airflow.example.com",
        "AIRFLOW_USERS": "admin:admin,ann:op",
        "MLFLOW_ALLOWED_HOSTS": "mlflow.example.com",
        "MLFLOW_ALLOWED_ORIGINS": "https://mlflow.example.com",
        "GRAFANA_ROOT_URL": "https://grafana.example.com",
    }
    write_environment(tmp_path / ".env", compose_environment() | theirs)
    # the workers ask MLflow by its name in here
    expected = theirs | {"MLFLOW_ALLOWED_HOSTS": "mlflow:5000,mlflow.example.com"}
    assert told(composed(tmp_path / ".env")["services"]) == list(expected.values())


def test_who_reaches_whom(composition: dict[str, Any]) -> None:
    services, networks = composition["services"], composition["networks"]
    members = {
        network: {name for name, one in services.items() if network in one.get("networks", {})} for network in networks
    }
    assert members["database"] == AIRFLOW | {"postgres", "databases", "mlflow"}
    assert not members["airflow"] & (TRITONS | {"gateway", "serving-control", "serving-scaler", "mlflow", "grafana"})
    assert members["outside"] == WORKERS
    # a network that is not internal has one service, or those that read from outside: nobody meets there
    open_ones = [name for name, network in networks.items() if not network.get("internal")]
    assert sorted(len(members[name]) for name in open_ones) == [1, 1, 1, 1, len(WORKERS)]
    assert services["minio-folder"]["network_mode"] == "none"


def test_no_program_may_more_than_it_needs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"], name
        assert service["logging"]["options"]["max-size"], name
        # the workflow's image has a user of its own, as those of Triton and MLflow
        assert service.get("user", "") not in ("0",) and ("build" in service or service["user"]), name
    assert {name for name, one in services.items() if one.get("user") == "root"} == {"minio-folder"}
    assert {name for name, one in services.items() if "cap_add" in one} == {"minio-folder"}
    for stage in (PROJECT_ROOT / "Dockerfile").read_text().split("\nFROM ")[2:]:
        assert re.findall(r"^USER (\S+)$", stage, re.MULTILINE)[-1] == "1000"


def test_each_secret_is_known_to_those_who_need_it(services: dict[str, Any], env_file: Path) -> None:
    secrets = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    known = {
        key: {name for name, one in services.items() if value.strip("'") in json.dumps(one)}
        for key, value in secrets.items()
        if key not in ("COMPOSE_PROFILES", "AIRFLOW_PASSWORDS_JSON")
    }
    # of Airflow's own, the API server alone reads the store: for its pages
    database, workflow = AIRFLOW, WORKERS | {"api-server", "genai", "store"}
    assert known == {
        "POSTGRES_PASSWORD": {"postgres", "databases"},
        "AIRFLOW_DB_PASSWORD": database | {"databases"},
        "MLFLOW_DB_PASSWORD": {"databases", "mlflow"},
        "REDIS_PASSWORD": AIRFLOW | WORKERS | {"redis"},
        "GRAFANA_ADMIN_PASSWORD": {"grafana"},
        "MLFLOW_ADMIN_PASSWORD": {"worker", "worker-gpu", "mlflow"},
        "MLFLOW_SECRET_KEY": {"mlflow"},
        "AIRFLOW_FERNET_KEY": database,
        "AIRFLOW_SECRET_KEY": database,
        "AIRFLOW_JWT_SECRET": database,
        "PSEUDONYM_KEY": {"worker", "worker-gpu", "gateway", "genai"},
        **{f"S3_ROOT_{kind}_KEY": {"minio", "store"} for kind in ("ACCESS", "SECRET")},
        **{f"S3_WORKFLOW_{kind}_KEY": workflow for kind in ("ACCESS", "SECRET")},
        **{f"S3_SERVING_{kind}_KEY": {"store", "serving-control", "serving-scaler"} for kind in ("ACCESS", "SECRET")},
        **{f"S3_GATEWAY_{kind}_KEY": {"store", "gateway"} for kind in ("ACCESS", "SECRET")},
        **{f"S3_TRITON_{kind}_KEY": TRITONS | {"store"} for kind in ("ACCESS", "SECRET")},
    }
    # nobody has the keys of what no network leads to
    for secrets_of, network in (("S3_WORKFLOW_SECRET_KEY", "store"), ("MLFLOW_ADMIN_PASSWORD", "tracking")):
        assert all(network in services[name]["networks"] for name in known[secrets_of])
    # a process's command line is everybody's to read
    assert not any(
        value.strip("'") in json.dumps(one.get("command")) for value in secrets.values() for one in services.values()
    )


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for service in services.values():
        assert "build" in service or re.search(r":[\w.-]*\d[\w.-]*$", service["image"])
        assert "latest" not in service["image"]
    text = (PROJECT_ROOT / "Dockerfile").read_text()
    stages = re.findall(r" AS (\S+)$", text, re.MULTILINE)
    for image in set(re.findall(r"^(?:FROM |ARG TRITON_IMAGE=)([^\s$]+)", text, re.MULTILINE)) - set(stages):
        assert re.search(r":[\w.-]*\d+\.\d+", image)


def test_every_program_reads_the_same_settings(services: dict[str, Any]) -> None:
    read = {
        name: read_settings(service["environment"])
        for name, service in services.items()
        if "GENAI_S3_ENDPOINT" in service.get("environment", {})
    }
    others = {"postgres", "databases", "redis", "minio-folder", "minio", "mlflow", "prometheus", "grafana"} | TRITONS
    assert set(read) == set(services) - others
    own = {"host", "mlflow_user", *(name for name in Settings.model_fields if name.endswith(("_key", "_password")))}
    shared = [settings.model_dump(exclude=own) for settings in read.values()]
    assert all(settings == shared[0] for settings in shared)
    assert (read["gateway"].s3_address, read["gateway"].triton_address) == ("minio:9000", "triton:8001")


def test_tasks_reach_the_store_by_airflows_connection(services: dict[str, Any]) -> None:
    environment = services["worker"]["environment"]
    connection = json.loads(environment["AIRFLOW_CONN_GENAI_STORE"])
    assert connection["conn_type"] == "generic"
    assert connection["login"] == environment["GENAI_S3_ACCESS_KEY"]
    assert connection["password"] == environment["GENAI_S3_SECRET_KEY"]
    assert connection["extra"] == {"bucket": "genai", "region": "us-east-1", "secure": False}


def test_airflow_is_tuned_as_the_local_stack_is(services: dict[str, Any]) -> None:
    environment = services["worker"]["environment"] | services["scheduler"]["environment"]
    assert {name: environment[name] for name in airflow.variables(airflow.TUNED)} == airflow.variables(airflow.TUNED)


def test_airflow_knows_every_option(services: dict[str, Any]) -> None:
    # found, not imported: importing Airflow writes its home folder
    found = importlib.util.find_spec("airflow")
    assert found and found.origin
    known = yaml.safe_load((Path(found.origin).parent / "config_templates" / "config.yml").read_text())
    names = [name for name in services["scheduler"]["environment"] if name.startswith("AIRFLOW__")]
    assert len(names) > 8
    for name in names:
        _, section, option = name.lower().split("__")
        # the executor's and the provider's own come with their packages
        assert section.startswith(("celery", "openlineage")) or option in known[section]["options"], name


def test_long_running_services_are_watched_and_restarted(services: dict[str, Any]) -> None:
    for name in services.keys() - ONE_SHOT - {"genai"}:
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["healthcheck"], name


def test_the_gpu_profile_gives_workers_the_devices(env_file: Path, services: dict[str, Any]) -> None:
    names = {
        profile: set(compose(env_file, "--profile", profile, "config", "--services").stdout.split())
        for profile in ("cpu", "gpu")
    }
    assert names["cpu"] & WORKERS == {"worker", "worker-training"}
    assert names["gpu"] & WORKERS == {"worker-gpu", "worker-training-gpu"}
    assert names["cpu"] ^ names["gpu"] == {*WORKERS, "triton", "triton-gpu"}
    for name in ("worker", "worker-training", "triton"):
        own = {"profiles", "deploy", "image", "build", "networks"} if name == "triton" else {"profiles", "deploy"}
        gpu, cpu = services[f"{name}-gpu"], services[name]
        assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"
        assert {key: value for key, value in gpu.items() if key not in own} == {
            key: value for key, value in cpu.items() if key not in own
        }
    # under either profile it is called triton
    assert services["triton-gpu"]["networks"]["serving"] == {"aliases": ["triton"]}


def test_the_environment_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    first, second = compose_environment(), compose_environment()
    write_environment(path, first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="lacks nothing"):
        write_environment(path, second)
    assert {name for name in first if first[name] == second[name]} == {"COMPOSE_PROFILES"}
    assert list(json.loads(first["AIRFLOW_PASSWORDS_JSON"])) == ["admin"]


def test_what_a_new_version_needs_is_added_to_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD='kept'\nTORCH_INDEX=mine")
    written = write_environment(path, compose_environment())
    assert "POSTGRES_PASSWORD" not in written and "REDIS_PASSWORD" in written
    assert path.read_text().startswith("POSTGRES_PASSWORD='kept'\nTORCH_INDEX=mine\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_environment_is_written_without_anything_installed() -> None:
    code = "from include.local.compose_env import compose_environment; print(*compose_environment())"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.stdout.split() == list(compose_environment()), done.stderr


def test_the_store_is_prepared_again_and_again(object_store_server: ObjectStoreServer) -> None:
    bucket = Bucket(object_store_server.address(bucket="compose-tier"))
    for _ in range(2):
        prepare_bucket(bucket, "inferencing/repository")
    # Triton does not start where its folder has no object
    assert bucket.holds("inferencing/repository/")


def test_users_and_policies_are_made_by_minios_admin_api(minio_admin: "AdminStandIn") -> None:
    keys = compose_environment()
    make_users(minio_admin.address(keys), "inferencing/repository", keys)
    assert minio_admin.users == {
        keys[f"S3_{name.upper()}_ACCESS_KEY"]: name for name in roles("inferencing/repository")
    }
    assert {keys["S3_TRITON_SECRET_KEY"], keys["S3_GATEWAY_SECRET_KEY"]} < set(minio_admin.secrets.values())
    triton = minio_admin.policies["triton"]["Statement"]
    assert [statement["Action"] for statement in triton] == [
        ["s3:ListBucket", "s3:GetBucketLocation"],
        ["s3:GetObject"],
    ]
    assert triton[1]["Resource"] == ["arn:aws:s3:::genai/inferencing/repository/*"]
    writes = minio_admin.policies["gateway"]["Statement"][2]
    assert writes["Resource"] == ["arn:aws:s3:::genai/serving/traffic/*", "arn:aws:s3:::genai/feedback/*"]

    minio_admin.refuses = True
    with pytest.raises(StoreAccessError, match="user workflow") as refused:
        make_users(minio_admin.address(keys), "inferencing/repository", keys)
    assert not any(value in str(refused.value) for name, value in keys.items() if "SECRET" in name)


class AdminStandIn:
    """What MinIO's admin API hears, for there is no MinIO to install."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.policies: dict[str, Any] = {}
        self.refuses, self.root = False, ""
        put = {"do_PUT": lambda request: self._put(request), "log_message": lambda *_: None}
        handler = type("Handler", (BaseHTTPRequestHandler,), put)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def address(self, keys: dict[str, str]) -> StoreAddress:
        self.root = keys["S3_ROOT_SECRET_KEY"]
        endpoint = f"127.0.0.1:{self.server.server_address[1]}"
        pair = {kind: keys[f"S3_ROOT_{kind.upper()}"] for kind in ("access_key", "secret_key")}
        return StoreAddress.model_validate({"endpoint": endpoint, "bucket": "genai"} | pair)

    def _put(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = urlsplit(request.path)
        query, call = dict(parse_qsl(path.query)), path.path.rpartition("/")[2]
        assert "AWS4-HMAC-SHA256" in request.headers["Authorization"]
        if call == "add-canned-policy":
            self.policies[query["name"]] = json.loads(body)
        elif call == "add-user":
            self.secrets[query["accessKey"]] = json.loads(decrypted(body, self.root))["secretKey"]
        else:
            assert call == "set-user-or-group-policy"
            self.users[query["userOrGroup"]] = query["policyName"]
        request.send_response(403 if self.refuses else 200)
        request.send_header("Content-Length", "0")
        request.end_headers()


def decrypted(body: bytes, secret: str) -> bytes:
    """As MinIO's server reads what its client has encrypted."""
    answer = HTTPResponse(body=io.BytesIO(body), preload_content=False)
    return crypto.decrypt(answer, secret)


@pytest.fixture
def minio_admin() -> Iterator[AdminStandIn]:
    stand_in = AdminStandIn()
    thread = threading.Thread(target=stand_in.server.serve_forever, daemon=True)
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()


def test_the_triton_image_takes_what_model_processes_import_from_the_lock() -> None:
    program = re.search(r"awk '(.+?)' /tmp/lock.txt", (PROJECT_ROOT / "Dockerfile").read_text())
    assert program
    lock = PROJECT_ROOT / "include" / "inferencing" / "requirements.txt"
    taken = subprocess.run(["awk", program[1], lock], capture_output=True, text=True, check=True).stdout
    pins = re.findall(r"^([\w-]+)==[\d.]+ \\\n +--hash=sha256:", taken, re.MULTILINE)
    assert pins == ["numpy", "openvino", "openvino-genai", "openvino-tokenizers"]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([TOOLS / "hadolint", PROJECT_ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_secret_reaches_the_image() -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert not any(".env" in line or ".genai" in line for line in ignored)
