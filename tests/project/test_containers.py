"""The compose tier, as far as it can be checked without a container engine."""

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import ConfigurationError, StoreAccessError
from include.core.settings import PROJECT_ROOT, read_settings
from include.local.compose_env import compose_environment, write_environment
from tests.conftest import ObjectStoreServer

TOOLS = Path(sys.executable).parent
COMPOSE = PROJECT_ROOT / "docker-compose.yaml"


def compose(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [TOOLS / "docker-compose", "--env-file", env_file, "-f", COMPOSE, *arguments]
    return subprocess.run(line, capture_output=True, text=True, env={"PATH": os.defpath, "HOME": str(env_file.parent)})


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compose") / ".env"
    write_environment(path, compose_environment())
    return path


@pytest.fixture(scope="module")
def services(env_file: Path) -> dict[str, Any]:
    done = compose(env_file, "--profile", "gpu", "--profile", "cpu", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)["services"])


def test_compose_accepts_the_file_with_the_generated_environment(env_file: Path) -> None:
    done = compose(env_file, "config", "-q")
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_starts_without_the_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    done = compose(tmp_path / ".env", "config", "-q")
    assert done.returncode != 0
    for name in compose_environment():
        assert name == "COMPOSE_PROFILES" or f"required variable {name} is missing" in done.stderr
    assert "python3 -m include.local.compose_env" in done.stderr


def test_only_the_web_ui_the_gateway_and_triton_are_published_on_loopback(services: dict[str, Any]) -> None:
    published = {
        (name, port["host_ip"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    assert published == {
        ("api-server", "127.0.0.1", 8080),
        ("gateway", "127.0.0.1", 8090),
        ("triton", "127.0.0.1", 8000),
        ("triton", "127.0.0.1", 8001),
    }


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for service in services.values():
        assert "build" in service or re.search(r":[\w.-]*\d[\w.-]*$", service["image"])
        assert "latest" not in service["image"]
    for image in re.findall(r"^FROM (\S+)", (PROJECT_ROOT / "Dockerfile").read_text(), re.MULTILINE):
        assert re.search(r":[\w.-]*\d+\.\d+", image)


def test_every_program_reads_the_same_settings(services: dict[str, Any]) -> None:
    read = [
        read_settings(service["environment"])
        for service in services.values()
        if "GENAI_S3_ENDPOINT" in service.get("environment", {})
    ]
    assert len(read) == len(services) - 3  # all but Postgres, MinIO and Triton
    # Airflow's tasks and the gateway make pseudonyms: no other program has their key; the gateway alone is called from
    # outside
    shared = [settings.model_dump(exclude={"pseudonym_key", "host"}) for settings in read]
    assert all(settings == shared[0] for settings in shared)
    keyed = {name for name, one in services.items() if "GENAI_PSEUDONYM_KEY" in one.get("environment", {})}
    assert (
        {"scheduler"}
        <= keyed
        <= {"gateway"} | {name for name, one in services.items() if "AIRFLOW__CORE__EXECUTOR" in one["environment"]}
    )
    assert (read[0].s3_address, read[0].triton_address) == ("minio:9000", "triton:8001")


def test_airflow_reaches_the_store_by_its_connection(services: dict[str, Any], env_file: Path) -> None:
    environment = services["scheduler"]["environment"]
    connection = json.loads(environment["AIRFLOW_CONN_GENAI_STORE"])
    assert connection["conn_type"] == "generic"
    assert (
        connection["login"] == environment["GENAI_S3_ACCESS_KEY"] == services["minio"]["environment"]["MINIO_ROOT_USER"]
    )
    assert connection["password"] == environment["GENAI_S3_SECRET_KEY"]
    assert connection["extra"] == {"bucket": "genai", "region": "us-east-1", "secure": False}


def test_airflow_knows_every_option(services: dict[str, Any]) -> None:
    # found, not imported: importing Airflow writes its home folder
    found = importlib.util.find_spec("airflow")
    assert found and found.origin
    known = yaml.safe_load((Path(found.origin).parent / "config_templates" / "config.yml").read_text())
    names = [name for name in services["scheduler"]["environment"] if name.startswith("AIRFLOW__")]
    assert len(names) > 8
    for name in names:
        _, section, option = name.lower().split("__")
        assert option in known[section]["options"], name


def test_long_running_services_are_watched_and_restarted(services: dict[str, Any]) -> None:
    for name in services.keys() - {"bucket", "init"}:
        assert services[name]["restart"] == "unless-stopped"
        # serving-control has no port: it ends when it cannot go on
        assert name == "serving-control" or services[name]["healthcheck"]


def test_the_gpu_profile_gives_training_the_devices(env_file: Path, services: dict[str, Any]) -> None:
    names = {
        profile: set(compose(env_file, "--profile", profile, "config", "--services").stdout.split())
        for profile in ("cpu", "gpu")
    }
    assert "scheduler" in names["cpu"]
    assert "scheduler-gpu" not in names["cpu"]
    assert "scheduler-gpu" in names["gpu"]
    devices = services["scheduler-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["driver"] == "nvidia"


def test_the_environment_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    first, second = compose_environment(), compose_environment()
    write_environment(path, first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="exists"):
        write_environment(path, second)
    assert {name for name in first if first[name] == second[name]} == {"COMPOSE_PROFILES"}
    assert list(json.loads(first["AIRFLOW_PASSWORDS_JSON"])) == ["admin"]


def test_the_environment_is_written_without_anything_installed() -> None:
    code = "from include.local.compose_env import compose_environment; print(*compose_environment())"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.stdout.split() == list(compose_environment()), done.stderr


def test_the_bucket_job_makes_the_bucket_once(object_store_server: ObjectStoreServer) -> None:
    address = object_store_server.address(bucket="compose-tier")
    Bucket(address).ensure()
    Bucket(address).ensure()
    with pytest.raises(StoreAccessError):
        Bucket(StoreAddress.model_validate(address.model_dump() | {"secret_key": "wrong-secret-key"})).ensure()


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
