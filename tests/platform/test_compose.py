"""The compose tier, as far as it can be checked without a container engine."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.cli import main
from include.core.settings import PROJECT_ROOT, Settings, read_settings
from include.local import airflow
from include.local.compose_env import compose_environment, write_environment
from tests.platform.containers import compose, composed

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


def test_each_secret_is_known_to_those_who_need_it(services: dict[str, Any], env_file: Path) -> None:
    secrets = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    known = {
        key: {name for name, one in services.items() if value.strip("'") in json.dumps(one)}
        for key, value in secrets.items()
        if key not in ("COMPOSE_PROFILES", "AIRFLOW_PASSWORDS_JSON")
    }
    # of Airflow's own, the API server alone reads the store: for its pages, by a user that writes what people say
    database, workflow = AIRFLOW, WORKERS | {"genai", "store"}
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
        **{f"S3_SERVING_{kind}_KEY": {"store", "serving-control"} for kind in ("ACCESS", "SECRET")},
        **{f"S3_SCALER_{kind}_KEY": {"store", "serving-scaler"} for kind in ("ACCESS", "SECRET")},
        **{f"S3_PAGES_{kind}_KEY": {"store", "api-server"} for kind in ("ACCESS", "SECRET")},
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


def test_calls_of_the_guides_are_commands_that_reach_what_they_need(services: dict[str, Any]) -> None:
    pages = ("containers", "rollback")
    text = "".join((PROJECT_ROOT / "docs" / "how-to" / f"{page}.md").read_text() for page in pages)
    lines = re.findall(r"^docker compose run --rm genai (.+)$", text, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"keys", "rollback", "lineage"}
    for line in lines:
        main.parser().parse_args(line.split())
    # a rollback copies in the store and loads on Triton
    assert set(services["genai"]["networks"]) == {"store", "serving"}


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
